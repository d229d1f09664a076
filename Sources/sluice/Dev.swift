import ArgumentParser
import Configuration
import EventLoop
import Gateway
import Glibc
import HTTP1
import Logging

struct Dev: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway with a Redis of its own, to try it: nothing to set up first.",
        usage: "sluice dev [--port <number>] [--log-level <level>]",
        discussion: """
            Starts a private redis-server (nothing is kept, no port is opened for it) and the gateway, with a secret \
            made for this run, and prints the commands to try. Ctrl-C ends both. SIGUSR1 turns the log level to debug, \
            another one back. Configuration files and environment variables do not count here.

            For example:

              sluice dev --port 9000
            """)

    @OptionGroup(title: "Listening") var listening: ListeningOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    func run() throws {
        // First of all, so that every thread there will be inherits it. SIGHUP too: a closed terminal must not leave
        // the directory behind.
        Signals.ignoreBrokenPipe()
        do {
            try Signals.block([SIGUSR1])
        } catch {
            throw CommandFailure("\(error)")
        }
        let waiter = try Waiter(endedBy: [SIGTERM, SIGINT, SIGHUP])
        let directory = try TemporaryDirectory(prefix: "sluice-dev-", roomForName: PrivateRedis.socketName.utf8.count)
        let redis: PrivateRedis
        do {
            redis = try PrivateRedis(directory: directory.path, waiter: waiter)
        } catch {
            // Interrupted by the user: nothing went wrong.
            if waiter.isInterrupted { return }
            throw error
        }
        defer { redis.end() }
        try run(redis, in: directory, waiter)
    }

    private func run(_ redis: PrivateRedis, in directory: borrowing TemporaryDirectory, _ waiter: Waiter) throws {
        let secret = Self.newSecret()
        let loaded = Settings.load(
            file: .text(Self.file(redis.socketPath, secret), name: "the configuration of sluice dev"),
            environment: [:], overrides: listening.overrides + logging.overrides)
        guard let settings = loaded.settings else { throw CommandFailure(loaded.problems.map(\.description)) }
        let level = LogLevelSwitch(Logger.Level(settings.logLevel))
        let logger = try Logger(settings, from: loaded, level: level)
        raiseDescriptorLimit()

        let gateway: Gateway
        do {
            try Signals.deliver([SIGUSR1], on: waiter.loop) { _ in level.toggleDebug(logger) }
        } catch {
            throw CommandFailure("\(error)")
        }
        do {
            gateway = try Gateway.open(settings, loaded, logger, handlesSignals: false)
        } catch {
            let advice = "Another port can be chosen: `sluice dev --port 9000`, or `make run ARGS=\"--port 9000\"`."
            throw CommandFailure(error.sentences + [advice])
        }
        defer {
            gateway.drain()
            gateway.wait()
        }
        let token = try TokenMinter(settings).token(channel: Self.channel, publish: [Self.channel])
        let file = try directory.write(
            Self.file(redis.socketPath, secret, listening: (settings.host, gateway.port)), to: "config.json")
        do throws(WaitError) {
            try Self.waitUntilReady(gateway.port, settings.localHost, waiter)
            Self.printCommands(gateway.port, settings.localHost, file, token)
            // Looking once a second costs nothing; the signals end the pause at once.
            while !redis.hasDied() { try waiter.pause(milliseconds: 1000) }
        } catch {
            switch error {
            case .interrupted: return
            case .timedOut: throw CommandFailure("The gateway was not ready within 10 seconds; see the log above.")
            case .failed(let sentence): throw CommandFailure("The gateway does not answer. \(sentence)")
            }
        }
        throw CommandFailure("The private redis-server has ended by itself, and with it this trial.")
    }

    /// 32 random bytes as 64 characters.
    private static func newSecret() -> String {
        (0..<32).map { _ in
            let digits = String(UInt8.random(in: .min ... .max), radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// The configuration of this run; without host and port while they are not known.
    private static func file(
        _ socketPath: String, _ secret: String, listening: (host: String, port: UInt16)? = nil
    ) -> String {
        // Nobody who tries things out wants to wait for a slow leave.
        let members = [
            listening.map { "\"port\": \($0.port),\n  \"host\": \(jsonString($0.host))" },
            "\"redis\": {\"socketPath\": \(jsonString(socketPath))}",
            "\"jwtSecret\": \(jsonString(secret))", "\"drainMs\": 0",
            // What is off elsewhere until somebody wants it is to be tried here.
            "\"console\": true", "\"presence\": true",
        ]
        return "{\n  \(members.compactMap { $0 }.joined(separator: ",\n  "))\n}\n"
    }

    private static func waitUntilReady(_ port: UInt16, _ host: String, _ waiter: Waiter) throws(WaitError) {
        let url = GatewayURL(host: host, port: port)
        let request = Array("GET /ready HTTP/1.1\r\nHost: \(url.authority)\r\nConnection: close\r\n\r\n".utf8)
        let deadline = waiter.deadline(milliseconds: 10_000)
        while true {
            let addresses = try waiter.resolve(host: host, port: port, until: deadline)
            let stream = try ClientStream.connect(to: addresses, waiter: waiter, until: deadline)
            try stream.write(request, until: deadline)
            if try HTTPAnswer.read(from: stream, until: deadline).head.statusCode == 200 { return }
            guard MonotonicTime.now() < deadline else { throw .timedOut }
            try waiter.pause(milliseconds: 10)
        }
    }

    private static let channel = "demo"

    /// - Parameter token: for the console's page; opens the channel, and may publish to it.
    private static func printCommands(_ port: UInt16, _ host: String, _ file: String, _ token: [UInt8]) {
        let sluice = ProgramPath.shortest
        let config = "--config \(ProgramPath.shellWord(file))"
        let name = host == "127.0.0.1" ? "localhost" : GatewayURL(host: host, port: 80).authority
        StandardOutput.write(
            """

            Sluice \(sluiceVersion) serves on port \(port), with a Redis of its own: nothing is kept.

            Open in a browser, to publish, to watch, to cut and to see the replay:
              http://\(name):\(port)/console?token=\(String(decoding: token, as: UTF8.self))

            Or, in another terminal, watch a channel:
              \(sluice) tail --channel \(channel) \(config)

            Send an event into it:
              \(sluice) publish --channel \(channel) \(config) '{"status": "done"}'

            Watch it as a browser's EventSource does:
              curl -N -b "async-token=$(\(sluice) token --channel \(channel) \(config))" http://\(name):\(port)/events

            Ask whether it serves:
              curl http://\(name):\(port)/health

            Before the README's curl lines:
              TOKEN=$(\(sluice) token --channel \(channel) --publish \(channel) \(config))

            Ctrl-C ends it.

            """)
        let environment = ConfigurationOption.environment
        let set = Key.all.flatMap { [$0.environmentVariable, Key.variablePrefix + $0.environmentVariable] }
            .filter { environment[$0]?.isEmpty == false }
        if !set.isEmpty {
            StandardError.write(
                "These environment variables go before the file, so unset them for the commands above: "
                    + set.joined(separator: " "))
        }
    }
}

extension Settings {
    /// Where a program on this machine reaches the gateway.
    var localHost: String { ["", "0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host }
}
