import ArgumentParser
import EventLoop

/// `sluice-bench hostile <kind>`
struct Hostile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Misbehave towards a server for a while; what that does to others is for another run to measure.",
        discussion: """
            The kinds:
            \(HostileKind.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

            scripts/hostile runs each kind beside the scenario steady, and prints what became of the latency.
            """)

    @Argument(
        help: "One of \(HostileKind.allCases.map(\.rawValue).joined(separator: ", ")).", transform: Self.kind)
    var kind: HostileKind
    @OptionGroup(title: "The server (Redis is not used)") var target: TargetOptions
    @Option(help: ArgumentHelp("How many peers (each kind has its own number).", valueName: "number"))
    var peers: Int?
    @Option(help: ArgumentHelp("For how long.", valueName: "seconds"))
    var seconds = 10.0

    static func kind(_ name: String) throws -> HostileKind {
        guard let kind = HostileKind(rawValue: name) else {
            throw ValidationError(
                "There is no kind \(name); one of \(HostileKind.allCases.map(\.rawValue).joined(separator: ", ")) was "
                    + "expected.")
        }
        return kind
    }

    func run() throws {
        let count = peers ?? kind.peers
        guard count > 0 else { throw BenchFailure("--peers must be at least 1.") }
        guard (0...86_400).contains(seconds) else { throw BenchFailure("--seconds must be from 0 to 86400.") }
        Signals.ignoreBrokenPipe()
        _ = raiseDescriptorLimit()
        let crowd = try HostileCrowd(kind, peers: count, try target.target())
        crowd.carryOn(seconds: seconds)
        StandardOutput.write(
            "\(kind.rawValue): \(crowd.connections) connections, \(crowd.bytesSent) bytes sent in \(Report.text(seconds)) s"
        )
    }
}
