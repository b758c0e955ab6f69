import Foundation

/// What a change came to, and the generation that it made.
package struct ControlChange<View: Sendable>: Sendable {
    package var view: View
    package var generation: UInt64?
}

extension ControlClient {
    /// The most that one request may ask for.
    static let longestPage = 1_000
    private static let unreserved = CharacterSet(
        charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")

    /// One segment of a path or one value of a query, percent-encoded.
    static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// One page of a list.
    ///
    /// - Parameter after: `next` of the page before.
    package func page<Item: Codable & Sendable>(
        _ path: String, after: String? = nil, limit: Int, as type: Item.Type
    ) async throws(ControlFailure) -> Page<Item> {
        let place = after.map { "&after=\(Self.encoded($0))" } ?? ""
        return try await get("\(path)?limit=\(limit)\(place)", as: Page<Item>.self)
    }

    /// A list from its beginning, page by page, until its end or until `most` of it are there. In the second case `next`
    /// says where the rest begins, so that a part is never taken for the whole.
    package func list<Item: Codable & Sendable>(
        _ path: String, most: Int, as type: Item.Type
    ) async throws(ControlFailure) -> Page<Item> {
        var items: [Item] = []
        var next: String?
        repeat {
            let limit = min(most - items.count, Self.longestPage)
            let page = try await page(path, after: next, limit: limit, as: type)
            // An empty page that names a next one would be asked for again for ever.
            guard !page.items.isEmpty else { return Page(items: items, next: nil) }
            items += page.items.prefix(limit)
            next = page.next
        } while next != nil && items.count < most
        return Page(items: items, next: next)
    }

    /// A change whose answer names the generation that it made.
    func change<View: Decodable & Sendable>(
        _ path: String, _ body: some Encodable & Sendable, ifMatch: UInt64? = nil, as type: View.Type
    ) async throws(ControlFailure) -> ControlChange<View> {
        let answer = try await ask(.post, path, body: APICoding.encode(body), ifMatch: ifMatch)
        return ControlChange(view: try read(type, answer), generation: answer.generation)
    }
}
