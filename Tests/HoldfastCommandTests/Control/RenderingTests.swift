import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

@Suite struct RenderingTests {
    private let now: Int64 = 1_806_494_400_000

    private var overrides: [OverrideView] {
        var drain = OverrideEffectView(kind: "drain")
        drain.provider = "openai"
        var restrict = OverrideEffectView(kind: "restrict")
        restrict.jurisdiction = "us"
        return [
            OverrideView(
                id: "drain-4k2m9x1c", effect: drain, author: "alice", reason: "their status page is red since noon",
                createdAt: now - 60_000, expiresAt: now + 7_200_000),
            OverrideView(
                id: "restrict-9q8w7e6r", effect: restrict, author: "bob",
                reason: "\u{65E5}\u{672C}\u{8A9E} and \u{1F6A8}",
                createdAt: now - 86_400_000, expiresAt: now - 1_000),
        ]
    }

    private func lines(width: Int?) -> [String] {
        var report = Report()
        report.overrides(overrides, now: now)
        return report.lines(Renderer(usesColor: false, width: width))
    }

    @Test(arguments: [40, 80, 200])
    func noLineIsWiderThanTheTerminal(width: Int) {
        var report = Report()
        report.override(overrides[0], now: now)
        report.line("one ", .bold("two"), " three four five six seven eight nine ten eleven twelve thirteen", indent: 2)
        for line in lines(width: width) + report.lines(Renderer(usesColor: false, width: width)) {
            #expect(PlainText.columns(line) <= width, "\(line)")
        }
    }

    @Test func aNarrowTerminalGetsCardsAndLosesNothing() {
        let text = lines(width: 40).joined(separator: " ")
        #expect(!text.contains("…"))
        for word in ["drain-4k2m9x1c", "OVERRIDE", "noon", "overdue", "alice"] { #expect(text.contains(word)) }
    }

    @Test func aTableThatMustBeCutKeepsItsIdsWhole() {
        let cut = lines(width: 80)
        #expect(cut.count == 3 && cut[1].contains("drain-4k2m9x1c") && cut[1].contains("…"))
        let whole = lines(width: nil)
        #expect(whole.count == 3 && whole[1].contains("their status page is red since noon  alice"))
        #expect(lines(width: 200).count == 3)
    }

    @Test func columnsAlignWhateverTheScript() {
        let table = Table(header: ["A", "B"], rows: [["\u{65E5}\u{672C}", "x"], ["e\u{301}", "x"], ["abcd", "x"]])
        let lines = table.lines(Renderer(usesColor: false))
        let places = lines.map { line in PlainText.columns(line.prefix { $0 != "x" && $0 != "B" }) }
        #expect(Set(places) == [8], "\(lines)")
    }

    @Test func aStyleGoesOnOverABreakAndIsWrittenOncePerLine() {
        var report = Report()
        report.line(.bold("one two"), " three ", .red("four five"), indent: 1)
        let lines = report.lines(Renderer(usesColor: true, width: 15))
        #expect(lines == [" \u{1B}[1mone two\u{1B}[0m three ", " \u{1B}[31mfour five\u{1B}[0m"], "\(lines)")
    }

    @Test func colourIsAroundTheTextAndNotInTheWidth() {
        let table = Table(header: ["A", "B"], rows: [[.red("no"), "x"], ["yes", "x"]])
        let plain = table.lines(Renderer(usesColor: false))
        let styled = table.lines(Renderer(usesColor: true))
        #expect(styled[1] == "  \u{1B}[31mno\u{1B}[0m   x" && plain[1] == "  no   x")
    }

    @Test(arguments: [
        ("a\u{1B}[31mb", "a\\u001b[31mb"), ("a\nb\tc", "a\\u000ab\\u0009c"), ("\u{9B}x\u{7F}", "\\u009bx\\u007f"),
        ("\u{202E}evil", "\\u202eevil"), ("\u{E0041}", "\\udb40\\udc41"),
        ("plain \u{E9} \u{1F6A8}", "plain \u{E9} \u{1F6A8}"),
    ])
    func whatIsUnsafeIsShownInsteadOfDone(text: String, expected: String) throws {
        #expect(PlainText.visible(text) == expected)
        let json = PlainText.visibleJSON(String(decoding: APICoding.pretty([text]), as: UTF8.self))
        #expect(try APICoding.decode([String].self, from: Data(json.utf8)) == [text])
    }

    @Test func wordsAreKeptWholeWhereTheyFit() {
        #expect(PlainText.wrap("one two three", to: 8) == ["one two", "three"])
        #expect(PlainText.wrap("abcdefghij k", to: 4) == ["abcd", "efgh", "ij k"])
        #expect(PlainText.wrap("", to: 4) == [""])
        #expect(PlainText.wrap("\u{65E5}\u{672C}", to: 1) == ["\u{65E5}", "\u{672C}"])
        #expect(PlainText.cut("abcdef", to: 4) == "abc…" && PlainText.cut("abcd", to: 4) == "abcd")
    }

    @Test func spansAndTimesAreSaidAsPeopleDo() {
        let spans: [(Int64, String)] = [
            (-5, "0 ms"), (999, "999 ms"), (7_000, "7 s"), (180_000, "3 min"), (7_500_000, "2 h 5 min"),
            (7_200_000, "2 h"), (356_400_000, "4 d 3 h"),
        ]
        for (milliseconds, words) in spans { #expect(Words.span(milliseconds: milliseconds) == words) }
        #expect(Words.time(milliseconds: now + 59_993, now: now) == "2027-03-31T12:00:59Z, in 1 min")
        #expect(Words.time(milliseconds: now - 60_000, now: now) == "2027-03-31T11:59:00Z, 1 min ago")
        for (extreme, now) in [(Int64.min, Int64.max), (.max, .min), (.min, 0), (.max, 0)] {
            #expect(Words.time(milliseconds: extreme, now: now).contains("1970"))
        }
    }

    @Test func aDifferenceShowsWhatChangedAndALittleAround() {
        let old = (1...20).map { "line \($0)\n" }.joined()
        let diff = LineDiff(from: old, to: old.replacing("line 10\n", with: "line ten\nand more\n"))
        #expect(diff.differs)
        #expect(
            diff.lines.map { $0.mark + $0.text } == [
                "@@@ line 7", " line 7", " line 8", " line 9", "-line 10", "+line ten", "+and more", " line 11",
                " line 12", " line 13",
            ])
        #expect(!LineDiff(from: old, to: old).differs)
        #expect(LineDiff(from: "", to: "a\n").lines.map(\.mark) == ["@", "+"])
        #expect(LineDiff(from: "a", to: "a\n").differs)
        let long = (1...5_000).map { "a\($0)\n" }.joined()
        let other = (1...5_000).map { "b\($0)\n" }.joined()
        #expect(LineDiff(from: long, to: other).lines.count == 10_001)
    }
}
