/// Which generation is meant.
package enum GenerationPlace: Sendable, Hashable, CustomStringConvertible {
    case newest
    case number(UInt64)

    /// `newest` or a number.
    package init?(_ text: String) {
        if text == "newest" {
            self = .newest
        } else if let number = UInt64(text) {
            self = .number(number)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .newest: "newest"
        case .number(let number): "\(number)"
        }
    }
}

extension ControlClient {
    /// The newest first, without their documents.
    package func generations(most: Int) async throws(ControlFailure) -> Page<GenerationView> {
        try await list("/v1/generations", most: most, as: GenerationView.self)
    }

    /// With its document.
    package func generation(_ place: GenerationPlace) async throws(ControlFailure) -> GenerationView {
        try await get("/v1/generations/\(place)", as: GenerationView.self)
    }

    /// - Parameter ifMatch: the newest generation that the author has seen; nil: whatever it is.
    package func publish(
        _ new: NewGenerationView, ifMatch: UInt64? = nil
    ) async throws(ControlFailure) -> GenerationView {
        try await post("/v1/generations", new, ifMatch: ifMatch, as: GenerationView.self)
    }

    package func rollBack(_ wanted: RollbackView) async throws(ControlFailure) -> GenerationView {
        try await post("/v1/rollback", wanted, as: GenerationView.self)
    }

    /// The newest generation before `newest` whose document is another one: overrides make generations too, and going
    /// back by one would often go nowhere. Nil: there is none among the `most` before it.
    package func predecessor(
        of newest: GenerationView, most: UInt64 = 200
    ) async throws(ControlFailure) -> GenerationView? {
        var number = newest.number
        let last = number > most ? number - most : 1
        while number > last {
            number -= 1
            let found = try await generation(.number(number))
            if found.document != newest.document { return found }
        }
        return nil
    }
}
