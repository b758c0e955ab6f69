/// Whom the management plane tells of alerts.
package struct NotificationSettings: Sendable, Hashable {
    package enum Format: String, Sendable, Hashable, CaseIterable {
        /// Alerts for the API of an Alertmanager, which decides whom to tell and when.
        case alertmanager
        /// What an Alertmanager sends to its webhooks, for everything that understands that.
        case webhook
        /// CloudEvents 1.0 over HTTP, in structured mode.
        case cloudevents
    }

    package var name: String
    package var format: Format
    /// Nil: it is a reference that cannot be read here.
    package var url: BaseURL?
    /// Of the header of that name; nil: none is sent.
    package var authorization: Secret?
    /// False: the credentials are a reference that cannot be read here, and so nothing is sent.
    package var isReadable: Bool
    package var kinds: Set<AlertKind>
    package var resendNanoseconds: Int64

    package init(
        name: String, format: Format, url: BaseURL?, authorization: Secret? = nil, isReadable: Bool = true,
        kinds: Set<AlertKind> = Set(AlertKind.allCases), resendNanoseconds: Int64 = Self.usualResendNanoseconds
    ) {
        self.name = name
        self.format = format
        self.url = url
        self.authorization = authorization
        self.isReadable = isReadable
        self.kinds = kinds
        self.resendNanoseconds = resendNanoseconds
    }

    /// An Alertmanager takes what it does not hear of again for over; Prometheus says it again every minute, too.
    package static let usualResendNanoseconds = Span.minute
}
