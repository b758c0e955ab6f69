/// What stands on the map. The order is the one in which kinds are shown.
package enum ComponentKind: String, Sendable, Hashable, CaseIterable, Comparable {
    /// What is sold: it needs workloads and whatever else.
    case service
    case workload
    case route
    /// All gateways that read the document.
    case gateway
    case deployment
    case provider
    case dataSource = "data-source"
    case node
    case network
    case power
    case dns
    case identity
    case management
    case backup
    case alertChannel = "alert-channel"
    case team
    case person
    /// A redundancy group: so many of its members are enough.
    case group

    /// False: it stops only with what it needs. A route is a line in a document, and a team is its people.
    package var failsByItself: Bool {
        switch self {
        case .service, .workload, .route, .gateway, .team, .group: false
        case .deployment, .provider, .dataSource, .node, .network, .power, .dns, .identity, .management, .backup,
            .alertChannel, .person:
            true
        }
    }

    /// What somebody outside notices the loss of: what findings are ranked by.
    package var isTop: Bool { [.service, .workload, .route].contains(self) }

    /// Declared by the rest of the document, which the map only adds facts to.
    package var isConfigured: Bool { [.workload, .route, .gateway, .deployment, .provider].contains(self) }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: ComponentKind, right: ComponentKind) -> Bool { left.rank < right.rank }
}

/// `kind:name`, such as `route:assistant`, `provider:openai` or `data-source:guidelines`.
package struct ComponentID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var kind: ComponentKind
    package var name: String

    package init(_ kind: ComponentKind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// Nil: it is not of that form, or there is no such kind.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let kind = ComponentKind(rawValue: String(text[..<colon])) else {
            return nil
        }
        let name = text[text.index(after: colon)...]
        guard Self.isName(name) else { return nil }
        self.init(kind, String(name))
    }

    /// A provider's id, a slash and a model's name are the longest there is.
    package static let longestName = 265
    /// The same rule for editors.
    package static let pattern =
        "^(\(ComponentKind.allCases.map(\.rawValue).joined(separator: "|"))):[A-Za-z0-9][!#-\\[\\]-~]{0,\(longestName - 1)}$"

    /// Visible ASCII without quotes and backslashes, beginning with a letter or digit.
    static func isName(_ name: Substring) -> Bool {
        (1...longestName).contains(name.utf8.count) && name.utf8.first.map(ASCIIText.isLetterOrDigit) == true
            && name.utf8.allSatisfy { ASCIIText.isVisible($0) && $0 != 0x22 && $0 != 0x5C }
    }

    package var description: String { "\(kind.rawValue):\(name)" }

    package static func < (left: ComponentID, right: ComponentID) -> Bool {
        (left.kind, left.name) < (right.kind, right.name)
    }

    /// All gateways that read the document; where they run only `map` can say.
    package static let gateways = ComponentID(.gateway, "all")
    /// The management plane of the document.
    package static let control = ComponentID(.management, "control")
}

/// What several components share, and fail with. The order is that in which they are named: the nearest first.
package enum DomainKind: String, Sendable, Hashable, CaseIterable, Comparable {
    case vendor
    case software
    case host
    case dns
    case network
    case region
    case jurisdiction
    case power
    case identity
    case price
    case people

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: DomainKind, right: DomainKind) -> Bool { left.rank < right.rank }
}

/// `vendor:openai`, `jurisdiction:us`, `power:feed-a`. Where a component has that very id, it is meant.
package struct FailureDomain: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var kind: DomainKind
    package var name: String

    package init(_ kind: DomainKind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let kind = DomainKind(rawValue: String(text[..<colon])) else {
            return nil
        }
        let name = text[text.index(after: colon)...]
        guard (1...ComponentID.longestName).contains(name.utf8.count) else { return nil }
        self.init(kind, String(name))
    }

    package var description: String { "\(kind.rawValue):\(name)" }

    package static func < (left: FailureDomain, right: FailureDomain) -> Bool {
        (left.kind, left.name) < (right.kind, right.name)
    }
}

/// One thing that can go wrong by itself: a component fails, or everything in a domain does.
package enum Failure: Sendable, Hashable, Comparable, CustomStringConvertible {
    case component(ComponentID)
    case domain(FailureDomain)

    /// Of a component where the text may mean both.
    package init?(_ text: String) {
        if let id = ComponentID(text) {
            self = .component(id)
        } else if let domain = FailureDomain(text) {
            self = .domain(domain)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .component(let id): id.description
        case .domain(let domain): domain.description
        }
    }

    /// Where several stand for the same, the first is named: a provider before its models, and both before what they
    /// share with others.
    private var rank: Int {
        switch self {
        case .component(let id): id.kind == .deployment ? 1 : 0
        case .domain: 2
        }
    }

    package static func < (left: Failure, right: Failure) -> Bool {
        switch (left, right) {
        case (.component(let left), .component(let right))
        where (left.kind == .deployment) == (right.kind == .deployment):
            left < right
        case (.domain(let left), .domain(let right)): left < right
        default: left.rank < right.rank
        }
    }
}
