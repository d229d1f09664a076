import ArgumentParser

/// `sluice-bench <scenario>`
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Carry out one scenario (what sluice-bench does when only a scenario is named).")

    @Argument(
        help: "One of \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")).", transform: Self.scenario)
    var scenario: Scenario
    @OptionGroup(title: "The server") var target: TargetOptions
    @OptionGroup(title: "The load (each scenario has its own numbers where none are given)") var load: LoadOptions
    @Flag(help: "Print one line of JSON in place of the table.")
    var json = false
    @Option(help: ArgumentHelp("What the report calls the server.", valueName: "text"))
    var label = ""
    @Option(help: ArgumentHelp("How long to wait for a server that does not serve yet.", valueName: "seconds"))
    var patience = 10.0

    static func scenario(_ name: String) throws -> Scenario {
        guard let scenario = Scenario(rawValue: name) else {
            throw ValidationError(
                "There is no scenario \(name); one of \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")) was "
                    + "expected.")
        }
        return scenario
    }

    func run() throws {
        let run = try Run(scenario, load.plan(scenario), target.target(), label: label)
        let report = try run.carryOut(patience: patience)
        StandardOutput.write(json ? report.json : report.table)
        if let failure = report.failure { throw BenchFailure(failure) }
    }
}
