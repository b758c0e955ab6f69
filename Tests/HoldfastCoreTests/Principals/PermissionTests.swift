import Testing

@testable import HoldfastCore

@Suite struct PermissionTests {
    private static let now: Int64 = 1_800_000_000_000
    private static let day: Int64 = 86_400_000

    /// The whole matrix as it is meant. `+` yes; automation: `g` where granted, `r` where granted with recovery.
    private static let golden = """
        permission           viewer operator approver auditor admin automation node
        session.read         +      +        +        +       +     g          .
        events.read          +      +        +        .       +     g          .
        findings.read        +      +        +        .       +     g          .
        notifications.test   .      +        .        .       +     g          .
        gateways.read        +      +        +        .       +     g          .
        gateways.report      .      .        .        .       .     .          +
        exchanges.read       +      +        +        .       +     g          .
        snapshots.read       +      +        +        .       +     g          .
        snapshots.pull       .      .        .        .       .     .          +
        snapshots.publish    .      .        .        .       +     .          .
        snapshots.rollback   .      +        .        .       +     r          .
        rollouts.read        +      +        +        .       +     g          .
        rollouts.release     .      +        .        .       +     .          .
        rollouts.return      .      +        .        .       +     r          .
        overrides.read       +      +        +        .       +     g          .
        overrides.create     .      +        .        .       +     g          .
        overrides.clear      .      +        .        .       +     g          .
        restrictions.create  .      +        .        .       +     g          .
        restrictions.clear   .      +        .        .       +     .          .
        drills.read          +      +        +        .       +     g          .
        drills.start         .      +        .        .       +     g          .
        drills.stop          .      +        .        .       +     r          .
        playbooks.read       +      +        +        .       +     g          .
        playbooks.start      .      +        .        .       +     g          .
        playbooks.stop       .      +        .        .       +     r          .
        approvals.read       +      +        +        .       +     g          .
        approvals.request    .      +        .        .       +     g          .
        approvals.decide     .      .        +        .       +     .          .
        backups.read         +      +        +        .       +     g          .
        backups.create       .      +        .        .       +     g          .
        backups.verify       .      +        .        .       +     g          .
        audit.read           .      .        .        +       +     .          .
        evidence.read        .      .        .        +       +     .          .
        evidence.export      .      .        .        +       +     .          .
        keys.read            .      .        .        .       +     .          .
        keys.create          .      .        .        .       +     .          .
        keys.revoke          .      .        .        .       +     .          .
        tokens.read          .      .        .        .       +     .          .
        tokens.create        .      .        .        .       +     .          .
        tokens.revoke        .      .        .        .       +     .          .
        grants.read          .      .        .        .       +     .          .
        grants.create        .      .        .        .       +     .          .
        grants.revoke        .      .        .        .       +     .          .
        """

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// What principals may really do, and not what the table says of them.
    private static func mark(_ permission: Permission, _ kind: PrincipalKind) -> String {
        let bare = Principal(id: "p", kind: kind)
        if bare.may(permission, nowMilliseconds: now) { return "+" }
        var granted = bare
        granted.grants = [Grant(permission, expiresAtMilliseconds: now + 1)]
        if granted.may(permission, nowMilliseconds: now) { return "g" }
        granted.grants[0].includesRecovery = true
        return granted.may(permission, nowMilliseconds: now) ? "r" : "."
    }

    private static var matrix: String {
        let kinds = PrincipalKind.allCases
        var lines = [pad("permission", 21) + kinds.map(\.rawValue).joined(separator: " ")]
        for permission in Permission.allCases {
            let marks = kinds.map { pad(mark(permission, $0), $0.rawValue.count) }.joined(separator: " ")
            lines.append(pad(permission.rawValue, 21) + marks)
        }
        return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
    }

    @Test func theMatrixIsAsItIsMeant() {
        let (found, meant) = (Self.matrix.split(separator: "\n"), Self.golden.split(separator: "\n"))
        #expect(found.count == meant.count)
        for (line, other) in zip(found, meant) { #expect(line == other) }
    }

    @Test func everyPermissionIsANounAndAVerbWithAReason() {
        for permission in Permission.allCases {
            let words = permission.rawValue.split(separator: ".")
            #expect(words.count == 2 && words.allSatisfy { $0.allSatisfy(\.isLowercase) }, "\(permission.rawValue)")
            #expect(permission.rule.reason.hasSuffix("."), "\(permission.rawValue)")
            #expect(!permission.rule.kinds.contains(.automation), "\(permission.rawValue)")
        }
    }

    @Test func nobodyMayForgeTheAuditLog() {
        #expect(Permission.allCases.filter { $0.rawValue.hasPrefix("audit.") } == [.auditRead])
    }

    @Test func onlyCredentialsAndPublishingAreTheAdminsAlone() {
        let alone = Permission.allCases.filter { $0.rule.kinds == [.admin] }.map(\.rawValue)
        #expect(
            alone.filter { !$0.hasPrefix("keys.") && !$0.hasPrefix("tokens.") && !$0.hasPrefix("grants.") } == [
                "snapshots.publish"
            ])
        let notTheAdmins = Permission.allCases.filter { !$0.rule.kinds.contains(.admin) }
        #expect(notTheAdmins == [.gatewaysReport, .snapshotsPull], "what a gateway says, no person says for it")
    }

    // MARK: - Automation

    @Test func automationMayNothingByItself() {
        for permission in Permission.allCases {
            #expect(!Principal(id: "bot", kind: .automation).may(permission, nowMilliseconds: Self.now))
        }
    }

    @Test func aGrantIsForOnePermissionAndEnds() {
        let grant = Grant(.overridesCreate, expiresAtMilliseconds: Self.now + 10)
        let bot = Principal(id: "bot", kind: .automation, grants: [grant])
        #expect(bot.may(.overridesCreate, nowMilliseconds: Self.now + 9))
        #expect(!bot.may(.overridesCreate, nowMilliseconds: Self.now + 10))
        #expect(!bot.may(.overridesClear, nowMilliseconds: Self.now))
        #expect(!bot.may(.overridesRead, nowMilliseconds: Self.now))
    }

    @Test func oneValidGrantAmongSeveralIsEnough() {
        let bot = Principal(
            id: "bot", kind: .automation,
            grants: [
                Grant(.drillsStop, expiresAtMilliseconds: Self.now - 1, includesRecovery: true),
                Grant(.drillsStop, expiresAtMilliseconds: Self.now + 1),
                Grant(.drillsStop, expiresAtMilliseconds: Self.now + 1, includesRecovery: true),
            ])
        #expect(bot.may(.drillsStop, nowMilliseconds: Self.now))
    }

    @Test func aGrantGivesAPersonNothing() {
        let grants = Permission.allCases.map {
            Grant($0, expiresAtMilliseconds: Self.now + 1, includesRecovery: true)
        }
        for kind in PrincipalKind.allCases where kind != .automation {
            let granted = Principal(id: "p", kind: kind, grants: grants)
            let bare = Principal(id: "p", kind: kind)
            for permission in Permission.allCases {
                #expect(
                    granted.may(permission, nowMilliseconds: Self.now)
                        == bare.may(permission, nowMilliseconds: Self.now))
            }
        }
    }

    @Test func whatIsNeverGrantedIsRefusedWhenItIsMadeAndWhenItIsUsed() {
        let never = Permission.allCases.filter { $0.rule.automation == .never }
        for noun in ["tokens.", "keys.", "grants.", "audit."] {
            #expect(never.contains { $0.rawValue.hasPrefix(noun) })
            #expect(Permission.allCases.filter { $0.rawValue.hasPrefix(noun) }.allSatisfy(never.contains))
        }
        for permission in never {
            let grant = Grant(permission, expiresAtMilliseconds: Self.now + 1, includesRecovery: true)
            #expect(grant.refusal(nowMilliseconds: Self.now) == .neverGranted(permission))
        }
    }

    @Test func theRecoveryPathHasToBeMeant() {
        for permission in [Permission.snapshotsRollback, .rolloutsReturn, .drillsStop, .playbooksStop] {
            var grant = Grant(permission, expiresAtMilliseconds: Self.now + 1)
            #expect(grant.refusal(nowMilliseconds: Self.now) == .recoveryIsNotIncluded(permission))
            grant.includesRecovery = true
            #expect(grant.refusal(nowMilliseconds: Self.now) == nil)
        }
    }

    @Test func aGrantEndsWithinNinetyDays() {
        func refusal(_ expiry: Int64) -> Grant.Refusal? {
            Grant(.overridesCreate, expiresAtMilliseconds: expiry).refusal(nowMilliseconds: Self.now)
        }
        #expect(refusal(Self.now + 1) == nil && refusal(Self.now + 90 * Self.day) == nil)
        #expect(refusal(Self.now) == .hasPassed && refusal(.min) == .hasPassed)
        #expect(refusal(Self.now + 90 * Self.day + 1) == .tooLong && refusal(.max) == .tooLong)
        #expect(
            Grant(.overridesCreate, expiresAtMilliseconds: .max).refusal(nowMilliseconds: -1) == .tooLong,
            "a span that does not fit is too long")
        for refusal in [
            Grant.Refusal.neverGranted(.keysRead), .recoveryIsNotIncluded(.drillsStop), .hasPassed, .tooLong,
        ] {
            #expect(!refusal.message.isEmpty && !refusal.mend.isEmpty)
        }
    }

    // MARK: - Kinds and tokens

    @Test func kindsAreThoseInTheKeysOfTheManagementPlane() {
        for kind in PrincipalKind.allCases {
            #expect(kind.keyKind.rawValue == kind.rawValue)
            #expect(PrincipalKind(kind.keyKind) == kind)
        }
        #expect(KeyText.Kind.allCases.filter { PrincipalKind($0) == nil } == [.client, .agent])
    }

    @Test func tokensLiveAsLongAsTheirKindMay() throws {
        let meant: [PrincipalKind: (Int64, Int64)] = [
            .viewer: (90, 365), .operator_: (30, 90), .approver: (30, 90), .auditor: (30, 90), .admin: (7, 30),
            .automation: (30, 90), .node: (365, 730),
        ]
        for kind in PrincipalKind.allCases {
            let (usual, longest) = try #require(meant[kind])
            #expect(try TokenLifetime.milliseconds(of: kind, asked: nil) == usual * Self.day, "\(kind)")
            for good in [TokenLifetime.shortestMilliseconds, longest * Self.day] {
                #expect(try TokenLifetime.milliseconds(of: kind, asked: good) == good)
            }
            for bad in [Int64.min, 0, TokenLifetime.shortestMilliseconds - 1] {
                #expect(throws: TokenLifetime.Refusal.tooShort) {
                    try TokenLifetime.milliseconds(of: kind, asked: bad)
                }
            }
            let tooLong = TokenLifetime.Refusal.tooLong(kind: kind, longestMilliseconds: longest * Self.day)
            #expect(throws: tooLong) { try TokenLifetime.milliseconds(of: kind, asked: longest * Self.day + 1) }
            #expect(tooLong.message.contains("\(longest) days") && tooLong.mend.contains("\(longest) days"))
        }
    }
}
