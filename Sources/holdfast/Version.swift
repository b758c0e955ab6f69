/// The version of this build; the changelog has an entry of the same name.
enum Version {
    static let text = "0.1.0"
}
