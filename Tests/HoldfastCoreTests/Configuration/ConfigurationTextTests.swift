import Testing

@testable import HoldfastCore

@Suite struct ConfigurationUnitsTests {
    @Test(arguments: [
        ("250ms", 250_000_000), ("2s", 2_000_000_000), ("1.5s", 1_500_000_000), ("5m", 300_000_000_000),
        ("1h", 3_600_000_000_000), ("30d", 2_592_000_000_000_000), ("0s", 0), ("0.000000001s", 1),
    ])
    func durationsAreRead(text: String, nanoseconds: Int64) {
        #expect(ConfigurationUnits.duration(text) == nanoseconds)
    }

    @Test(arguments: [
        "", "5", "s", "5 s", " 5s", "5S", "1m30s", "-1s", "+1s", "1e3s", "1.s", ".5s", "1.2.3s", "0.0000000001s", "5us",
        "٣s", "99999999999999999999s", "999999999999999999d",
    ])
    func otherTextsAreNoDurations(text: String) {
        #expect(ConfigurationUnits.duration(text) == nil)
    }

    @Test(arguments: [("0B", 0), ("64KiB", 65_536), ("10MiB", 10_485_760), ("1.5KiB", 1_536), ("2GiB", 2_147_483_648)])
    func sizesAreRead(text: String, bytes: Int) {
        #expect(ConfigurationUnits.size(text) == bytes)
    }

    @Test(arguments: ["64", "64KB", "64kib", "0.3B", "1TiB", "KiB"])
    func otherTextsAreNoSizes(text: String) {
        #expect(ConfigurationUnits.size(text) == nil)
    }

    @Test func moneyIsReadInIntegers() {
        #expect(ConfigurationUnits.money("0.40") == 400_000)
        #expect(ConfigurationUnits.money("0.1") == 100_000)
        #expect(ConfigurationUnits.money("1.600000") == 1_600_000)
        #expect(ConfigurationUnits.money("0.0000001") == nil)
        #expect(ConfigurationUnits.money("1e3") == nil)
        #expect(ConfigurationUnits.money("-1") == nil)
        #expect(ConfigurationUnits.money("$1") == nil)
    }

    @Test func integersAreDecimalDigitsOnly() {
        #expect(ConfigurationUnits.integer("0") == 0)
        #expect(ConfigurationUnits.integer("200000") == 200_000)
        for text in ["", "010", "0x10", "1e3", "1_000", "-1", "+1", "1.0", "9999999999999999999"] {
            #expect(ConfigurationUnits.integer(text) == nil, "\(text)")
        }
    }

    @Test func datesAreDaysOfTheCalendar() {
        #expect(ConfigurationUnits.isDate("2027-03-31"))
        #expect(ConfigurationUnits.isDate("2028-02-29"))
        for text in ["2027-02-29", "1900-02-29", "2027-13-01", "2027-00-10", "2027-1-1", "27-01-01", "2027/01/01", ""] {
            #expect(!ConfigurationUnits.isDate(text), "\(text)")
        }
    }

    @Test func whatIsShownReadsBack() {
        for nanoseconds in [0, Span.millisecond, 1_500 * Span.millisecond, 90 * Span.second, Span.hour, 30 * Span.day] {
            #expect(ConfigurationUnits.duration(ConfigurationUnits.durationText(nanoseconds)) == nanoseconds)
        }
        for bytes in [0, 1, 1_023, 1_024, 10 << 20, 3 << 30] {
            #expect(ConfigurationUnits.size(ConfigurationUnits.sizeText(bytes)) == bytes)
        }
    }
}

@Suite struct AddressTextTests {
    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::00ff", "2001:db8::ff"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("fe80::", "fe80::"),
    ])
    func ipv6HasOneSpelling(text: String, canonical: String) {
        #expect(AddressText.ipv6(text).map(AddressText.ipv6Text) == canonical)
    }

    @Test(arguments: [
        "", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::",
        "::1%lo",
        "[::1]", "127.0.0.1::1", "::127.1", ":1:2:3:4:5:6:7:8",
    ])
    func otherTextsAreNoIPv6(text: String) {
        #expect(AddressText.ipv6(text) == nil)
    }

    @Test(arguments: ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "1.2.3.256", "1.2.3.4.5", "1.2.3.", "１.2.3.4", ""])
    func stretchedIPv4IsRefused(text: String) {
        #expect(AddressText.ipv4(text) == nil)
    }

    @Test func privateAddressesAreKnown() {
        let own = [
            "localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::", "fd00::1", "fe80::1", "::ffff:10.0.0.1",
        ]
        for host in own {
            #expect(AddressText.isPrivate(host), "\(host)")
        }
        for host in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "api.openai.com", "::ffff:8.8.8.8"] {
            #expect(!AddressText.isPrivate(host), "\(host)")
        }
    }

    @Test(arguments: [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://API.OpenAI.com/v1/", "https://api.openai.com/v1"),
        ("https://example.com", "https://example.com"), ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("http://[0:0::1]:80/x", "http://[::1]/x"), ("https://h:443/a/b", "https://h/a/b"),
        ("https://h:8443/", "https://h:8443"),
    ])
    func baseURLsHaveOneSpelling(text: String, canonical: String) throws {
        #expect("\(try BaseURL(parsing: text))" == canonical)
    }

    @Test(arguments: [
        ("ftp://h/", BaseURLFault.scheme), ("HTTPS://h", .scheme), ("api.openai.com/v1", .scheme), ("", .scheme),
        ("https://u:p@h/v1", .userInfo), ("https://u@h", .userInfo), ("https://h/v1?x=1", .queryOrFragment),
        ("https://h#f", .queryOrFragment), ("https://", .host), ("https:///v1", .host), ("https://a b/v1", .host),
        ("https://-a.com", .host), ("https://a..b", .host), ("https://[::1", .host), ("https://[::1%25lo]/", .host),
        ("https://①②⑦.0.0.1/", .host), ("https://%31%32%37.0.0.1/", .host), ("http://2130706433/", .oddIPv4),
        ("http://0x7f.1/", .oddIPv4), ("http://0177.0.0.1/", .oddIPv4), ("http://127.1/", .oddIPv4),
        ("http://1.2.3.0x4/", .oddIPv4), ("https://h:0/", .port), ("https://h:65536/", .port), ("https://h:/", .port),
        ("https://h:8o/", .port), ("https://[::1]x/", .port), ("https://h/a//b", .path), ("https://h/../b", .path),
        ("https://h/a%2fb", .path), ("https://h\\v1", .path), ("https://h/a b", .path), ("https://h/ä", .path),
        ("https://h/a\u{0}", .path),
    ])
    func otherBaseURLsAreRefused(text: String, fault: BaseURLFault) {
        #expect(throws: fault) { try BaseURL(parsing: text) }
    }

    @Test func listenAddressesAreStrict() throws {
        #expect("\(try ListenAddress(parsing: "127.0.0.1:8080"))" == "127.0.0.1:8080")
        #expect("\(try ListenAddress(parsing: "[0:0::1]:0"))" == "[::1]:0")
        #expect(try ListenAddress(parsing: "[0:0:0:0:0:0:0:1]:1").isLoopback)
        #expect(try ListenAddress(parsing: "localhost:1").isLoopback)
        #expect(try !ListenAddress(parsing: "0.0.0.0:1").isLoopback)
        #expect(throws: ListenAddressFault.noPort) { try ListenAddress(parsing: "127.0.0.1") }
        #expect(throws: ListenAddressFault.noPort) { try ListenAddress(parsing: "127.0.0.1:65536") }
        #expect(throws: ListenAddressFault.noHost) { try ListenAddress(parsing: ":8080") }
        #expect(throws: ListenAddressFault.noAddress) { try ListenAddress(parsing: "::1:8080") }
        #expect(throws: ListenAddressFault.noAddress) { try ListenAddress(parsing: "gateway.example:8080") }
        #expect(throws: ListenAddressFault.noAddress) { try ListenAddress(parsing: "127.1:8080") }
    }
}

@Suite struct SpellingTests {
    @Test func theNearestNameIsFound() {
        let known = ["base_url", "api_key", "vendor", "region"]
        #expect(Spelling.nearest(to: "baseUrl", among: known) == "base_url")
        #expect(Spelling.nearest(to: "base-url", among: known) == "base_url")
        #expect(Spelling.nearest(to: "api_kye", among: known) == "api_key")
        #expect(Spelling.nearest(to: "regoin", among: known) == "region")
        #expect(Spelling.nearest(to: "temperature", among: known) == nil)
        #expect(Spelling.nearest(to: "", among: known) == nil)
        #expect(Spelling.nearest(to: String(repeating: "a", count: 10_000), among: known) == nil)
    }
}
