extension Key {
    /// What stands for the secret in the example file. It is too short to be accepted, so that nobody starts with it.
    static let examplePlaceholder = "CHANGE-ME"

    /// The text of `config.example.json`: every key with its default.
    public static func exampleJSON() -> String {
        func value(_ key: Key) -> String {
            key.path == "jwtSecret" ? quoted(examplePlaceholder) : key.defaultJSON
        }
        var members: [String] = []
        var written: Set<String> = []
        for key in all {
            guard let dot = key.path.firstIndex(of: ".") else {
                members.append("  \(quoted(key.path)): \(value(key))")
                continue
            }
            let group = key.path[..<dot]
            guard written.insert(String(group)).inserted else { continue }
            let inner = all.filter { $0.path.hasPrefix(group + ".") }
                .map { "    \(quoted(String($0.path.dropFirst(group.count + 1)))): \(value($0))" }
            members.append("  \(quoted(String(group))): {\n\(inner.joined(separator: ",\n"))\n  }")
        }
        return "{\n\(members.joined(separator: ",\n"))\n}\n"
    }

    /// The README's table of all keys, in Markdown.
    public static func markdownTable() -> String {
        func cell(_ text: String) -> String {
            text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
        }
        var lines = ["| key | variable | default | values | what it does |", "|---|---|---|---|---|"]
        for key in all {
            let cells = [
                "`\(key.path)`", "`\(key.environmentVariable)`", "`\(key.defaultJSON)`", key.valuesText, key.help,
            ]
            lines.append("| " + cells.map(cell).joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Help for the flags of all keys, one line each, for a terminal. Secrets have no flag.
    public static func flagsHelp() -> String {
        let lines = all.compactMap { key in key.flag.map { (flag: "\($0) \(key.valueWord)", key: key) } }
        let width = lines.map(\.flag.count).max() ?? 0
        return lines.map { line in
            let padding = String(repeating: " ", count: width - line.flag.count)
            return "  \(line.flag)\(padding)  \(line.key.help) (default: \(line.key.defaultJSON))\n"
        }.joined()
    }

    /// The type and range in words.
    public var valuesText: String {
        switch kind {
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .boolean: "true, false"
        case .string: "string"
        case .optionalString: "string or null"
        case .secret: "string, never shown"
        case .strings: "array of strings"
        case .secrets: "array of strings, never shown"
        case .choice(let words): words.joined(separator: ", ")
        }
    }

    private var valueWord: String {
        switch kind {
        case .integer: "<number>"
        case .boolean: "<true|false>"
        case .string, .optionalString, .secret: "<text>"
        case .strings, .secrets: "<text,text>"
        case .choice(let words): "<\(words.joined(separator: "|"))>"
        }
    }
}
