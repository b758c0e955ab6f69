/// A value that must never be printed: it shows as `***` in every description, dump and interpolation. `reveal()` is
/// the one way to the text, so that each use can be found by searching for it.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    package func reveal() -> String {
        text
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
