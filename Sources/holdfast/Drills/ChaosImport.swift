import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

/// Drills out of an experiment of the Chaos Toolkit: our own exports, requests to our API, and what makes a proxy of
/// Toxiproxy fail, where that is named as a provider. What is none of these is refused by name and never passed over: an
/// experiment of which half was imported would prove something else.
struct ChaosImport {
    struct Refusal: Error, Equatable {
        /// Such as `method[0].provider`.
        var place: String
        var message: String
        var mend: String
    }

    var title: String
    var drills: [NewDrillView]

    init(_ json: Data) throws(Refusal) {
        let experiment: Experiment
        do {
            experiment = try JSONDecoder().decode(Experiment.self, from: json)
        } catch let error as DecodingError {
            throw Self.unreadable(error)
        } catch {
            throw Refusal(
                place: "the file", message: "it is no experiment", mend: "name a JSON file of the Chaos Toolkit")
        }
        title = experiment.title
        drills = []
        for (place, activity) in experiment.method.enumerated() where activity.type != "probe" {
            guard activity.type == "action" else {
                throw Refusal(
                    place: "method[\(place)].type", message: "there is no activity of this type",
                    mend: "use action or probe")
            }
            if let drill = try Self.drill(activity, at: "method[\(place)].provider", title) { drills.append(drill) }
        }
        guard !drills.isEmpty else {
            throw Refusal(
                place: "method", message: "it holds no action that makes anything fail",
                mend: "start from one that holdfast drill export has written")
        }
    }

    private static func unreadable(_ error: DecodingError) -> Refusal {
        let context: DecodingError.Context =
            switch error {
            case .keyNotFound(let key, let context):
                .init(codingPath: context.codingPath + [key], debugDescription: "")
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): context
            @unknown default: .init(codingPath: [], debugDescription: "")
            }
        let path = context.codingPath.reduce("") { text, key in
            if let index = key.intValue { return "\(text)[\(index)]" }
            return text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)"
        }
        return Refusal(
            place: path.isEmpty ? "the file" : path, message: "this is not as an experiment has it",
            mend: "run chaos validate on it")
    }

    // MARK: - One action

    /// Nil: it makes nothing fail, and what it undoes a drill undoes by itself.
    private static func drill(
        _ activity: Experiment.Activity, at place: String, _ title: String
    ) throws(Refusal) -> NewDrillView? {
        let provider = activity.provider
        let reason = String("chaos experiment: \(title)".unicodeScalars.prefix(Override.longestReason))
        switch provider.type {
        case "process": return try process(provider, at: place)
        case "http": return try http(provider, at: place)
        case "python":
            switch provider.module {
            case "chaostoxi.proxy.actions"?, "chaostoxi.toxic.actions"?:
                return try toxic(provider, at: place, reason)
            default:
                throw Refusal(
                    place: "\(place).module",
                    message: "actions of \(provider.module ?? "no module") are none that a gateway injects",
                    mend: "use holdfast drill run in its place: holdfast drill plans says what can fail")
            }
        default:
            throw Refusal(
                place: "\(place).type", message: "there is no provider of this type",
                mend: "use process, http or python")
        }
    }

    private static func process(_ provider: Experiment.Provider, at place: String) throws(Refusal) -> NewDrillView? {
        let path = provider.path ?? ""
        guard path == ChaosExperiment.program || path.hasSuffix("/\(ChaosExperiment.program)") else {
            throw Refusal(
                place: "\(place).path", message: "what \(path.isEmpty ? "nothing" : path) makes fail is not known here",
                mend: "use holdfast drill run in its place")
        }
        let words = provider.arguments?.words ?? []
        guard words.starts(with: ["drill", "run"]) else {
            throw Refusal(
                place: "\(place).arguments", message: "holdfast \(words.prefix(2).joined(separator: " ")) is no drill",
                mend: "use holdfast drill run in its place")
        }
        do {
            return try DrillRunCommand.parse(Array(words.dropFirst(2))).view()
        } catch {
            throw Refusal(
                place: "\(place).arguments", message: DrillRunCommand.message(for: error),
                mend: "see holdfast drill run --help")
        }
    }

    private static func http(_ provider: Experiment.Provider, at place: String) throws(Refusal) -> NewDrillView? {
        guard let url = provider.url, url.hasSuffix("/v1/drills"), provider.method?.uppercased() == "POST" else {
            throw Refusal(
                place: "\(place).url", message: "this is no request that starts a drill",
                mend: "POST to /v1/drills of the management plane")
        }
        guard let body = provider.arguments?.data, let view = try? APICoding.decode(NewDrillView.self, from: body)
        else {
            throw Refusal(
                place: "\(place).arguments", message: "this is not what starts a drill", mend: "see /openapi.json")
        }
        return view
    }

    /// A proxy stands for the provider of its name.
    private static func toxic(
        _ provider: Experiment.Provider, at place: String, _ reason: String
    ) throws(Refusal) -> NewDrillView? {
        let fault: InjectedFault
        switch provider.function ?? "" {
        case "disable_proxy", "delete_proxy": fault = .refuse
        case "create_timeout_toxic": fault = .silence
        case "create_latency_toxic": fault = .slow
        case "create_limiter_toxic": fault = .cut
        case "enable_proxy", "delete_toxic", "reset": return nil
        default:
            throw Refusal(
                place: "\(place).func", message: "\(provider.function ?? "nothing") has no counterpart here",
                mend: "use one of disable_proxy, create_timeout_toxic, create_latency_toxic, create_limiter_toxic")
        }
        guard let name = provider.arguments?["for_proxy"] ?? provider.arguments?["proxy_name"] else {
            throw Refusal(
                place: "\(place).arguments", message: "it names no proxy",
                mend: "name the proxy as the provider is named")
        }
        var view = NewDrillView(plan: DrillPlan.killProvider.rawValue, reason: reason)
        view.name = name
        view.fault = fault.rawValue
        if fault == .slow { view.delay = provider.arguments?["latency"].map { "\($0)ms" } }
        return view
    }
}

/// What of an experiment is looked at.
private struct Experiment: Decodable {
    var title: String
    var method: [Activity]

    struct Activity: Decodable {
        var type: String
        var provider: Provider
    }

    struct Provider: Decodable {
        var type: String
        var path: String?
        var url: String?
        var method: String?
        var module: String?
        var function: String?
        var arguments: Arguments?

        private enum CodingKeys: String, CodingKey {
            case type, path, url, method, module, arguments
            case function = "func"
        }
    }

    /// A command line as one text or as words, or names and values.
    enum Arguments: Decodable {
        case text(String)
        case list([Word])
        case named([String: Word])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let words = try? container.decode([Word].self) {
                self = .list(words)
            } else {
                self = .named(try container.decode([String: Word].self))
            }
        }

        /// As a shell would split it: quotes hold words together, and nothing else means anything.
        var words: [String] {
            switch self {
            case .text(let text): Self.split(text)
            case .list(let words): words.map(\.text)
            case .named(let named): named.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value.text] }
            }
        }

        subscript(name: String) -> String? {
            if case .named(let named) = self { named[name]?.text } else { nil }
        }

        var data: Data? {
            guard case .named(let named) = self else { return nil }
            return try? JSONEncoder().encode(named)
        }

        private static func split(_ text: String) -> [String] {
            var words: [String] = []
            var word: String?
            var quote: Character?
            for character in text {
                if let open = quote {
                    if character == open { quote = nil } else { word = (word ?? "") + String(character) }
                } else if character == "'" || character == "\"" {
                    quote = character
                    word = word ?? ""
                } else if character.isWhitespace {
                    if let done = word { words.append(done) }
                    word = nil
                } else {
                    word = (word ?? "") + String(character)
                }
            }
            if let done = word { words.append(done) }
            return words
        }
    }

    /// A plain value.
    enum Word: Codable {
        case text(String)
        case integer(Int)
        case number(Double)
        case bool(Bool)
        case list([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode([String].self) {
                self = .list(value)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let value): try container.encode(value)
            case .integer(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .bool(let value): try container.encode(value)
            case .list(let value): try container.encode(value)
            }
        }

        var text: String {
            switch self {
            case .text(let value): value
            case .integer(let value): "\(value)"
            case .number(let value): "\(value)"
            case .bool(let value): "\(value)"
            case .list(let value): value.joined(separator: " ")
            }
        }
    }
}
