/// The top-level fields that policy reads or refuses. Everything else passes through untouched.
enum RequestField: Sendable {
    case unknown
    case model, stream, streamOptions
    case messages, prompt, input
    case maxTokens, maxCompletionTokens, choices, temperature
    case tools, functions, responseFormat
    /// Fields that would choose an upstream or its key. Gateways that honour them can be turned against their owner.
    case refused(StaticString)

    var name: StaticString? {
        switch self {
        case .unknown: nil
        case .model: "model"
        case .stream: "stream"
        case .streamOptions: "stream_options"
        case .messages: "messages"
        case .prompt: "prompt"
        case .input: "input"
        case .maxTokens: "max_tokens"
        case .maxCompletionTokens: "max_completion_tokens"
        case .choices: "n"
        case .temperature: "temperature"
        case .tools: "tools"
        case .functions: "functions"
        case .responseFormat: "response_format"
        case .refused(let name): name
        }
    }

    /// `key` is decoded and folded to lower case.
    @inline(__always)
    static func named(_ bytes: UnsafeRawBufferPointer, _ key: Range<Int>) -> RequestField {
        switch key.count {
        case 1: return ASCII.equals(bytes, key, "n") ? .choices : .unknown
        case 5:
            if ASCII.equals(bytes, key, "model") { return .model }
            if ASCII.equals(bytes, key, "tools") { return .tools }
            return ASCII.equals(bytes, key, "input") ? .input : .unknown
        case 6:
            if ASCII.equals(bytes, key, "stream") { return .stream }
            return ASCII.equals(bytes, key, "prompt") ? .prompt : .unknown
        case 7: return ASCII.equals(bytes, key, "api_key") ? .refused("api_key") : .unknown
        case 8:
            if ASCII.equals(bytes, key, "messages") { return .messages }
            if ASCII.equals(bytes, key, "api_base") { return .refused("api_base") }
            return ASCII.equals(bytes, key, "base_url") ? .refused("base_url") : .unknown
        case 9: return ASCII.equals(bytes, key, "functions") ? .functions : .unknown
        case 10: return ASCII.equals(bytes, key, "max_tokens") ? .maxTokens : .unknown
        case 11: return ASCII.equals(bytes, key, "temperature") ? .temperature : .unknown
        case 13:
            if ASCII.equals(bytes, key, "extra_headers") { return .refused("extra_headers") }
            return ASCII.equals(bytes, key, "mock_response") ? .refused("mock_response") : .unknown
        case 14: return ASCII.equals(bytes, key, "stream_options") ? .streamOptions : .unknown
        case 15: return ASCII.equals(bytes, key, "response_format") ? .responseFormat : .unknown
        case 19: return ASCII.equals(bytes, key, "custom_llm_provider") ? .refused("custom_llm_provider") : .unknown
        case 21: return ASCII.equals(bytes, key, "max_completion_tokens") ? .maxCompletionTokens : .unknown
        default: return .unknown
        }
    }
}

/// The keys one object has shown so far, as hashes of their decoded, lower-case text.
///
/// Two keys that differ only in case count as the same, because some servers read keys without regard to case and
/// would see a duplicate where we saw none. The hash is not secret: who forges a collision only has their own request
/// refused.
struct SeenKeys {
    /// No dialect has half as many top-level fields; the bound keeps the search over them short.
    static let bound = 128

    private var hashes = InlineArray<128, UInt64>(repeating: 0)
    private var count = 0

    enum Outcome { case new, duplicate, full }

    mutating func insert(_ hash: UInt64) -> Outcome {
        for index in 0..<count where hashes[index] == hash { return .duplicate }
        guard count < Self.bound else { return .full }
        hashes[count] = hash
        count += 1
        return .new
    }

    /// FNV-1a over the folded bytes. `isPlain` is false where folding changed something.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> (hash: UInt64, isPlain: Bool) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var isPlain = true
        for index in range {
            let byte = bytes[index]
            if ASCII.isUpper(byte) { isPlain = false }
            hash = (hash ^ UInt64(ASCII.lowered(byte))) &* 0x100_0000_01B3
        }
        return (hash, isPlain)
    }
}

/// A key as policy sees it: which field it names, and whether it is spelled exactly so.
struct RequestKey {
    var field: RequestField
    var hash: UInt64
    var isExact: Bool

    @inline(__always)
    static func read(_ key: JSONString, in json: borrowing JSONScanner) -> RequestKey {
        let (hash, isPlain) = SeenKeys.hash(json.bytes, key.contents)
        guard isPlain, !key.hasEscapes else { return read(unusual: json.text(of: key)) }
        return RequestKey(field: RequestField.named(json.bytes, key.contents), hash: hash, isExact: true)
    }

    private static func read(unusual text: String) -> RequestKey {
        var folded = Array(text.utf8)
        for index in folded.indices { folded[index] = ASCII.lowered(folded[index]) }
        let isExact = folded.elementsEqual(text.utf8)
        return folded.withUnsafeBytes { bytes in
            let all = 0..<bytes.count
            return RequestKey(
                field: RequestField.named(bytes, all), hash: SeenKeys.hash(bytes, all).hash, isExact: isExact)
        }
    }
}
