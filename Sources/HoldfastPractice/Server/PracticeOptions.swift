package import HoldfastCore
package import Logging

/// How a practice provider behaves. The defaults are those of `holdfast practice`.
package struct PracticeOptions: Sendable {
    package static let standardModels = ["practice-large", "practice-small"]

    /// Host and port; port 0 takes a free one.
    package var listen = ListenAddress(host: "127.0.0.1", port: 8101)
    /// A second listener for the control API alone, which stays reachable under `refuse`.
    package var control: ListenAddress?
    /// The provider's name, as its answers tell it.
    package var name = "practice"
    /// nil: the standard models and every name that begins with `practice`.
    package var models: [String]?
    package var apiKey: String?
    package var pacing = Pacing.believable
    package var seed: UInt64 = 0
    package var clock = PracticeClock.system
    package var logger = Logger(label: "holdfast.practice", factory: { _ in SwiftLogNoOpLogHandler() })

    package init() {}

    package func accepts(model: String) -> Bool {
        if model.hasPrefix(Fault.modelPrefix) { return true }
        if let models { return models.contains(model) }
        return model.hasPrefix("practice")
    }
}

extension PracticeOptions {
    /// Reads `HOST:PORT`, with an IPv6 host in brackets; nil where the text is not of that form.
    package static func address(_ text: String) -> ListenAddress? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : ListenAddress(host: host, port: port)
    }
}
