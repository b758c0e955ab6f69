/// `GET /state` of a gateway's operations listener: what this process knows of itself, as JSON. Times are ages or spans
/// in the unit that the name says, since a monotonic clock has no date.
package struct GatewayStateView: Codable, Sendable {
    package struct Configuration: Codable, Sendable {
        /// Of the snapshot in force.
        package var generation: UInt64
        /// Fields whose change waits for the next start.
        package var needsRestart: [String]
        package var refusals: Int
        /// The newest document, if it was refused: what is in force is the last known good one.
        package var refused: [Problem]
        /// Where what is in force came from: `control`, `ring` (this gateway's disk) or `file`.
        package var source: String
        /// The management plane has not been heard for so long that what is in force may be old.
        package var stale: Bool
        /// The newest snapshot, if it was refused.
        package var refusedSnapshot: Refusal?
        package var overrides: [OverrideInForce]

        package init(
            generation: UInt64, needsRestart: [String], refusals: Int, refused: [Problem], source: String, stale: Bool,
            refusedSnapshot: Refusal?, overrides: [OverrideInForce]
        ) {
            self.generation = generation
            self.source = source
            self.stale = stale
            self.refusedSnapshot = refusedSnapshot
            self.overrides = overrides
            self.needsRestart = needsRestart
            self.refusals = refusals
            self.refused = refused
        }
    }

    package struct Refusal: Codable, Sendable {
        /// Absent: it could not be read so far.
        package var generation: UInt64?
        package var message: String
        package var mend: String

        package init(generation: UInt64?, message: String, mend: String) {
            self.generation = generation
            self.message = message
            self.mend = mend
        }
    }

    /// What an operator laid over the document, and what it covers here.
    package struct OverrideInForce: Codable, Sendable {
        package var id: String
        package var effect: OverrideEffectView
        package var author: String
        package var reason: String
        /// RFC 3339.
        package var expiresAt: String
        /// It names nothing that the document has.
        package var idle: Bool
        /// A restriction that a person should have looked at by now.
        package var overdue: Bool

        package init(
            id: String, effect: OverrideEffectView, author: String, reason: String, expiresAt: String, idle: Bool,
            overdue: Bool
        ) {
            self.id = id
            self.effect = effect
            self.author = author
            self.reason = reason
            self.expiresAt = expiresAt
            self.idle = idle
            self.overdue = overdue
        }
    }

    package struct Problem: Codable, Sendable {
        package var file: String
        package var line: Int
        package var column: Int
        package var path: String
        package var message: String
        package var mend: String

        package init(file: String, line: Int, column: Int, path: String, message: String, mend: String) {
            self.file = file
            self.line = line
            self.column = column
            self.path = path
            self.message = message
            self.mend = mend
        }
    }

    package struct Route: Codable, Sendable {
        package var name: String
        package var candidates: [String]
        package var ends: [String: Int]
        package var failovers: Int

        package init(name: String, candidates: [String], ends: [String: Int], failovers: Int) {
            self.name = name
            self.candidates = candidates
            self.ends = ends
            self.failovers = failovers
        }
    }

    /// Why something is out although its breaker may be closed.
    package struct Suspension: Codable, Sendable {
        package var failure: String
        package var mend: String
        package var ageMilliseconds: Int64
        /// Until one attempt sees whether the cause is gone; absent: until a person clears it.
        package var endsInMilliseconds: Int64?

        package init(failure: String, mend: String, ageMilliseconds: Int64, endsInMilliseconds: Int64?) {
            self.failure = failure
            self.mend = mend
            self.ageMilliseconds = ageMilliseconds
            self.endsInMilliseconds = endsInMilliseconds
        }
    }

    package struct Deployment: Codable, Sendable {
        package struct LastFailure: Codable, Sendable {
            package var failure: String
            package var detail: String
            package var ageMilliseconds: Int64

            package init(failure: String, detail: String, ageMilliseconds: Int64) {
                self.failure = failure
                self.detail = detail
                self.ageMilliseconds = ageMilliseconds
            }
        }

        /// What is known of whether it would answer, for those that nobody asks.
        package struct Warmth: Codable, Sendable {
            /// `untested`, `warm`, `cold`, or `doubtful` where the last check found something wrong.
            package var state: String
            /// Since it last answered or passed a check; where it is doubtful, since that check.
            package var ageMilliseconds: Int64?
            /// Of the last check, such as `ok`, `unreachable`, `credential` or `model_not_listed`.
            package var lastCheck: String?

            package init(state: String, ageMilliseconds: Int64?, lastCheck: String?) {
                self.state = state
                self.ageMilliseconds = ageMilliseconds
                self.lastCheck = lastCheck
            }
        }

        package var id: String
        package var provider: String
        package var vendor: String
        package var region: String?
        package var jurisdiction: String?
        /// `closed`, `open` or `half-open`.
        package var breaker: String
        /// Where the breaker is open: until its next probe.
        package var opensForMilliseconds: Int64?
        package var suspension: Suspension?
        /// The day on which its provider takes the model away, `YYYY-MM-DD`.
        package var retires: String?
        /// Of the last streams; nil: too few.
        package var medianFirstTokenMilliseconds: Int64?
        package var inFlight: Int
        /// Exchanges that wait for one of those in flight to end.
        package var waiting: Int
        /// Attempts that may be in flight at once, where the file says so; else that may wait for their first token at once;
        /// nil: nothing limits them yet.
        package var concurrencyLimit: Int?
        package var attempts: [String: Int]
        package var failures: [String: Int]
        package var lastFailure: LastFailure?
        package var warmth: Warmth

        package init(
            id: String, provider: String, vendor: String, region: String?, jurisdiction: String?, breaker: String,
            opensForMilliseconds: Int64?, suspension: Suspension?, retires: String?,
            medianFirstTokenMilliseconds: Int64?, inFlight: Int, waiting: Int, concurrencyLimit: Int?,
            attempts: [String: Int], failures: [String: Int],
            lastFailure: LastFailure?, warmth: Warmth
        ) {
            self.id = id
            self.provider = provider
            self.vendor = vendor
            self.region = region
            self.jurisdiction = jurisdiction
            self.breaker = breaker
            self.opensForMilliseconds = opensForMilliseconds
            self.suspension = suspension
            self.retires = retires
            self.medianFirstTokenMilliseconds = medianFirstTokenMilliseconds
            self.inFlight = inFlight
            self.waiting = waiting
            self.concurrencyLimit = concurrencyLimit
            self.attempts = attempts
            self.failures = failures
            self.lastFailure = lastFailure
            self.warmth = warmth
        }
    }

    package struct Provider: Codable, Sendable {
        package var id: String
        package var openConnections: Int
        package var idleConnections: Int
        package var suspension: Suspension?

        package init(id: String, openConnections: Int, idleConnections: Int, suspension: Suspension?) {
            self.id = id
            self.openConnections = openConnections
            self.idleConnections = idleConnections
            self.suspension = suspension
        }
    }

    /// A fault order of a drill, while it is under way and for ten minutes after.
    package struct Drill: Codable, Sendable {
        /// The override that carries it.
        package var order: String
        package var fault: FaultView
        package var phase: DrillObservationView.Phase
        /// Until this phase ends by itself; absent: it has ended.
        package var endsInMilliseconds: Int64?
        /// Why the fault has ended; absent: it has not.
        package var ended: String?
        /// Exchanges on which it told.
        package var met: Int

        package init(
            order: String, fault: FaultView, phase: DrillObservationView.Phase, endsInMilliseconds: Int64?,
            ended: String?, met: Int
        ) {
            self.order = order
            self.fault = fault
            self.phase = phase
            self.endsInMilliseconds = endsInMilliseconds
            self.ended = ended
            self.met = met
        }
    }

    package var ready: Bool
    package var draining: Bool
    package var uptimeMilliseconds: Int64
    package var clientConnections: Int
    package var exchangesInFlight: Int
    /// What is refused for load before it begins: `none`, `deferrable`, `deferrable and standard` or `everything`.
    package var shedding: String
    package var configuration: Configuration
    package var routes: [Route]
    package var deployments: [Deployment]
    package var providers: [Provider]
    package var drills: [Drill]

    package init(
        ready: Bool, draining: Bool, uptimeMilliseconds: Int64, clientConnections: Int, exchangesInFlight: Int,
        shedding: String, configuration: Configuration, routes: [Route], deployments: [Deployment],
        providers: [Provider], drills: [Drill] = []
    ) {
        self.ready = ready
        self.draining = draining
        self.uptimeMilliseconds = uptimeMilliseconds
        self.clientConnections = clientConnections
        self.exchangesInFlight = exchangesInFlight
        self.shedding = shedding
        self.configuration = configuration
        self.routes = routes
        self.deployments = deployments
        self.providers = providers
        self.drills = drills
    }
}
