/// The tail is what makes a code base hard to read, so the tail is bounded.
enum Bounds {
    static let fileRule = "file-length"
    static let functionRule = "function-length"
    static let fileLines = 500
    static let functionLines = 60

    static func breaches(in file: SourceFile) -> [Breach] {
        guard file.path.hasSuffix(".swift") else { return [] }
        var breaches: [Breach] = []
        if file.lines > fileLines {
            breaches.append(
                Breach(
                    file: file.path, line: file.lines, rule: fileRule, found: "\(file.lines) lines",
                    instead: "at most \(fileLines): one type or one idea a file"))
        }
        for body in FunctionLengths.bodies(in: file.text.code) where body.length > functionLines {
            breaches.append(
                Breach(
                    file: file.path, line: body.line, rule: functionRule, found: "\(body.length) lines",
                    instead: "at most \(functionLines): name the steps"))
        }
        return breaches
    }
}

/// What may break a rule, and why. The list only shrinks: an entry that nothing needs any more fails the tests.
enum Exceptions {
    struct Entry {
        var file: String
        var rule: String
        var reason: String
    }

    static let all: [Entry] = []
}
