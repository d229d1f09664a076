import Testing

@testable import sluice_bench

@Suite("Reports and their comparison")
struct ReportTests {
    private func report(_ label: String, _ value: Double) -> Report {
        var report = Report(scenario: "spread", label: label)
        report.figures[.cpuPerDelivery] = value
        return report
    }

    @Test("JSON is read back")
    func json() throws {
        var report = report(#"a "b", c"#, 7.25)
        report.figures[.lost] = 0
        let read = try #require(Report(json: report.json))
        #expect(read.scenario == "spread" && read.label == "a b c" && read.figures == report.figures)
        #expect(Report(json: "no report") == nil)
    }

    @Test("a run fails on a loss, a double and a connection that the server closed, and on nothing else")
    func failures() {
        var report = report("x", 1)
        for figure in [Figure.lost, .doubled, .closed] { report.figures[figure] = 0 }
        #expect(report.failure == nil)
        for figure in [Figure.lost, .doubled, .closed] {
            var failed = report
            failed.figures[figure] = 3
            #expect(failed.failure?.contains("3 ") == true)
        }
    }

    @Test(
        "numbers",
        arguments: [(0, "0"), (12, "12"), (0.284, "0.28"), (1.999, "2.00"), (123_456.7, "123457"), (-1.5, "-1.50")])
    func numbers(_ value: Double, _ text: String) { #expect(Report.text(value) == text) }

    @Test("medians, and ratios run by run")
    func comparison() {
        let reports = [8.0, 9, 7].map { report("sluice", $0) } + [10.0, 10, 5].map { report("yardstick", $0) }
        let lines = Comparison(reports).markdown.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(
            lines[2]
                == "| spread | CPU per delivery, µs | 8 (7–9) | 10 (5–10) | 0.90 (0.80–1.40) |")
    }
}
