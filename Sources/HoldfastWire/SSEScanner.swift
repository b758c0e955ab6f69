/// One event of a stream of server-sent events, as places in the scanned bytes.
package struct SSEEvent: Sendable, Equatable {
    /// Everything of the event, its blank line included. Consecutive events' ranges meet, so forwarding them in order
    /// forwards every byte received.
    package var range: Range<Int>
    /// The value of the first `data` line; empty where there is none.
    package var data: Range<Int>
    /// How many `data` lines there are. 0: a comment, or nothing a client acts on.
    package var dataLines: Int
    /// The event's name is `error`.
    package var isNamedError: Bool
}

/// A stream that exceeds a bound.
package enum SSEProblem: Error, Sendable, Equatable {
    /// A server that never ends its line would otherwise be buffered without end.
    case lineTooLong
    case eventTooLong
}

/// Finds events in a growing buffer (WHATWG HTML §9.2.6): LF, CRLF and CR end lines, in any mixture.
///
/// The caller keeps the bytes of the event in progress and offers them again, with more behind them, at the next read;
/// the scanner remembers how far it got, so each byte is looked at once however small the reads are. What it keeps is
/// relative to the start of the event, so the caller may discard events it has taken.
package struct SSEScanner: Sendable {
    private let lineBytes: Int
    /// Looked at so far, from the start of the event.
    private var scanned = 0
    private var lineStart = 0
    private var dataStart = 0
    private var dataEnd = 0
    private var dataLines = 0
    private var isNamedError = false
    /// The last byte looked at was a CR: an LF that follows it ends no second line. It may come with a later read, even
    /// after the event that the CR completed.
    private var isAfterCarriageReturn = false
    private var mayHaveByteOrderMark = true

    /// - Parameter lineBytes: bound of one line; a whole event may have four times as many.
    package init(lineBytes: Int = 1 << 20) {
        self.lineBytes = lineBytes
    }

    /// The next complete event of `bytes`, where `from` is the end of the event returned last, or the start of the
    /// stream; nil until more bytes have come.
    package mutating func nextEvent(
        in bytes: UnsafeRawBufferPointer, from start: Int
    ) throws(SSEProblem) -> SSEEvent? {
        if mayHaveByteOrderMark, scanned == 0, !skipByteOrderMark(bytes, start) { return nil }
        while true {
            var position = start &+ scanned
            if isAfterCarriageReturn, position < bytes.count {
                isAfterCarriageReturn = false
                if bytes[position] == ASCII.lineFeed {
                    position &+= 1
                    scanned &+= 1
                    lineStart = scanned
                }
            }
            let end = WordSearch.lineEnd(bytes, from: position)
            let length = end &- start &- lineStart
            guard length <= lineBytes else { throw .lineTooLong }
            guard end &- start <= 4 &* lineBytes else { throw .eventTooLong }
            guard end < bytes.count else {
                scanned = end &- start
                return nil
            }
            isAfterCarriageReturn = bytes[end] == ASCII.carriageReturn
            var next = end &+ 1
            // The usual CRLF, both at hand: taken at once, so that the event's range ends after the pair.
            if isAfterCarriageReturn, next < bytes.count {
                isAfterCarriageReturn = false
                if bytes[next] == ASCII.lineFeed { next &+= 1 }
            }
            if length == 0 { return complete(bytes, start..<next) }
            readLine(bytes, start &+ lineStart, end, start)
            scanned = next &- start
            lineStart = scanned
        }
    }

    /// What the end of the stream leaves behind, once `nextEvent` has given nil: an event that lacks its blank line.
    /// Several servers end so after `[DONE]`; whether the rest is whole is for the reader of its data to judge. Nil
    /// where nothing is left that a client would act on.
    package mutating func finalEvent(in bytes: UnsafeRawBufferPointer, from start: Int) -> SSEEvent? {
        guard start < bytes.count, dataLines > 0 || start + lineStart < bytes.count else { return nil }
        if start + lineStart < bytes.count { readLine(bytes, start + lineStart, bytes.count, start) }
        return complete(bytes, start..<bytes.count)
    }

    /// All `data` lines of `event` joined by LF: for the rare event with several, whose data is not one range.
    package static func joinedData(of event: SSEEvent, in bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var joined: [UInt8] = []
        var lineStart = event.range.lowerBound
        let text = UnsafeRawBufferPointer(rebasing: bytes[..<event.range.upperBound])
        var found = 0
        while lineStart < text.count {
            let end = WordSearch.lineEnd(text, from: lineStart)
            if let value = value(of: "data", text, lineStart, end) {
                if found > 0 { joined.append(ASCII.lineFeed) }
                joined.append(contentsOf: text[value])
                found += 1
            }
            lineStart = end + 1
        }
        return joined
    }

    private mutating func complete(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> SSEEvent {
        let start = range.lowerBound
        let event = SSEEvent(
            range: range, data: (start &+ dataStart)..<(start &+ dataEnd), dataLines: dataLines,
            isNamedError: isNamedError)
        scanned = 0
        lineStart = 0
        dataStart = 0
        dataEnd = 0
        dataLines = 0
        isNamedError = false
        return event
    }

    @inline(__always)
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ end: Int, _ start: Int) {
        switch bytes[from] {
        case UInt8(ascii: "d"):
            guard let value = Self.value(of: "data", bytes, from, end) else { return }
            dataLines &+= 1
            if dataLines == 1 {
                dataStart = value.lowerBound &- start
                dataEnd = value.upperBound &- start
            }
        case UInt8(ascii: "e"):
            guard let value = Self.value(of: "event", bytes, from, end) else { return }
            isNamedError = ASCII.equals(bytes, value, "error")
        default:
            break
        }
    }

    /// The value of the line `from ..< end` where its field is `name`: after the colon and one space, empty where
    /// there is no colon.
    @inline(__always)
    private static func value(
        of name: StaticString, _ bytes: UnsafeRawBufferPointer, _ from: Int, _ end: Int
    ) -> Range<Int>? {
        let nameEnd = from &+ name.utf8CodeUnitCount
        guard nameEnd <= end, ASCII.equals(bytes, from..<nameEnd, name) else { return nil }
        guard nameEnd < end else { return end..<end }
        guard bytes[nameEnd] == ASCII.colon else { return nil }
        var valueStart = nameEnd &+ 1
        if valueStart < end, bytes[valueStart] == ASCII.space { valueStart &+= 1 }
        return valueStart..<end
    }

    /// Steps over a mark at the start of the stream; false while too few bytes are there to tell.
    private mutating func skipByteOrderMark(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Bool {
        let mark: [3 of UInt8] = [0xEF, 0xBB, 0xBF]
        for index in 0..<3 {
            guard start + index < bytes.count else { return false }
            guard bytes[start + index] == mark[index] else {
                mayHaveByteOrderMark = false
                return true
            }
        }
        mayHaveByteOrderMark = false
        scanned = 3
        lineStart = 3
        return true
    }
}
