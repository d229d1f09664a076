import ArgumentParser
import Configuration

/// Flags that set keys of the configuration. Every stored property is an `@Option(key:)`.
protocol SettingsOptions: ParsableArguments {}

extension SettingsOptions {
    /// What was given on the command line.
    var overrides: [Override] {
        Mirror(reflecting: self).children.compactMap { ($0.value as? Option<Override?>)?.wrappedValue }
    }
}

extension Option where Value == Override? {
    /// A flag for the key at `path`: its name, its help and its completions are the key's own. What the value must be
    /// is for ``Settings/load(file:environment:overrides:ignoring:)`` to say, so that all problems are told at once.
    init(key path: String) {
        self.init(
            name: .key(path), help: .key(path), completion: .key(path),
            transform: { (text: String) -> Override in Override(key: path, value: text) })
    }
}

extension NameSpecification {
    fileprivate static func key(_ path: String) -> NameSpecification {
        .customLong(Key.named(path)?.flag.map { String($0.dropFirst(2)) } ?? path)
    }
}

extension ArgumentHelp {
    fileprivate static func key(_ path: String) -> ArgumentHelp {
        guard let key = Key.named(path) else { return ArgumentHelp() }
        let help = "\(key.help). (default: \(key.defaultJSON))"
        return ArgumentHelp(help, valueName: key.valueName)
    }
}

extension CompletionKind {
    fileprivate static func key(_ path: String) -> CompletionKind {
        switch Key.named(path)?.kind {
        case .boolean: .list(["true", "false"])
        case .choice(let words): .list(words)
        case .optionalString where path.hasSuffix("Path") || path.hasSuffix("File"): .file()
        case .integer, .string, .optionalString, .secret, .strings, .secrets, nil: .default
        }
    }
}

extension Key {
    fileprivate var valueName: String {
        switch kind {
        case .integer: "number"
        case .boolean: "true|false"
        case .string, .optionalString, .secret: "text"
        case .strings, .secrets: "text,text"
        case .choice(let words): words.joined(separator: "|")
        }
    }
}

// MARK: The flags, as --help groups them

struct ListeningOptions: SettingsOptions {
    @Option(key: "port") var port: Override?
    @Option(key: "host") var host: Override?
    @Option(key: "eventLoops") var eventLoops: Override?
    @Option(key: "proxyProtocol") var proxyProtocol: Override?
    @Option(key: "trustedProxies") var trustedProxies: Override?
}

struct TLSOptions: SettingsOptions {
    @Option(key: "tls.certificateFile") var certificateFile: Override?
    @Option(key: "tls.keyFile") var keyFile: Override?
    @Option(key: "tls.additionalCertificateFiles") var additionalCertificateFiles: Override?
    @Option(key: "tls.additionalKeyFiles") var additionalKeyFiles: Override?
    @Option(key: "tls.minimumVersion") var minimumVersion: Override?
    @Option(key: "tls.kernel") var kernel: Override?
}

struct LoggingOptions: SettingsOptions {
    @Option(key: "logLevel") var logLevel: Override?
    @Option(key: "logToFile") var logToFile: Override?
    @Option(key: "logFilename") var logFilename: Override?
    @Option(key: "logFormat") var logFormat: Override?
}

struct MetricsOptions: SettingsOptions {
    @Option(key: "metricsPort") var metricsPort: Override?
    @Option(key: "console") var console: Override?
}

struct StatsDOptions: SettingsOptions {
    @Option(key: "statsd.host") var host: Override?
    @Option(key: "statsd.port") var port: Override?
    @Option(key: "statsd.globalTags") var globalTags: Override?
    @Option(key: "statsd.reportIntervalMs") var reportIntervalMs: Override?
}

struct RedisOptions: SettingsOptions {
    @Option(key: "redis.host") var host: Override?
    @Option(key: "redis.port") var port: Override?
    @Option(key: "redis.username") var username: Override?
    @Option(key: "redis.db") var db: Override?
    @Option(key: "redis.ssl") var ssl: Override?
    @Option(key: "redis.validateHostname") var validateHostname: Override?
    @Option(key: "redis.caFile") var caFile: Override?
    @Option(key: "redis.certificateFile") var certificateFile: Override?
    @Option(key: "redis.keyFile") var keyFile: Override?
    @Option(key: "redis.socketPath") var socketPath: Override?
    @Option(key: "redis.sentinels") var sentinels: Override?
    @Option(key: "redis.sentinelName") var sentinelName: Override?
    @Option(key: "redis.sentinelUsername") var sentinelUsername: Override?
    @Option(key: "redisStreamPrefix") var streamPrefix: Override?
}

struct ReadingOptions: SettingsOptions {
    @Option(key: "redisStreamReadCount") var streamReadCount: Override?
    @Option(key: "redisStreamReadBlockMs") var streamReadBlockMs: Override?
    @Option(key: "historyBytes") var historyBytes: Override?
    @Option(key: "replayRecentMs") var replayRecentMs: Override?
    @Option(key: "producerSkewMs") var producerSkewMs: Override?
}

struct TokenOptions: SettingsOptions {
    @Option(key: "jwtAlgorithms") var algorithms: Override?
    @Option(key: "jwtPublicKeyFiles") var publicKeyFiles: Override?
    @Option(key: "jwtCookieName") var cookieName: Override?
    @Option(key: "jwtChannelIdKey") var channelIDKey: Override?
}

struct ConnectionOptions: SettingsOptions {
    @Option(key: "allowedOrigins") var allowedOrigins: Override?
    @Option(key: "closeOnTokenExpiry") var closeOnTokenExpiry: Override?
    @Option(key: "maxConnectionAgeMs") var maxConnectionAgeMs: Override?
    @Option(key: "maxConnectionsPerChannel") var maxConnectionsPerChannel: Override?
    @Option(key: "maxTotalConnections") var maxTotalConnections: Override?
    @Option(key: "maxHandshakesPerAddress") var maxHandshakesPerAddress: Override?
    @Option(key: "socketResponseTimeoutMs") var socketResponseTimeoutMs: Override?
    @Option(key: "pingSocketsIntervalMs") var pingSocketsIntervalMs: Override?
    @Option(key: "gcChannelsIntervalMs") var gcChannelsIntervalMs: Override?
    @Option(key: "handshakeTimeoutMs") var handshakeTimeoutMs: Override?
    @Option(key: "maxRequestHeadBytes") var maxRequestHeadBytes: Override?
    @Option(key: "maxClientMessageBytes") var maxClientMessageBytes: Override?
    @Option(key: "compression") var compression: Override?
    @Option(key: "drainMs") var drainMs: Override?
}

struct PollingOptions: SettingsOptions {
    @Option(key: "maxPollWaitMs") var maxWaitMs: Override?
    @Option(key: "pollDelayMinMs") var delayMinMs: Override?
    @Option(key: "pollDelayMaxMs") var delayMaxMs: Override?
}

struct PublishingOptions: SettingsOptions {
    @Option(key: "presence") var presence: Override?
    @Option(key: "presenceTtlMs") var presenceTtlMs: Override?
    @Option(key: "maxPublishBytes") var maxBytes: Override?
    @Option(key: "maxPublishesInFlight") var maxInFlight: Override?
    @Option(key: "idempotencyKeyMs") var idempotencyKeyMs: Override?
}

/// All of them: what `serve` takes, and `check` so that it can judge the same command line.
struct AllSettingsOptions: ParsableArguments {
    @OptionGroup(title: "Listening") var listening: ListeningOptions
    @OptionGroup(title: "TLS") var tls: TLSOptions
    @OptionGroup(title: "Redis") var redis: RedisOptions
    @OptionGroup(title: "Reading and replay") var reading: ReadingOptions
    @OptionGroup(title: "Tokens") var tokens: TokenOptions
    @OptionGroup(title: "Connections") var connections: ConnectionOptions
    @OptionGroup(title: "Polling") var polling: PollingOptions
    @OptionGroup(title: "Publishing and presence") var publishing: PublishingOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions
    @OptionGroup(title: "Metrics and the console") var metrics: MetricsOptions
    @OptionGroup(title: "StatsD") var statsd: StatsDOptions

    var overrides: [Override] {
        let groups: [any SettingsOptions] = [
            listening, tls, redis, reading, tokens, connections, polling, publishing, logging, metrics, statsd,
        ]
        return groups.flatMap(\.overrides)
    }
}
