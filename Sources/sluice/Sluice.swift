import ArgumentParser
import Gateway
import Glibc

/// The version that `--version`, the log and the answers to "what runs here?" give.
let sluiceVersion = Gateway.version

@main
struct Sluice: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A push gateway: events from Redis Streams to WebSockets.",
        usage: "sluice [<command>] [<options>]",
        discussion: """
            Back-end workers append events to Redis Streams; browsers hold one connection each and get the events of \
            their own channel at once, in order, each exactly once. Takes the place of Apache Superset's \
            superset-websocket.

            To look at it with nothing to set up:

              sluice dev

            To run it: a config.json in this directory, or the environment variables of the README, and

              sluice serve
            """,
        version: sluiceVersion,
        subcommands: [Serve.self, Dev.self, Check.self, Token.self, Tail.self, Publish.self],
        defaultSubcommand: Serve.self)

    static func main() {
        Allocator.keepLargeBlocksApart()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            for sentence in failure.sentences { StandardError.write(sentence) }
            Glibc.exit(EXIT_FAILURE)
        } catch {
            exit(withError: error)
        }
    }
}
