/// The time limits of one exchange, every default filled in.
///
/// Where another candidate exists a slow one is left early; where none does, patience is all there is.
package struct ExchangeLimits: Sendable, Hashable {
    package var connectNanoseconds: Int64
    /// From the start of an attempt to the response head; streams only.
    package var firstByteNanoseconds: Int64
    /// From the start of an attempt to the first content; streams only.
    package var firstTokenNanoseconds: Int64
    /// Between two events of a committed stream.
    package var idleNanoseconds: Int64
    /// From the start of an attempt to the whole answer; unary only.
    package var responseNanoseconds: Int64
    package var totalNanoseconds: Int64

    package static let patientWithOthers = 10 * Span.second
    package static let patientAlone = 60 * Span.second
    package static let responseWithOthers = 60 * Span.second

    package init(_ timeouts: RouteTimeouts, candidates: Int) {
        let hasOthers = candidates > 1
        let firstToken = timeouts.firstTokenNanoseconds ?? (hasOthers ? Self.patientWithOthers : Self.patientAlone)
        connectNanoseconds = timeouts.connectNanoseconds
        firstByteNanoseconds = timeouts.firstByteNanoseconds ?? firstToken
        firstTokenNanoseconds = firstToken
        idleNanoseconds = timeouts.idleNanoseconds
        totalNanoseconds = timeouts.totalNanoseconds
        responseNanoseconds =
            timeouts.responseNanoseconds ?? (hasOthers ? Self.responseWithOthers : timeouts.totalNanoseconds)
    }
}
