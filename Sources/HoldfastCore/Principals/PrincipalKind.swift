/// Who acts on the management plane. A principal, and each of its tokens, has one kind.
package enum PrincipalKind: String, Sendable, Hashable, CaseIterable {
    case viewer, operator_ = "operator", approver, auditor, admin, automation
    /// A gateway that pulls its snapshots.
    case node

    /// The kind inside the token's text: `hf_<kind>_…`.
    package var keyKind: KeyText.Kind {
        switch self {
        case .viewer: .viewer
        case .operator_: .operator_
        case .approver: .approver
        case .auditor: .auditor
        case .admin: .admin
        case .automation: .automation
        case .node: .node
        }
    }

    /// Nil: a key of this kind says nothing on the management plane.
    package init?(_ kind: KeyText.Kind) {
        guard let found = Self.allCases.first(where: { $0.keyKind == kind }) else { return nil }
        self = found
    }
}

/// One permission of one automated principal, until a time.
package struct Grant: Sendable, Hashable {
    package var permission: Permission
    /// Wall clock, in milliseconds since 1970.
    package var expiresAtMilliseconds: Int64
    /// Whoever granted it was asked, and meant it: without this no permission on the recovery path is granted.
    package var includesRecovery: Bool

    /// A grant that nobody renews is one that nobody needs.
    package static let longestMilliseconds: Int64 = 90 * 86_400_000

    package init(_ permission: Permission, expiresAtMilliseconds: Int64, includesRecovery: Bool = false) {
        self.permission = permission
        self.expiresAtMilliseconds = expiresAtMilliseconds
        self.includesRecovery = includesRecovery
    }

    package enum Refusal: Error, Sendable, Hashable {
        case neverGranted(Permission)
        case recoveryIsNotIncluded(Permission)
        case hasPassed
        case tooLong

        package var message: String {
            switch self {
            case .neverGranted(let permission): "\(permission.rawValue) is never granted to automation"
            case .recoveryIsNotIncluded(let permission): "\(permission.rawValue) is on the recovery path"
            case .hasPassed: "the grant ends in the past"
            case .tooLong: "a grant lasts at most \(Grant.longestMilliseconds / 86_400_000) days"
            }
        }

        package var mend: String {
            switch self {
            case .neverGranted: "leave it to a person"
            case .recoveryIsNotIncluded:
                "say that recovery is included, where automation is really to recover by itself"
            case .hasPassed: "name a time in the future"
            case .tooLong: "name an earlier time, and renew the grant while it is needed"
            }
        }
    }

    /// Why a new grant cannot be made; nil: it can.
    package func refusal(nowMilliseconds: Int64) -> Refusal? {
        switch permission.rule.automation {
        case .never: return .neverGranted(permission)
        case .ifRecoveryIsIncluded where !includesRecovery: return .recoveryIsNotIncluded(permission)
        case .ifRecoveryIsIncluded, .ifGranted: break
        }
        guard expiresAtMilliseconds > nowMilliseconds else { return .hasPassed }
        let (span, overflow) = expiresAtMilliseconds.subtractingReportingOverflow(nowMilliseconds)
        return overflow || span > Self.longestMilliseconds ? .tooLong : nil
    }
}

/// Who acts, and what it may do.
package struct Principal: Sendable, Hashable {
    package var id: String
    package var kind: PrincipalKind
    /// Mean something for automation alone: what people may do is what their kind may do.
    package var grants: [Grant]

    package init(id: String, kind: PrincipalKind, grants: [Grant] = []) {
        self.id = id
        self.kind = kind
        self.grants = grants
    }

    /// No unless the table says yes. A grant is held against the table each time, so that one which should never have
    /// been made, or was made under an older table, gives nothing.
    package func may(_ permission: Permission, nowMilliseconds: Int64) -> Bool {
        guard kind == .automation else { return permission.rule.kinds.contains(kind) }
        return grants.contains { grant in
            guard grant.permission == permission, nowMilliseconds < grant.expiresAtMilliseconds else { return false }
            return switch permission.rule.automation {
            case .never: false
            case .ifGranted: true
            case .ifRecoveryIsIncluded: grant.includesRecovery
            }
        }
    }
}
