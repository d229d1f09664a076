import ArgumentParser
import Configuration
import EventLog
import Gateway
import RedisStreams

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the configuration, the keys of tokens and the way to Redis, and say what was found.",
        usage: """
            sluice check [--config <path>] [<settings as for serve>]
            sluice check --health <url>
            """,
        discussion: """
            Takes the same file, environment and flags as serve (see `sluice serve --help`). Ends with status 0 if the gateway would start and \
            find its Redis; with 1, and a sentence for each thing that is wrong, if not. Keys that are not known are \
            wrong here (serve only warns of them). What becomes of each key of the file is told line by line, that of \
            the Node server too. Secrets are never printed.

            With --health it asks a running gateway instead: status 0 if it answers 2xx, else 1. Where only a path is \
            given, the gateway is the one of this machine's settings.

            For example:

              sluice check --config /etc/sluice/config.json
              sluice check --health http://127.0.0.1:8080/health
              sluice check --health /ready
            """)

    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup(visibility: .hidden) var options: AllSettingsOptions
    @Option(
        help: ArgumentHelp("Ask the gateway at this address whether all is well, and nothing else.", valueName: "url"))
    var health: String?

    func run() throws {
        if let health {
            StandardOutput.write(try HealthProbe(health, settings: localSettings).run())
            return
        }
        let loaded = configuration.read(options.overrides)
        for line in FileReport.lines(of: loaded, file: configuration.name) { StandardOutput.write(line) }
        let settings = try configuration.settings(of: loaded)
        for warning in loaded.warnings where !warning.isNotice { StandardError.write("\(warning)") }
        // The report has those of the file.
        for notice in loaded.warnings where notice.isNotice && !notice.source.isFile {
            StandardOutput.write("Note: \(notice)")
        }
        if !loaded.hasUnknownKeys { StandardOutput.write("Configuration: valid, from \(Self.sources(of: loaded)).") }

        do throws(SettingsProblems) {
            let keys = try TokenKeys.load(settings)
            for note in keys.notes { StandardOutput.write("Note: \(note)") }
            for description in keys.descriptions { StandardOutput.write("Key for tokens: \(description).") }
            if let certificates = try ServerCertificates.load(settings) {
                for note in certificates.notes { StandardError.write(note) }
                StandardOutput.write("TLS: the port speaks it, with \(certificates.description).")
            }
        } catch {
            throw CommandFailure(error.sentences)
        }

        let waiter = try Waiter()
        do {
            let redis = try RedisClient(settings.redis, waiter: waiter)
            try report(on: redis, settings)
        } catch let error as WaitError {
            throw CommandFailure(error.sentence(about: settings.redis) + Self.origin(of: settings.redis, loaded))
        }
        guard !loaded.hasUnknownKeys else {
            throw CommandFailure("The configuration has keys that are not known (see above).")
        }
        StandardOutput.write("All is well.")
    }

    /// What the gateway of this machine is run with. A missing secret is its own affair.
    private func localSettings() throws -> Settings {
        try configuration.load(options.overrides, ignoring: ["jwtSecret"]).settings
    }

    /// Every place that a value came from.
    private static func sources(of loaded: LoadResult) -> String {
        var files: [String] = []
        var variables: [String] = []
        var flags: [String] = []
        for key in Key.all {
            switch loaded.source(of: key.path) {
            case .defaults: break
            case .file(let path): if !files.contains(path) { files.append(path) }
            case .environment(let name): variables.append(name)
            case .flag(let name): flags.append(name)
            }
        }
        if !variables.isEmpty { variables = ["the environment (\(variables.joined(separator: ", ")))"] }
        if !flags.isEmpty { flags = ["flags (\(flags.joined(separator: ", ")))"] }
        let all = files + variables + flags
        return all.isEmpty ? "the defaults" : all.joined(separator: ", ")
    }

    /// Who said that Redis is there.
    private static func origin(of redis: Settings.Redis, _ loaded: LoadResult) -> String {
        let keys =
            if redis.socketPath != nil {
                ["redis.socketPath"]
            } else if !redis.sentinels.isEmpty {
                ["redis.sentinels", "redis.sentinelName"]
            } else {
                ["redis.host", "redis.port"]
            }
        let parts = keys.map { "\($0): \(loaded.source(of: $0))" }
        return " (Set by " + parts.joined(separator: ", ") + ".)"
    }

    private func report(on client: RedisClient, _ settings: Settings) throws {
        let redis = settings.redis
        var place = "\(client.place), database \(redis.db)"
        if !redis.sentinels.isEmpty { place += ", the primary \(redis.sentinelName)" }
        if redis.ssl, redis.socketPath == nil { place += ", over TLS" }
        if !redis.password.isEmpty {
            place += redis.username.isEmpty ? ", with a password" : ", as user \(redis.username)"
        }
        let version = Self.version(from: try client.send(.info("server")))
        StandardOutput.write("Redis: \(version.map { "version \($0)" } ?? "a version it does not tell") at \(place).")

        let stream = settings.redisStreamPrefix + "full"
        let name = Array(stream.utf8)
        let countsEntries: Bool?
        switch StreamInfo.parse(try client.send(.xinfoStream(name))) {
        case .missing:
            StandardOutput.write("Stream: \(stream) is not there yet; the first event makes it.")
            countsEntries = version.flatMap { Int($0.prefix { $0 != "." }) }.map { $0 >= 7 }
        case .failed(let error):
            throw CommandFailure("The stream \(stream) cannot be read: \(error).")
        case .info(let info):
            let entries = info.length == 1 ? "1 entry" : "\(info.length) entries"
            StandardOutput.write("Stream: \(stream) has \(entries); the last ID given out is \(info.lastGeneratedID).")
            countsEntries = info.entriesAdded != nil
        }
        switch countsEntries {
        case true:
            StandardOutput.write("Redis 7 features: entries-added is there, which tells when a stream was made anew.")
        case false: StandardOutput.write("Redis 7 features: none; a stream that was made anew may go unnoticed.")
        case nil: break
        }
        try tryCommands(on: client, name)
    }

    /// The other commands that the gateway uses: a user of Redis may lack the right to one.
    private func tryCommands(on client: RedisClient, _ stream: [UInt8]) throws {
        let commands: [(name: String, command: Command)] = [
            ("TIME", .time),
            ("XRANGE", .xrange(stream: stream, from: .zero, to: .zero, count: 1)),
            ("XREVRANGE", .xrevrange(stream: stream, from: .max, to: .max, count: 1)),
            ("XREAD", .xread(count: 1, blockMilliseconds: 1, stream: stream, after: .max)),
        ]
        for (name, command) in commands {
            if let text = try client.send(command).errorText {
                throw CommandFailure("\(name) fails: \(ServerError(text)).")
            }
        }
    }

    /// The line `redis_version:7.0.15` of an answer to `INFO`; nil if the user may not ask.
    private static func version(from reply: Reply) -> String? {
        guard case .string(let bytes) = reply else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("redis_version:") }.map { printable(String($0.dropFirst(14))) }
    }
}

extension Source {
    fileprivate var isFile: Bool {
        if case .file = self { true } else { false }
    }
}
