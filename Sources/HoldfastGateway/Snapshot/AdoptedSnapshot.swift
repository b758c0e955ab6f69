package import HoldfastAPI
package import HoldfastCore

/// A configuration that is to come into force, with what operators laid over it and where it came from.
package struct AdoptedSnapshot: Sendable {
    package enum Source: String, Sendable {
        /// The management plane, just now.
        case control
        /// This gateway's own ring on disk, because the management plane has not answered yet.
        case ring
        case file
    }

    package var loaded: LoadedConfiguration
    package var overrides: OverrideSet
    /// As they were made, for showing them.
    package var views: [OverrideView]
    /// By this time of day it is decided which overrides are in force.
    package var nowMilliseconds: Int64
    package var generation: UInt64
    package var source: Source
    /// As it was published; nil: it was not.
    package var document: String?

    package init(
        _ loaded: LoadedConfiguration, overrides: OverrideSet, views: [OverrideView], nowMilliseconds: Int64,
        generation: UInt64, source: Source, document: String? = nil
    ) {
        self.document = document
        self.views = views
        self.loaded = loaded
        self.overrides = overrides
        self.nowMilliseconds = nowMilliseconds
        self.generation = generation
        self.source = source
    }

    /// Of the gateway's own file, which has no number: they are counted from the start.
    package init(file loaded: LoadedConfiguration, generation: UInt64 = 1) {
        self.init(
            loaded, overrides: OverrideSet(), views: [], nowMilliseconds: 0, generation: generation, source: .file)
    }
}
