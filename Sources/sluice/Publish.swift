import ArgumentParser
import Configuration
import EventLoop
import Glibc
import RedisStreams

struct Publish: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write an event into a channel, as a producer does.",
        usage: "sluice publish --channel <name> [<json>] [--config <path>] [--redis-...]",
        discussion: """
            Appends the event to the channel's stream and to the stream of all channels, and prints the two IDs it gets. \
            The member channel_id is put in if it is missing; everything else is written as it was given. Redis is found \
            by the same configuration as the gateway's, and the flags of serve that begin with --redis count here too.

            For example:

              sluice publish --channel demo '{"job_id": "42", "status": "done"}'
              echo '{"status": "done"}' | sluice publish --channel demo
            """)

    @Option(help: ArgumentHelp("The channel to write into.", valueName: "name"))
    var channel: String

    @Argument(
        help: ArgumentHelp(
            "The event: a JSON object. (default, and \"-\": read it from standard input; on a terminal: an example)",
            valueName: "json"))
    var json: String?

    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup(title: "Redis", visibility: .hidden) var options: RedisOptions

    func run() throws {
        try checkChannel(channel)
        let (settings, _) = try configuration.load(options.overrides, ignoring: ["jwtSecret"])
        let event = try ProducedEvent.adding(channel: channel, to: try input())

        let prefix = settings.redisStreamPrefix
        let waiter = try Waiter()
        do {
            let redis = try RedisClient(settings.redis, waiter: waiter)
            try add(event, to: prefix + channel, keeping: Command.channelLength, redis)
            try add(event, to: prefix + "full", keeping: Command.globalLength, redis)
        } catch let error as WaitError {
            throw CommandFailure(error.sentence(about: settings.redis))
        }
    }

    private func add(_ event: [UInt8], to stream: String, keeping length: Int, _ redis: RedisClient) throws {
        let reply = try redis.send(.xadd(stream: Array(stream.utf8), maximumLength: length, data: event))
        switch reply {
        case .string(let id):
            StandardOutput.write("\(String(decoding: id, as: UTF8.self)) \(printable(stream))")
        case .error(let text):
            throw CommandFailure("The event cannot be added to \(stream): \(ServerError(text)).")
        case .status, .integer, .array, .null:
            throw CommandFailure("Redis answered XADD of \(stream) with something that is no ID.")
        }
    }

    private func input() throws(CommandFailure) -> [UInt8] {
        if let json, json != "-" { return Array(json.utf8) }
        if json == nil, isatty(STDIN_FILENO) == 1 {
            let example = ProducedEvent.example
            StandardError.write("publishing an example: \(example)")
            return Array(example.utf8)
        }
        return try Self.readStandardInput()
    }

    /// Above any event that makes sense, below what would hurt Redis.
    private static let maximumBytes = 64 << 20

    private static func readStandardInput() throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            guard count > 0 else {
                let code = errno
                if code == EINTR { continue }
                throw CommandFailure(
                    "Standard input cannot be read: \(SystemError(operation: "read", code: code).reason).")
            }
            bytes += buffer[..<count]
            guard bytes.count <= maximumBytes else {
                throw CommandFailure(
                    "The event on standard input has more than \(maximumBytes) bytes; a smaller one was expected.")
            }
        }
    }
}
