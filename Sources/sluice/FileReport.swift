import Configuration

/// What `sluice check` says of a configuration file, key by key: above all to those who bring the Node server's.
enum FileReport {
    /// Lines for the terminal; none when no file was read.
    static func lines(of result: LoadResult, file: String) -> [String] {
        guard !result.fileMembers.isEmpty else { return [] }
        let lines = result.fileMembers.map { (name: printable($0.path), text: text(of: $0)) }
        let others = Key.all.compactMap { key in
            result.source(of: key.path) == .defaults
                ? key.defaultBesideNodeServer.map { (name: key.path, text: $0) } : nil
        }
        let width = min((lines + others).map(\.name.count).max() ?? 0, 40)
        func column(_ lines: [(name: String, text: String)]) -> [String] {
            lines.map { line in
                "  " + line.name + String(repeating: " ", count: max(width - line.name.count, 0) + 2) + line.text
            }
        }
        var report = ["\(printable(file)), key by key:"] + column(lines)
        if !others.isEmpty {
            report += ["Not set, and not as with the Node server:"] + column(others)
        }
        return report
    }

    private static func text(of member: FileMember) -> String {
        func shown(_ value: String?) -> String { value.map(printable) ?? "not shown" }
        switch member.fate {
        case .taken(let value): return "taken: \(shown(value))"
        case .readAs(let value): return "read as \(shown(value))"
        case .overridden(let source, let value): return "\(source) goes before it: \(shown(value))"
        case .withoutEffect: return Key.named(member.path).map { lowercasedFirst($0.help) } ?? ""
        case .absent("null"): return "taken: null"
        case .absent(let value): return "null, so the default counts: \(shown(value))"
        case .refused: return "wrong (see below)"
        case .unknown(let nearest):
            return "not known, and left aside" + (nearest.map { "; is \($0) meant?" } ?? "")
        }
    }

    private static func lowercasedFirst(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }
}
