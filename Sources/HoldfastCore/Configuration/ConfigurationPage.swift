/// The page of fields, in Markdown: every key with what it may hold, its default, and the reason for it.
package enum ConfigurationPage {
    package static func markdown() -> String {
        var parts = [opening]
        append(ConfigurationTable.document, heading: "The document", to: &parts)
        return parts.joined(separator: "\n\n") + "\n"
    }

    private static let opening = """
        # Configuration

        One YAML file, `holdfast.yaml`; [holdfast.example.yaml](holdfast.example.yaml) is one to start from. This page is
        generated from the same table that reads the file: `holdfast schema --markdown > Docs/configuration.md`.
        `holdfast schema` prints a JSON Schema for editors.

        The file is read strictly. An unknown key is an error, and all problems are reported together, each with its line,
        column, path and mend: `holdfast check --config holdfast.yaml`. A document that is not right in every part is never
        put into force.

        **YAML.** One document of at most 4 MiB. Anchors, aliases, merge keys, tags and repeated keys are errors. Scalars are
        judged by the field they stand in and by nothing else: `true` and `false` are the only booleans, numbers are plain
        decimal digits, and `no`, `on`, `1e3`, `0x10` and `010` are never converted.

        **References.** `${NAME}` anywhere in a value reads the environment; `file:PATH` as a whole value reads a file,
        relative to the folder of `holdfast.yaml`, without one closing line break. What is missing or empty is an error. What
        a reference yields is not read for references again. `$${` stands for `${` itself. Messages show the reference, never
        what it yields.

        **Units.** Durations: a number and one of `ms`, `s`, `m`, `h`, `d` (`250ms`, `1.5s`, `10m`). Sizes: a number and one
        of `B`, `KiB`, `MiB`, `GiB` (`64KiB`). Money: US dollars as a plain decimal with at most six places, kept in
        millionths. Dates: `YYYY-MM-DD`. Addresses to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; port 0 is
        a free one.
        """

    private static func append(_ rule: SectionRule, heading: String, to parts: inout [String]) {
        parts.append("## \(heading)")
        parts.append(rule.description)
        let head = ["| key | value | default | what it is, and why |", "|---|---|---|---|"]
        parts.append((head + rule.fields.map(row)).joined(separator: "\n"))
        for field in rule.fields {
            if let section = field.kind.section {
                append(section, heading: "`\(section.title)`", to: &parts)
            }
        }
    }

    private static func row(_ field: FieldRule) -> String {
        let presence =
            switch field.presence {
            case .required: "**required**"
            case .defaulted(let text): "`\(text)`"
            case .optional(let absent): absent
            }
        let text = "\(field.description) *\(field.reason)*"
        return "| `\(field.name)` | \(value(field.kind)) | \(presence) | \(text) |"
    }

    private static func value(_ kind: ValueKind) -> String {
        switch kind {
        case .version: "`1`"
        case .boolean: "`true` or `false`"
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .duration(let range):
            "duration, \(ConfigurationUnits.durationText(range.lowerBound)) to \(ConfigurationUnits.durationText(range.upperBound))"
        case .size(let range):
            "size, \(ConfigurationUnits.sizeText(range.lowerBound)) to \(ConfigurationUnits.sizeText(range.upperBound))"
        case .money: "US dollars"
        case .date: "date"
        case .timeOfDay: "`HH:MM`"
        case .text: "a name"
        case .listenAddress: "`HOST:PORT`"
        case .baseURL: "`https://HOST[:PORT][/PATH]`"
        case .secret: "a secret"
        case .headerName: "the name of a header"
        case .headerValue: "a secret, spaces allowed"
        case .pem(let block): "PEM with a \(block.lowercased())"
        case .label: "a short name"
        case .line(let longest): "one line of at most \(longest) characters"
        case .name(.id): "an id: 1 to 64 of `a-z 0-9 . _ -`"
        case .name(.key): "1 to \(KeyText.longestID) of `a-z 0-9 -`"
        case .name(.route): "a route's name, without `/`"
        case .name(.deployment): "`provider/model`"
        case .name(.component): "`kind:name`"
        case .name(.finding): "the id of a finding"
        case .name(.host): "a host name or address"
        case .keyHash: "`sha256:` and 64 hex digits"
        case .choice(let accepted, let later): choice(accepted, later)
        case .accessLog: "`stdout`, `off` or a path"
        case .list(let item, let count): "list of at most \(count.upperBound): \(value(item))"
        case .section: "mapping"
        case .named(let names, _): "mapping, by \(names.noun)"
        case .sections: "list of mappings"
        }
    }

    private static func choice(_ accepted: [String], _ later: [LaterChoice]) -> String {
        let listed = accepted.map { "`\($0)`" }.joined(separator: ", ")
        guard !later.isEmpty else { return listed }
        return "\(listed); refused by this version: \(later.map { "`\($0.name)`" }.joined(separator: ", "))"
    }
}
