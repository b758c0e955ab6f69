import HoldfastCore
import NIOHTTP1

/// The request headers that we read, from one walk over the list. The rest goes no further.
struct RequestHeaders {
    var authorization: String?
    var hasTwoAuthorizations = false
    var apiKey: String?
    var contentType: String?
    var contentLength: Int?
    var hasContentEncoding = false
    var expect: String?
    var timeout: String?
    var criticality: String?
    var idempotencyKey: String?
    var traceparent: String?
    var tracestate: String?
    /// The official SDKs count their own retries, beginning with 0.
    var clientRetries = 0

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 6 where name.isFolded("expect"): expect = value
            case 9 where name.isFolded("x-api-key"): apiKey = value
            case 10 where name.isFolded("tracestate"):
                // It may come in parts.
                tracestate = tracestate.map { "\($0),\(value)" } ?? value
            case 11 where name.isFolded("traceparent"):
                // Two are a contradiction, and so none.
                traceparent = traceparent == nil ? value : ""
            case 12 where name.isFolded("content-type"): contentType = value
            case 13 where name.isFolded("authorization"):
                hasTwoAuthorizations = authorization != nil
                authorization = value
            case 14 where name.isFolded("content-length"): contentLength = Int(value)
            case 15 where name.isFolded("idempotency-key"): idempotencyKey = value
            case 16 where name.isFolded("content-encoding"): hasContentEncoding = !value.isFolded("identity")
            case 18 where name.isFolded("x-holdfast-timeout"): timeout = value
            case 22 where name.isFolded("x-holdfast-criticality"): criticality = value
            case 23 where name.isFolded("x-stainless-retry-count"): clientRetries = max(Int(value) ?? 0, 0)
            default: break
            }
        }
    }

    /// `application/json`, with or without parameters.
    var isJSON: Bool {
        guard var contentType else { return false }
        return contentType.withUTF8 { bytes in
            let end = bytes.firstIndex { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: " ") } ?? bytes.count
            return UnsafeBufferPointer(rebasing: bytes[..<end]).isFolded("application/json")
        }
    }
}

extension String {
    /// Equal to `lower`, an ASCII text in lower case, whatever the case of this one.
    func isFolded(_ lower: StaticString) -> Bool {
        var text = self
        return text.withUTF8 { $0.isFolded(lower) }
    }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate func isFolded(_ lower: StaticString) -> Bool {
        guard count == lower.utf8CodeUnitCount else { return false }
        for place in 0..<count {
            let byte = self[place]
            let folded = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            if folded != lower.utf8Start[place] { return false }
        }
        return true
    }
}
