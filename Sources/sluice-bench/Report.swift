/// The result of a run.
struct Report: Sendable {
    /// The scenario's name.
    var scenario: String
    /// What was measured, as the caller calls it.
    var label: String
    var figures: [Figure: Double] = [:]

    /// What makes the run a failure, whatever its figures; nil when all was delivered once.
    var failure: String? {
        let lost = figures[.lost] ?? 0
        let doubled = figures[.doubled] ?? 0
        let closed = figures[.closed] ?? 0
        guard lost + doubled + closed > 0 else { return nil }
        return "The contract was not kept: \(Self.text(lost)) events lost, \(Self.text(doubled)) doubled, "
            + "\(Self.text(closed)) connections closed by the server."
    }

    /// One line of JSON.
    var json: String {
        let members = Figure.allCases.compactMap { figure in
            figures[figure].map { "\"\(figure.rawValue)\": \(Self.text($0))" }
        }
        return "{\"scenario\": \"\(scenario)\", \"label\": \"\(Self.escaped(label))\", "
            + members.joined(separator: ", ") + "}"
    }

    /// Reads such a line; nil for any other.
    init?(json: String) {
        let body = json.filter { !"{}\"".contains($0) }
        var members: [String: String] = [:]
        for member in body.split(separator: ",") {
            let parts = member.split(separator: ":", maxSplits: 1)
            guard let name = parts.first else { return nil }
            members[Self.trimmed(name)] = parts.count == 2 ? Self.trimmed(parts[1]) : ""
        }
        guard let scenario = members["scenario"], let label = members["label"] else { return nil }
        self.init(scenario: scenario, label: label)
        for figure in Figure.allCases {
            if let value = members[figure.rawValue].flatMap(Double.init) { figures[figure] = value }
        }
    }

    init(scenario: String, label: String) {
        self.scenario = scenario
        self.label = label
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " })
    }

    /// Lines for people.
    var table: String {
        let rows = Figure.allCases.compactMap { figure in
            figures[figure].map { (figure.title, Self.text($0), figure.unit) }
        }
        let width = rows.map(\.0.count).max() ?? 0
        let valueWidth = rows.map(\.1.count).max() ?? 0
        let lines = rows.map { title, value, unit in
            let left = title + String(repeating: " ", count: width - title.count + 2)
            return "  " + left + String(repeating: " ", count: valueWidth - value.count) + value
                + (unit.isEmpty ? "" : " \(unit)")
        }
        return (["\(scenario)\(label.isEmpty ? "" : ", \(label)")"] + lines).joined(separator: "\n")
    }

    /// Two places behind the point for what is small, none for what is large: more would be noise.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        if value.rounded() == value || value.magnitude >= 10_000 { return "\(Int64(value.rounded()))" }
        let hundredths = Int64((value.magnitude * 100).rounded())
        let fraction = hundredths % 100
        return "\(value < 0 ? "-" : "")\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// A label has nothing in it that would need an escape, or look like the end of it.
    private static func escaped(_ text: String) -> String {
        text.filter { !"\"\\,:{}".contains($0) && $0 >= " " }
    }
}
