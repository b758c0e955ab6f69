/// What a field may hold. The reader, the JSON Schema and the page of fields all derive from this one description.
package indirect enum ValueKind: Sendable {
    case version
    case boolean
    case integer(ClosedRange<Int>)
    /// Nanoseconds.
    case duration(ClosedRange<Int64>)
    /// Bytes.
    case size(ClosedRange<Int>)
    /// US dollars, at most six decimals.
    case money
    case date
    /// Minutes since midnight.
    case timeOfDay
    case listenAddress
    case baseURL
    /// A credential for a request header: visible ASCII, never quoted in a message.
    case secret
    /// The name of a request header that is the user's to set.
    case headerName
    /// Its value: visible ASCII and spaces, never quoted in a message.
    case headerValue
    /// PEM text with at least one block whose label ends with `block`.
    case pem(block: String)
    /// A short free text, such as a region.
    case label
    /// Visible ASCII and spaces, for what is looked up and not stored here.
    case text(longest: Int)
    /// One line of free text for people.
    case line(longest: Int)
    case name(NameKind)
    case keyHash
    /// `later`: values of the contract that this version does not act on, each with what to write instead. They are
    /// refused, since an accepted promise is one that somebody relies on.
    case choice([String], later: [LaterChoice] = [])
    case accessLog
    case list(of: ValueKind, count: ClosedRange<Int>)
    case section(SectionRule)
    /// A mapping from names to sections.
    case named(NameKind, SectionRule)
    /// A list of sections.
    case sections(SectionRule)
}

package struct LaterChoice: Sendable, Hashable {
    package var name: String
    package var mend: String

    package init(_ name: String, mend: String) {
        self.name = name
        self.mend = mend
    }
}

package enum NameKind: Sendable, Hashable, CaseIterable {
    /// A provider or a workload.
    case id
    case key
    case route
    case deployment
    /// `kind:name` on the map.
    case component
    /// The id of a finding.
    case finding
    /// A DNS name or an IP address, without a port.
    case host

    /// The same rule as `accepts`, for editors; a test holds the two together.
    package var pattern: String {
        switch self {
        case .id: "^[a-z0-9][a-z0-9._-]{0,63}$"
        case .key: "^[a-z0-9-]{1,64}$"
        case .route: "^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$"
        case .deployment: "^[a-z0-9][a-z0-9._-]{0,63}/[!#-\\[\\]-~]{1,200}$"
        case .component: ComponentID.pattern
        case .finding: Finding.idPattern
        case .host: "^[a-z0-9:][a-z0-9.:_-]{0,252}$"
        }
    }

    package func accepts(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        switch self {
        case .id:
            return (1...64).contains(bytes.count) && Self.isIDByte(bytes[0], isFirst: true)
                && bytes.allSatisfy { Self.isIDByte($0, isFirst: false) }
        case .key:
            return KeyText.isLegalID(text)
        case .route:
            return (1...128).contains(bytes.count) && ASCIIText.isLetterOrDigit(bytes[0])
                && bytes.allSatisfy { ASCIIText.isLetterOrDigit($0) || "._:@+-".utf8.contains($0) }
        case .deployment:
            return DeploymentName(text) != nil
        case .component:
            return ComponentID(text) != nil
        case .finding:
            return Finding.isID(text)
        case .host:
            return (1...253).contains(bytes.count) && Self.isHostByte(bytes[0], isFirst: true)
                && bytes.allSatisfy { Self.isHostByte($0, isFirst: false) }
        }
    }

    var mend: String {
        switch self {
        case .id: "use 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        case .key: "use 1 to \(KeyText.longestID) of a-z, 0-9 and '-'"
        case .route: "use 1 to 128 letters, digits and any of . _ : @ + -, without '/', which marks provider/model"
        case .deployment: "write provider/model, such as openai/gpt-4.1-mini"
        case .component:
            "write kind:name, the kind being one of \(ComponentKind.allCases.map(\.rawValue).joined(separator: ", "))"
        case .finding: "copy it from holdfast assess"
        case .host: "write a name in small letters or an IP address, such as holdfast.example.org or 10.0.0.5"
        }
    }

    var noun: String {
        switch self {
        case .id: "an id"
        case .key: "a key id"
        case .route: "a route's name"
        case .deployment: "a deployment"
        case .component: "a component"
        case .finding: "the id of a finding"
        case .host: "a host"
        }
    }

    private static func isHostByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        ASCIIText.isDigit(byte) || ASCIIText.isLowercase(byte) || byte == 0x3A
            || (!isFirst && "._-".utf8.contains(byte))
    }

    private static func isIDByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        ASCIIText.isDigit(byte) || ASCIIText.isLowercase(byte) || (!isFirst && "._-".utf8.contains(byte))
    }
}

/// `provider/model`: the provider's id up to the first slash; the model may hold slashes and colons.
package struct DeploymentName: Sendable, Hashable {
    package var provider: String
    package var model: String

    package init?(_ text: String) {
        guard let slash = text.firstIndex(of: "/") else { return nil }
        provider = String(text[..<slash])
        model = String(text[text.index(after: slash)...])
        // Visible ASCII without quotes and backslashes: the model is spliced into JSON and named in a header.
        let isModel = model.utf8.allSatisfy { ASCIIText.isVisible($0) && $0 != 0x22 && $0 != 0x5C }
        guard NameKind.id.accepts(provider), (1...200).contains(model.utf8.count), isModel else { return nil }
    }

    package var text: String { "\(provider)/\(model)" }
}

/// A scalar, judged.
enum ConfigurationValue {
    case boolean(Bool)
    case integer(Int)
    case nanoseconds(Int64)
    case bytes(Int)
    case micros(Int64)
    case text(String)
    case listen(ListenAddress)
    case baseURL(BaseURL)
    case digest([UInt8])
}

extension ValueKind {
    /// Judges one scalar. Messages quote `written`, never `text`, and nothing at all where the value may be a secret.
    func judge(_ text: String, written: String) -> Result<ConfigurationValue, Fault> {
        do {
            return .success(try judged(text, ConfigurationQuote.quoted(written)))
        } catch {
            return .failure(error)
        }
    }

    private func judged(_ text: String, _ quoted: String) throws(Fault) -> ConfigurationValue {
        switch self {
        case .version, .boolean, .integer, .duration, .size, .money:
            return try judgedNumber(text, quoted)
        case .date:
            guard ConfigurationUnits.isDate(text) else {
                throw Fault("\(quoted) is not a date", mend: "write a day of the calendar as YYYY-MM-DD")
            }
            return .text(text)
        case .timeOfDay:
            guard let minute = ConfigurationUnits.minuteOfDay(text) else {
                throw Fault("\(quoted) is not a time of the day", mend: "write HH:MM with 24 hours, such as \"09:30\"")
            }
            return .integer(minute)
        case .listenAddress:
            return .listen(try Self.listenAddress(text, quoted))
        case .baseURL:
            return .baseURL(try Self.baseURL(text, quoted))
        case .secret:
            return .text(try Self.secret(text))
        case .headerName:
            return .text(try Self.headerName(text, quoted))
        case .headerValue:
            return .text(try Self.headerValue(text))
        case .pem(let block):
            guard Self.holdsPEM(text, block: block) || text == ConfigurationReferences.elsewhere else {
                throw Fault(
                    "this is not PEM text with a \(block)",
                    mend: "write file:PATH of a PEM file that holds '-----BEGIN … \(block)-----'")
            }
            return .text(text)
        case .label:
            return .text(try Self.label(text, quoted))
        case .text(let longest):
            guard (1...longest).contains(text.utf8.count),
                text.utf8.allSatisfy({ ASCIIText.isVisible($0) || $0 == 0x20 })
            else { throw Fault("\(quoted) is not a plain name", mend: "use 1 to \(longest) visible ASCII characters") }
            return .text(text)
        case .line(let longest):
            return .text(try Self.line(text, quoted, longest: longest))
        case .name(let kind):
            guard kind.accepts(text) else { throw Fault("\(quoted) is not \(kind.noun)", mend: kind.mend) }
            return .text(text)
        case .keyHash:
            return .digest(try Self.digest(text))
        case .choice(let accepted, let later):
            return .text(try Self.choice(text, quoted, accepted, later))
        case .accessLog:
            return .text(try Self.accessLog(text, quoted))
        case .list, .section, .named, .sections:
            preconditionFailure("a scalar is judged by the kind of a scalar, and this is \(self)")
        }
    }

    private func judgedNumber(_ text: String, _ quoted: String) throws(Fault) -> ConfigurationValue {
        switch self {
        case .version:
            guard text == "1" else {
                throw Fault("version \(quoted) is not known here", mend: "write version: 1")
            }
            return .integer(1)
        case .boolean:
            guard text == "true" || text == "false" else {
                throw Fault("\(quoted) is neither true nor false", mend: "write true or false")
            }
            return .boolean(text == "true")
        case .integer(let range):
            guard let number = ConfigurationUnits.integer(text), range.contains(number) else {
                throw Fault(
                    "\(quoted) is not a whole number from \(range.lowerBound) to \(range.upperBound)",
                    mend: "write digits only, from \(range.lowerBound) to \(range.upperBound)")
            }
            return .integer(number)
        case .duration(let range):
            return .nanoseconds(try Self.duration(text, quoted, range))
        case .size(let range):
            return .bytes(try Self.size(text, quoted, range))
        default:
            guard let micros = ConfigurationUnits.money(text), micros <= Self.highestPriceMicros else {
                throw Fault(
                    "\(quoted) is not an amount of US dollars",
                    mend: "write a plain decimal such as 0.40: at most six decimals, no sign, no currency")
            }
            return .micros(micros)
        }
    }

    /// A million dollars for a million tokens: far above every price, far below an overflow.
    static let highestPriceMicros: Int64 = 1_000_000_000_000

    private static func duration(
        _ text: String, _ quoted: String, _ range: ClosedRange<Int64>
    ) throws(Fault) -> Int64 {
        guard let nanoseconds = ConfigurationUnits.duration(text) else {
            throw Fault(
                "\(quoted) is not a duration",
                mend: "write a number directly followed by one unit of ms, s, m, h, d, such as 250ms or 10s")
        }
        guard range.contains(nanoseconds) else {
            let lower = ConfigurationUnits.durationText(range.lowerBound)
            let upper = ConfigurationUnits.durationText(range.upperBound)
            throw Fault("\(quoted) is out of bounds", mend: "write a duration from \(lower) to \(upper)")
        }
        return nanoseconds
    }

    private static func size(_ text: String, _ quoted: String, _ range: ClosedRange<Int>) throws(Fault) -> Int {
        guard let bytes = ConfigurationUnits.size(text) else {
            throw Fault(
                "\(quoted) is not a size",
                mend: "write a number directly followed by one unit of B, KiB, MiB, GiB, such as 64KiB")
        }
        guard range.contains(bytes) else {
            let lower = ConfigurationUnits.sizeText(range.lowerBound)
            let upper = ConfigurationUnits.sizeText(range.upperBound)
            throw Fault("\(quoted) is out of bounds", mend: "write a size from \(lower) to \(upper)")
        }
        return bytes
    }
}

extension ValueKind {
    private static func listenAddress(_ text: String, _ quoted: String) throws(Fault) -> ListenAddress {
        do {
            return try ListenAddress(parsing: text)
        } catch {
            switch error {
            case .noPort:
                throw Fault(
                    "\(quoted) names no port", mend: "write HOST:PORT, such as 127.0.0.1:8080; port 0 is a free one")
            case .noHost:
                throw Fault(
                    "\(quoted) names no address",
                    mend: "write 127.0.0.1:PORT for this machine only, 0.0.0.0:PORT for all")
            case .noAddress:
                throw Fault(
                    "\(quoted) holds no IP address to listen on",
                    mend: "write four plain numbers, an IPv6 address in brackets, or localhost")
            }
        }
    }

    /// The text is not quoted where it may hold a password.
    private static func baseURL(_ text: String, _ quoted: String) throws(Fault) -> BaseURL {
        do {
            return try BaseURL(parsing: text)
        } catch {
            let example = "such as https://api.openai.com/v1"
            switch error {
            case .scheme:
                throw Fault("the base URL has neither https:// nor http://", mend: "write the whole URL, \(example)")
            case .userInfo:
                throw Fault("the base URL holds a user name or password", mend: "write the key as api_key instead")
            case .queryOrFragment:
                throw Fault(
                    "the base URL holds a query or a fragment",
                    mend: "end it with the path; nothing from '?' or '#' on is sent to a provider")
            case .host:
                throw Fault(
                    "\(quoted) holds no valid host",
                    mend: "write a DNS name (in ASCII), an IPv4 address, or an IPv6 address in brackets, \(example)")
            case .oddIPv4:
                throw Fault(
                    "\(quoted) spells an IPv4 address in an unusual way",
                    mend: "write it as four plain decimal numbers, such as 10.0.0.7")
            case .port:
                throw Fault("\(quoted) holds no valid port", mend: "write a port from 1 to 65535, or none")
            case .path:
                throw Fault(
                    "the path of \(quoted) is not plain",
                    mend: "use letters, digits and -._~:@!$&'()*+,;= between single slashes, without '.', '..' and '%'")
            }
        }
    }

    private static func secret(_ text: String) throws(Fault) -> String {
        guard !text.isEmpty else {
            throw Fault("the key is empty", mend: "write ${NAME} or file:PATH, or remove the line where none is needed")
        }
        guard text.utf8.allSatisfy(ASCIIText.isVisible), text.utf8.count <= 8_192 else {
            throw Fault(
                "the key holds a space, a line break or a character outside ASCII, or is over 8192 bytes long",
                mend: "write the bare key; a file may end with one line break and no more")
        }
        return text
    }

    /// Set by whoever sends the request; a second one would make it mean something else.
    private static let ownHeaders = [
        "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "upgrade",
        "te",
        "trailer", "expect",
    ]

    private static func headerName(_ text: String, _ quoted: String) throws(Fault) -> String {
        let isToken = text.utf8.allSatisfy { ASCIIText.isLetterOrDigit($0) || "-_.".utf8.contains($0) }
        guard (1...128).contains(text.utf8.count), isToken else {
            throw Fault("\(quoted) is not the name of a header", mend: "use 1 to 128 letters, digits and any of - _ .")
        }
        guard !ownHeaders.contains(text.lowercased()) else {
            throw Fault("the header \(quoted) is set by Holdfast itself", mend: "remove it")
        }
        return text
    }

    private static func headerValue(_ text: String) throws(Fault) -> String {
        let isPlain = text.utf8.allSatisfy { ASCIIText.isVisible($0) || $0 == 0x20 }
        guard (1...8_192).contains(text.utf8.count), isPlain, !text.hasPrefix(" "), !text.hasSuffix(" ") else {
            throw Fault(
                "the value is empty, has a line break, a space at an end or a character outside ASCII, or is over 8192 bytes long",
                mend: "write the bare value; a file may end with one line break and no more")
        }
        return text
    }

    private static func holdsPEM(_ text: String, block: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains {
            $0.hasPrefix("-----BEGIN ") && $0.hasSuffix("\(block)-----")
        }
    }

    private static func label(_ text: String, _ quoted: String) throws(Fault) -> String {
        let isLabel = text.utf8.allSatisfy { ASCIIText.isLetterOrDigit($0) || " ._-".utf8.contains($0) }
        guard (1...64).contains(text.utf8.count), isLabel, text.utf8.first.map(ASCIIText.isLetterOrDigit) == true else {
            throw Fault(
                "\(quoted) is not a short plain name",
                mend: "use 1 to 64 letters, digits, spaces and any of . _ -, beginning with a letter or digit")
        }
        return text
    }

    private static func line(_ text: String, _ quoted: String, longest: Int) throws(Fault) -> String {
        guard (1...longest).contains(text.unicodeScalars.count),
            !text.unicodeScalars.contains(where: JSONValue.isControl),
            text.contains(where: { !$0.isWhitespace })
        else {
            throw Fault(
                "\(quoted) is not one line of text", mend: "write 1 to \(longest) characters without a line break")
        }
        return text
    }

    private static func digest(_ text: String) throws(Fault) -> [UInt8] {
        guard !text.hasPrefix("hf_") else {
            throw Fault(
                "this is a key, and only its digest belongs here",
                mend: "write sha256: and the hex SHA-256 of the whole key, and replace the key if others saw this file")
        }
        let digits = text.hasPrefix("sha256:") ? text.utf8.dropFirst(7).compactMap(ASCIIText.hexValue) : []
        guard digits.count == 64, text.utf8.count == 7 + 64 else {
            throw Fault(
                "this is not the digest of a key",
                mend: "write sha256: and 64 hex digits, as `holdfast keys create` prints them")
        }
        return stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func choice(
        _ text: String, _ quoted: String, _ accepted: [String], _ later: [LaterChoice]
    ) throws(Fault) -> String {
        if accepted.contains(text) {
            return text
        }
        if let known = later.first(where: { $0.name == text }) {
            throw Fault("\(quoted) is not supported by this version", mend: known.mend)
        }
        let meant = Spelling.nearest(to: text, among: accepted).map { "; did you mean \($0)?" } ?? ""
        throw Fault("\(quoted) is not known here\(meant)", mend: "write \(accepted.joined(separator: " or "))")
    }

    private static func accessLog(_ text: String, _ quoted: String) throws(Fault) -> String {
        let isPath = text.utf8.contains(0x2F) && !text.hasSuffix("/") && !text.utf8.contains(0)
        guard text == "stdout" || text == "off" || isPath else {
            throw Fault(
                "\(quoted) is neither stdout, off nor the path of a file",
                mend: "write stdout, off, or a path with a '/' in it, such as ./access.log")
        }
        return text
    }
}
