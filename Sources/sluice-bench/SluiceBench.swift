import ArgumentParser
import EventLoop
import Glibc

@main
struct SluiceBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice-bench",
        abstract: "Load for a push gateway: many listeners, events through Redis, and what they cost the server.",
        usage: "sluice-bench <scenario> --port <port> (--redis-socket <path> | --redis-port <port>) [<options>]",
        discussion: """
            Opens WebSockets or event streams with tokens of its own, publishes events as producers do, and reports \
            rates, latencies, the server's CPU time and memory, and whether each event came once. It ends with status 1 \
            if one did not.

            The scenarios:
            \(Scenario.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

            For example, against a gateway of this machine whose process is 4711:

              sluice-bench spread --port 8080 --redis-port 6379 --pid 4711
            """)

    @Argument(help: "One of \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")).", transform: Self.scenario)
    var scenario: Scenario
    @OptionGroup(title: "The server") var target: TargetOptions
    @OptionGroup(title: "The load (each scenario has its own numbers where none are given)") var load: LoadOptions
    @Flag(help: "Print one line of JSON in place of the table.")
    var json = false
    @Option(help: ArgumentHelp("What the report calls the server.", valueName: "text"))
    var label = ""

    private static func scenario(_ name: String) throws -> Scenario {
        guard let scenario = Scenario(rawValue: name) else {
            throw ValidationError(
                "There is no scenario \(name); one of \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")) was "
                    + "expected.")
        }
        return scenario
    }

    func run() throws {
        let run = try Run(scenario, load.plan(scenario), target.target(), label: label)
        let report = try run.carryOut()
        StandardOutput.write(json ? report.json : report.table)
        if let failure = report.failure { throw BenchFailure(failure) }
    }

    static func main() {
        do {
            let command = try parse()
            try command.run()
        } catch let failure as BenchFailure {
            StandardError.write(failure.sentence)
            Glibc.exit(EXIT_FAILURE)
        } catch {
            exit(withError: error)
        }
    }
}
