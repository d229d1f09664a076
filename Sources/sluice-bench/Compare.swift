import ArgumentParser
import Glibc

/// `sluice-bench compare`
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A Markdown table of what was measured with --json.",
        discussion: """
            Reads lines of JSON from standard input. The servers are known by their --label, in the order of their first \
            line; the first is compared with each of the others, run by run.
            """)

    func run() throws {
        var reports: [Report] = []
        while let line = readLine() {
            guard !line.isEmpty else { continue }
            guard let report = Report(json: line) else {
                throw BenchFailure("This line is none that sluice-bench --json prints: \(line)")
            }
            reports.append(report)
        }
        guard !reports.isEmpty else { throw BenchFailure("There is nothing to compare: standard input is empty.") }
        StandardOutput.write(Comparison(reports).markdown)
    }
}
