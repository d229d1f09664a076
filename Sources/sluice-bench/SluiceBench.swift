import ArgumentParser
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
            """,
        subcommands: [Measure.self, Compare.self, Hostile.self], defaultSubcommand: Measure.self)

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as BenchFailure {
            StandardError.write(failure.sentence)
            Glibc.exit(EXIT_FAILURE)
        } catch {
            exit(withError: error)
        }
    }
}
