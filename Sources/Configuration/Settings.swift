/// Everything that can be configured, with the defaults of DESIGN 1.5.
///
/// A plain value: load it once at start with ``load(file:environment:overrides:ignoring:)`` and hand it to whoever
/// needs it. Ranges and meanings are those of ``Key/all``; after a load without problems every value keeps them.
public struct Settings: Sendable, Equatable {
    /// Where StatsD lines go (UDP).
    public struct StatsD: Sendable, Equatable {
        /// Host name or IP address, never empty.
        public var host = "127.0.0.1"
        /// UDP port, 1 to 65535.
        public var port: UInt16 = 8125
        /// Tags in DogStatsD form (`name:value` or `name`), added to every line.
        public var globalTags: [String] = []
        /// Time between two reports of counters and levels, in milliseconds.
        public var reportIntervalMs = 10_000
    }

    /// How Redis is reached.
    public struct Redis: Sendable, Equatable {
        /// Where Redis is and how to log in, in one; empty: the single keys say it. After a load those have its parts.
        public var url = Secret("")
        /// Host name or IP address, never empty.
        public var host = "127.0.0.1"
        /// TCP port, 1 to 65535.
        public var port: UInt16 = 6379
        /// User for `AUTH`; counts only together with a password (as in the Node server). Empty: `AUTH` with the
        /// password alone.
        public var username = "default"
        /// Password for `AUTH`; empty: no `AUTH`.
        public var password = Secret("")
        /// Number for `SELECT`.
        public var db = 0
        /// TLS to Redis (and to its sentinels), with the certificate checked.
        public var ssl = false
        /// With `ssl`: the certificate must be for the host that is connected to. When false its chain is still checked.
        public var validateHostname = true
        /// With `ssl`: PEM file of the authorities to trust, or nil for those of the system.
        public var caFile: String?
        /// With `ssl`: PEM file of the certificate, with its chain, that is shown to Redis, or nil for none.
        public var certificateFile: String?
        /// PEM file of the private key to `certificateFile`; set when that is.
        public var keyFile: String?
        /// A Unix socket to use in place of `host` and `port`, 1 to 107 bytes (`sun_path`), or nil.
        public var socketPath: String?
        /// The sentinels to ask for the primary, each `host` or `host:port`; empty: Redis is where `host` says.
        public var sentinels: [String] = []
        /// What the sentinels call the primary; not empty with `sentinels`.
        public var sentinelName = ""
        /// User for `AUTH` with the sentinels; counts only with a password.
        public var sentinelUsername = "default"
        /// Password for `AUTH` with the sentinels; empty: none.
        public var sentinelPassword = Secret("")

        /// ``sentinels``, read; without a port it is 26379, as Sentinel has it. Those that cannot be read are left out: a
        /// load without problems has none.
        public var sentinelAddresses: [HostAndPort] {
            sentinels.compactMap { HostAndPort($0, defaultPort: 26_379) }
        }
    }

    /// TLS on the listening port.
    public struct TLS: Sendable, Equatable {
        /// PEM file of the certificate with its chain, or nil: the port speaks plain HTTP.
        public var certificateFile: String?
        /// PEM file of the private key to `certificateFile`; set when that is.
        public var keyFile: String?
        /// Further certificates, for the names they list; `certificateFile` is for all other names.
        public var additionalCertificateFiles: [String] = []
        /// The keys to `additionalCertificateFiles`: as many, in the same order.
        public var additionalKeyFiles: [String] = []
        /// The oldest version that is spoken.
        public var minimumVersion = TLSVersion.tls12
        /// Whether the kernel may encrypt what is sent.
        public var kernel = true
    }

    /// TCP port to listen on; 0 takes any free one.
    public var port: UInt16 = 8080
    /// Address to listen on; empty: all addresses, IPv6 and IPv4.
    public var host = ""
    /// Number of event loops; 0: one per core.
    public var eventLoops = 0
    /// TLS on the listening port.
    public var tls = TLS()
    /// Each connection begins with a header of the PROXY protocol.
    public var proxyProtocol = false
    /// Proxies that are believed when they say whom they speak for: addresses, or ranges such as `10.0.0.0/8`.
    public var trustedProxies: [String] = []

    /// The least severe level that is logged.
    public var logLevel = LogLevel.info
    /// Log to `logFilename` as well.
    public var logToFile = false
    /// Path of the log file; not empty when `logToFile` is set.
    public var logFilename = "app.log"
    /// How a line of the log is written.
    public var logFormat = LogFormat.text

    /// TCP port for `/metrics` alone; 0: it is on ``port``. Never the same as ``port``.
    public var metricsPort: UInt16 = 0

    /// Serve the page for trying and watching the gateway at `/console`.
    public var console = false

    /// StatsD.
    public var statsd = StatsD()

    /// Redis.
    public var redis = Redis()
    /// What stands before a channel's name in the name of its stream; the global stream is this and `full`.
    public var redisStreamPrefix = "async-events-"
    /// `COUNT` of the `XREAD`: the most entries in one reply.
    public var redisStreamReadCount = 1000
    /// `BLOCK` of the `XREAD`, in milliseconds.
    public var redisStreamReadBlockMs = 5000

    /// Algorithms a token may be signed with, not empty; each is one of ``supportedAlgorithms``.
    public var jwtAlgorithms = ["HS256"]
    /// The HMAC secret tokens are signed with, at least ``minimumSecretBytes`` long; may be empty when only algorithms
    /// with public keys are listed.
    public var jwtSecret = Secret("")
    /// Secrets of before, whose tokens are still honoured; each as long as ``jwtSecret`` must be.
    public var previousJwtSecrets: [Secret] = []
    /// Files with the public keys tokens are checked with, not empty when an algorithm that needs one is listed.
    public var jwtPublicKeyFiles: [String] = []
    /// Name of the cookie that carries the token (a token of RFC 6265, section 4.1.1).
    public var jwtCookieName = "async-token"
    /// The claim that names the channel.
    public var jwtChannelIdKey = "channel"
    /// Close an open socket when its token expires.
    public var closeOnTokenExpiry = true
    /// The greatest age of an open socket, in milliseconds; 0: no limit.
    public var maxConnectionAgeMs = 0

    /// A peer that has not answered for so many milliseconds is dropped.
    public var socketResponseTimeoutMs = 60_000
    /// Time between two pings of a WebSocket, or two comments of a quiet event stream, in milliseconds.
    public var pingSocketsIntervalMs = 20_000
    /// Time between two sweeps of channels with nobody on them, in milliseconds.
    public var gcChannelsIntervalMs = 120_000

    /// Origins that may connect; empty: the same host only. Each is `*`, `null`, `scheme://host[:port]` or
    /// `scheme://*.domain[:port]`, in lower case and without the scheme's default port, as browsers send it.
    public var allowedOrigins: [String] = []
    /// The most connections of one channel; 0: no limit.
    public var maxConnectionsPerChannel = 0
    /// The most connections altogether; 0: no limit.
    public var maxTotalConnections = 0
    /// Handshakes of one client address per second in the long run; 0 = no limit.
    public var maxHandshakesPerAddress = 0
    /// Accepted for the Node server's sake, without effect.
    public var maxSocketBufferBytes = 0
    /// Accepted for the Node server's sake, without effect.
    public var eventYieldBatchSize = 100

    /// A connection without `last_id` is given its channel's events of the last so many milliseconds; 0: none.
    public var replayRecentMs = 0
    /// How far apart a producer's two writes of one event may lie, in milliseconds.
    public var producerSkewMs = 1000
    /// Time a peer has to complete its request head, in milliseconds.
    public var handshakeTimeoutMs = 10_000
    /// The longest request head, in bytes.
    public var maxRequestHeadBytes = 16_384
    /// The longest WebSocket message taken from a client, in bytes.
    public var maxClientMessageBytes = 4096
    /// The longest that a poll may wait for events, in milliseconds.
    public var maxPollWaitMs = 30_000
    /// The shortest pause between two polls that is recommended to clients, in milliseconds.
    public var pollDelayMinMs = 500
    /// The longest; below ``pollDelayMinMs``, that counts.
    public var pollDelayMaxMs = 5000
    /// Keep in Redis which channels somebody is there for.
    public var presence = false
    /// How long that is kept after the last time it was seen, in milliseconds.
    public var presenceTtlMs = 30_000
    /// The longest event that is taken by `POST /api/publish`, in bytes.
    public var maxPublishBytes = 1 << 20
    /// The most events at once that are on their way from a client to Redis.
    public var maxPublishesInFlight = 256
    /// How long an `Idempotency-Key` is remembered, in milliseconds.
    public var idempotencyKeyMs = 86_400_000
    /// Take up a client's offer to compress what a WebSocket is sent (RFC 7692).
    public var compression = false
    /// Time over which sockets are closed after SIGTERM, in milliseconds; 0: at once.
    public var drainMs = 5000
    /// Memory for the event log, in bytes.
    public var historyBytes = 64 << 20

    /// The defaults. They lack a `jwtSecret`, so they do not pass ``validate()`` as they are.
    public init() {}

    /// Token algorithms that can be listed in ``jwtAlgorithms``.
    public static let supportedAlgorithms = secretAlgorithms + publicKeyAlgorithms
    /// Those that are checked with a secret.
    static let secretAlgorithms = ["HS256", "HS384", "HS512"]
    /// Those that are checked with a public key.
    static let publicKeyAlgorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ]
    /// The most ``previousJwtSecrets``: each costs a check of the signature, and anybody can send a token.
    static let maximumPreviousSecrets = 15

    /// The shortest secret that is accepted, in bytes: the output of the smallest hash, below which RFC 7518
    /// (section 3.2) forbids it.
    public static let minimumSecretBytes = 32
}

/// Versions of TLS that can be asked for as the oldest.
public enum TLSVersion: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
}

/// Forms of a line of the log.
public enum LogFormat: String, Sendable, CaseIterable {
    /// For people: the time, the level and the message, then `key=value`.
    case text
    /// `key=value` throughout.
    case logfmt
    /// A JSON object.
    case json
}

/// Levels of the log, the least severe first.
public enum LogLevel: String, Sendable, CaseIterable {
    /// Everything, connection by connection.
    case debug
    /// Start, stop and what an operator wants to know.
    case info
    /// What may need attention.
    case warn
    /// What does.
    case error
}
