extension Figure {
    /// The table of all figures, in Markdown.
    public static func markdownTable() -> String {
        var lines = ["| Prometheus | StatsD | kind | label | what it is |", "|---|---|---|---|---|"]
        for figure in all {
            let statsD =
                switch figure.sender {
                case .none: "–"
                case .eachLoop, .oneLoop: "`\(figure.name)`"
                }
            lines.append(
                "| `\(figure.prometheusName)` | \(statsD) | \(figure.kind.rawValue) | "
                    + (figure.label.map { "`\($0)`" } ?? "–") + " | \(figure.help) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
