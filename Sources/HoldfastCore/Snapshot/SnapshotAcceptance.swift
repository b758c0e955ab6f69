/// What comes with a pulled snapshot, once its signature is known to be right and before its content is trusted.
package struct SnapshotOffer: Sendable, Hashable {
    /// Of its form, counted from 1.
    package var formatVersion: Int
    package var number: UInt64
    /// The fingerprint of the key that signed it.
    package var origin: String
    package var bytes: Int
    package var routes: Int
    /// Whoever published it was asked about its size, and meant it.
    package var isConfirmed: Bool

    package init(
        formatVersion: Int, number: UInt64, origin: String, bytes: Int, routes: Int, isConfirmed: Bool = false
    ) {
        self.formatVersion = formatVersion
        self.number = number
        self.origin = origin
        self.bytes = bytes
        self.routes = routes
        self.isConfirmed = isConfirmed
    }
}

/// Whether a gateway puts a pulled snapshot into force. Whatever it refuses, it serves on with what it has.
///
/// A signature says who made a snapshot and not that it was meant: an empty file, half a file or the file of another
/// fleet are signed as well. What it does not know: whether the snapshot is good. That is what a roll-out finds out.
package struct SnapshotAcceptance: Sendable, Hashable {
    package static let knownFormat = 1
    /// A snapshot that is more than so many times larger, or has so many times fewer routes, has to be confirmed.
    package static let factor = 10
    /// Up to this size one may grow as it likes: a first real configuration is many times its sample.
    package static let alwaysFineBytes = 256 << 10
    /// Likewise up to so many routes.
    package static let alwaysFineRoutes = 20
    /// Beyond every configuration, confirmed or not: the file itself has at most 4 MiB.
    package static let mostBytes = 64 << 20

    /// The key of the one management plane whose snapshots this gateway takes.
    package let origin: String
    private var sequence: SnapshotSequence
    private var bytes: Int
    private var routes: Int

    package var numberInForce: UInt64 { sequence.inForce }

    /// - Parameters:
    ///   - number: of the snapshot in force; 0 where none was ever pulled, and then nothing is compared with it.
    ///   - bytes: and `routes`, of the same.
    package init(origin: String, number: UInt64 = 0, bytes: Int = 0, routes: Int = 0) {
        self.origin = origin
        sequence = SnapshotSequence(inForce: number)
        self.bytes = bytes
        self.routes = routes
    }

    /// Takes the snapshot for the one in force from here on, or says why not. In this order, since a form that is not
    /// known may mean anything, and the numbers of another origin mean nothing here.
    package mutating func accept(_ offer: SnapshotOffer) throws(SnapshotRefusal) {
        guard (1...Self.knownFormat).contains(offer.formatVersion) else {
            throw .fromANewerVersion(format: offer.formatVersion)
        }
        guard offer.origin == origin else { throw .fromAnotherOrigin(offer.origin) }
        guard offer.number != sequence.inForce else { throw .alreadyInForce(number: offer.number) }
        guard offer.number > sequence.inForce else {
            throw .older(number: offer.number, inForce: sequence.inForce)
        }
        guard offer.routes > 0 else { throw .noRoutes }
        guard (1...Self.mostBytes).contains(offer.bytes) else { throw .beyondBounds(bytes: offer.bytes) }
        if sequence.inForce > 0, !offer.isConfirmed { try compare(offer) }
        _ = sequence.adopts(offer.number)
        (bytes, routes) = (offer.bytes, offer.routes)
    }

    private func compare(_ offer: SnapshotOffer) throws(SnapshotRefusal) {
        guard !Self.isMuchMore(offer.bytes, than: bytes, fine: Self.alwaysFineBytes) else {
            throw .muchLarger(bytes: offer.bytes, inForce: bytes)
        }
        guard !Self.isMuchMore(offer.routes, than: routes, fine: Self.alwaysFineRoutes) else {
            throw .manyMoreRoutes(offer.routes, inForce: routes)
        }
        // A tenth of them or fewer.
        guard offer.routes > routes / Self.factor else {
            throw .fewRoutesLeft(offer.routes, inForce: routes)
        }
    }

    private static func isMuchMore(_ value: Int, than before: Int, fine: Int) -> Bool {
        let (times, rest) = value.quotientAndRemainder(dividingBy: factor)
        return value > fine && (times > before || times == before && rest > 0)
    }
}

/// Why a pulled snapshot is not put into force.
package enum SnapshotRefusal: Error, Sendable, Hashable {
    case fromANewerVersion(format: Int)
    case fromAnotherOrigin(String)
    /// Nothing is wrong: there is nothing new.
    case alreadyInForce(number: UInt64)
    case older(number: UInt64, inForce: UInt64)
    case noRoutes
    case beyondBounds(bytes: Int)
    case muchLarger(bytes: Int, inForce: Int)
    case manyMoreRoutes(Int, inForce: Int)
    case fewRoutesLeft(Int, inForce: Int)

    package var message: String {
        switch self {
        case .fromANewerVersion(let format):
            "the snapshot is from a newer version: its form is \(format), and \(SnapshotAcceptance.knownFormat) is known"
        case .fromAnotherOrigin(let origin):
            "the snapshot is signed with another key, \(ConfigurationQuote.quoted(origin)): another management plane, or its key has changed"
        case .alreadyInForce(let number):
            "snapshot \(number) is in force already"
        case .older(let number, let inForce):
            "snapshot \(number) is older than \(inForce), which is in force"
        case .noRoutes:
            "the snapshot has no routes"
        case .beyondBounds(let bytes):
            "the snapshot has \(bytes) bytes; 1 to \(SnapshotAcceptance.mostBytes) are read"
        case .muchLarger(let bytes, let inForce):
            "the snapshot has \(bytes) bytes, more than ten times the \(inForce) of the one in force"
        case .manyMoreRoutes(let routes, let inForce):
            "the snapshot has \(routes) routes, more than ten times the \(inForce) of the one in force"
        case .fewRoutesLeft(let routes, let inForce):
            "the snapshot leaves \(routes) of \(inForce) routes"
        }
    }

    package var mend: String {
        switch self {
        case .fromANewerVersion: "upgrade the gateway first, and the management plane after it"
        case .fromAnotherOrigin:
            "if the management plane or its key was changed on purpose, enrol this gateway with it again"
        case .alreadyInForce: "nothing to do"
        case .older: "to go back, publish the older content again: it gets a higher number"
        case .noRoutes: "publish a snapshot with at least one route; to take nothing new, drain the routes"
        case .beyondBounds: "publish a smaller configuration"
        case .muchLarger, .manyMoreRoutes, .fewRoutesLeft: "publish it again with confirmed: true, if that is meant"
        }
    }
}
