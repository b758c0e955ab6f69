import HoldfastCore
import HoldfastWire
import NIOCore

/// The head of a response to a client, written straight into bytes: there are few shapes of it and it is on the path of
/// every exchange.
enum ResponseHead {
    enum Length {
        case known(Int)
        case chunked
        /// For HTTP/1.0: the body ends with the connection.
        case untilClose
    }

    static func write(
        status: Int, contentType: StaticString, length: Length, keepAlive: Bool, into buffer: inout ByteBuffer,
        extra: (inout ByteBuffer) -> Void
    ) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeStaticString(statusLine(status))
        buffer.writeStaticString("\r\ncontent-type: ")
        buffer.writeStaticString(contentType)
        switch length {
        case .known(let count):
            buffer.writeStaticString("\r\ncontent-length: ")
            buffer.writeDecimal(count)
        case .chunked:
            buffer.writeStaticString("\r\ntransfer-encoding: chunked")
        case .untilClose: break
        }
        buffer.writeStaticString("\r\n")
        extra(&buffer)
        buffer.writeStaticString(keepAlive ? "\r\n" : "connection: close\r\n\r\n")
    }

    /// A status this gateway does not write itself comes from a provider: it keeps its number under a general phrase.
    private static func statusLine(_ status: Int) -> StaticString {
        switch status {
        case 200: "200 OK"
        case 201: "201 Created"
        case 202: "202 Accepted"
        case 400: "400 Bad Request"
        case 401: "401 Unauthorized"
        case 403: "403 Forbidden"
        case 404: "404 Not Found"
        case 405: "405 Method Not Allowed"
        case 408: "408 Request Timeout"
        case 409: "409 Conflict"
        case 413: "413 Content Too Large"
        case 414: "414 URI Too Long"
        case 415: "415 Unsupported Media Type"
        case 417: "417 Expectation Failed"
        case 422: "422 Unprocessable Content"
        case 429: "429 Too Many Requests"
        case 431: "431 Request Header Fields Too Large"
        case 451: "451 Unavailable For Legal Reasons"
        case 502: "502 Bad Gateway"
        case 503: "503 Service Unavailable"
        case 504: "504 Gateway Timeout"
        case 200..<300: "200 OK"
        case 400..<500: "400 Bad Request"
        default: "500 Internal Server Error"
        }
    }
}

extension ByteBuffer {
    mutating func writeDecimal(_ value: Int) {
        guard value > 0 else {
            writeInteger(value == 0 ? UInt8(ascii: "0") : UInt8(ascii: "-"))
            if value < 0 { writeString(String(value.magnitude)) }
            return
        }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var place = 20
        var rest = value
        while rest > 0 {
            place -= 1
            digits[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        while place < 20 {
            writeInteger(digits[place])
            place += 1
        }
    }
}
