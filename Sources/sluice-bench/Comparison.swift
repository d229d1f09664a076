/// Several servers beside each other: medians over the runs, with the least and the most.
struct Comparison {
    private let reports: [Report]
    /// In the order of their first report; the first is the one that is compared.
    private let labels: [String]

    /// What each scenario is about.
    private static let rows: [(scenario: Scenario, figure: Figure)] = [
        (.spread, .cpuPerDelivery), (.broadcast, .cpuPerDelivery), (.steady, .cpuPerEvent), (.steady, .latencyP50),
        (.steady, .latencyP99), (.miss, .cpuPerEvent), (.idle, .cpuPerHandshake), (.idle, .bytesPerConnection),
        (.idle, .cpuIdlePerSecond), (.churn, .cpuPerHandshake), (.churn, .cpuPerReturn), (.slow, .cpuPerDelivery),
        (.slow, .latencyP99), (.slow, .residentGrowth),
    ]

    init(_ reports: [Report]) {
        self.reports = reports
        var labels: [String] = []
        for report in reports where !labels.contains(report.label) { labels.append(report.label) }
        self.labels = labels
    }

    /// The median, and between which values the others lie.
    struct Spread: Equatable {
        var median: Double
        var least: Double
        var most: Double

        /// nil without values.
        init?(_ values: [Double]) {
            let sorted = values.sorted()
            guard let first = sorted.first, let last = sorted.last else { return nil }
            let middle = sorted.count / 2
            median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
            (least, most) = (first, last)
        }

        var text: String {
            least == most
                ? Report.text(median) : "\(Report.text(median)) (\(Report.text(least))–\(Report.text(most)))"
        }
    }

    /// The table; a cell is a median with the least and the most, a ratio that of the same run.
    var markdown: String {
        let others = labels.dropFirst()
        let head = ["scenario", "figure", labels[0]] + others.flatMap { [$0, "ratio"] }
        var lines = [Self.line(head), Self.line(head.map { _ in "---" })]
        for (scenario, figure) in Self.rows {
            let measured = values(scenario, figure, labels[0])
            guard let spread = Spread(measured) else { continue }
            let unit = figure.unit.isEmpty ? "" : ", \(figure.unit)"
            var cells = [scenario.rawValue, figure.title + unit, spread.text]
            for label in others {
                let theirs = values(scenario, figure, label)
                // A ratio to next to nothing says nothing.
                let hasMeaning = Spread(theirs).map { $0.least > 0 } ?? false
                let ratios = !hasMeaning ? [] : zip(measured, theirs).filter { $0.1 > 0 }.map { $0.0 / $0.1 }
                cells += [Spread(theirs)?.text ?? "–", Spread(ratios)?.text ?? "–"]
            }
            lines.append(Self.line(cells))
        }
        return lines.joined(separator: "\n")
    }

    private func values(_ scenario: Scenario, _ figure: Figure, _ label: String) -> [Double] {
        reports.filter { $0.scenario == scenario.rawValue && $0.label == label }.compactMap { $0.figures[figure] }
    }

    private static func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
}
