/// The time limits of one exchange, every default filled in.
///
/// Where another candidate exists a slow one is left early; where none does, patience is all there is.
package struct ExchangeLimits: Sendable, Hashable {
    /// How long one attempt is waited for, from its start.
    package struct Patience: Sendable, Hashable {
        /// Until the response head; streams only.
        package var firstByteNanoseconds: Int64
        /// Until the first content; streams only.
        package var firstTokenNanoseconds: Int64
        /// Until the whole answer; unary only.
        package var responseNanoseconds: Int64
    }

    package var connectNanoseconds: Int64
    /// Between two events of a committed stream.
    package var idleNanoseconds: Int64
    package var totalNanoseconds: Int64
    /// For an attempt after which another candidate may still be asked.
    package var withOthers: Patience
    /// For an attempt after which none is left: a slow model that one owns must not be cut off as silent when it is all
    /// that still answers.
    package var alone: Patience
    /// Nobody has said how long the first token may take, so a deployment's own pace may shorten it.
    package var learnsFirstToken: Bool

    package static let patientWithOthers = 10 * Span.second
    package static let patientAlone = 60 * Span.second
    package static let responseWithOthers = 60 * Span.second

    package init(_ timeouts: RouteTimeouts, candidates: Int) {
        learnsFirstToken = timeouts.firstTokenNanoseconds == nil
        connectNanoseconds = timeouts.connectNanoseconds
        idleNanoseconds = timeouts.idleNanoseconds
        totalNanoseconds = timeouts.totalNanoseconds
        alone = Self.patience(timeouts, firstToken: Self.patientAlone, response: timeouts.totalNanoseconds)
        withOthers =
            candidates > 1
            ? Self.patience(timeouts, firstToken: Self.patientWithOthers, response: Self.responseWithOthers) : alone
    }

    private static func patience(_ timeouts: RouteTimeouts, firstToken: Int64, response: Int64) -> Patience {
        let firstToken = timeouts.firstTokenNanoseconds ?? firstToken
        return Patience(
            firstByteNanoseconds: timeouts.firstByteNanoseconds ?? firstToken, firstTokenNanoseconds: firstToken,
            responseNanoseconds: timeouts.responseNanoseconds ?? response)
    }
}
