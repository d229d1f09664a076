extension Key {
    /// A day, the longest that any interval may be.
    private static let dayMs = 86_400_000
    /// A month, the oldest that a connection may be asked to become.
    private static let manyMs = 30 * dayMs
    /// The largest count of connections: more than a Linux process can have descriptors.
    private static let manyConnections = 2_147_483_647
    /// Whole numbers up to here survive JavaScript; for keys that are only accepted.
    private static let anyNumber = 9_007_199_254_740_991

    /// Every key there is, in the order of the example file.
    public static let all: [Key] = [
        Key("port", .port(\.port, 0...65_535), "TCP port to listen on; 0 takes any free one, and the log says which"),
        Key("host", .string(\.host), "Address to listen on; empty: all addresses, IPv6 and IPv4"),
        Key("eventLoops", .integer(\.eventLoops, 0...1024), "Threads that serve connections; 0: one per core"),

        Key(
            "tls.certificateFile", .optionalString(\.tls.certificateFile),
            "PEM file of the certificate and its chain; set: the port speaks TLS (https://, wss://). Read anew on SIGHUP"
        ),
        Key(
            "tls.keyFile", .optionalString(\.tls.keyFile),
            "PEM file of the private key to tls.certificateFile, without a passphrase"),
        Key(
            "tls.additionalCertificateFiles", .strings(\.tls.additionalCertificateFiles),
            "Further certificates, for the names that they list; the first is for all others"),
        Key(
            "tls.additionalKeyFiles", .strings(\.tls.additionalKeyFiles),
            "The keys to tls.additionalCertificateFiles, in the same order"),
        Key("tls.minimumVersion", .tlsVersion(\.tls.minimumVersion), "The oldest TLS version that clients may speak"),
        Key(
            "tls.kernel", .boolean(\.tls.kernel),
            "The kernel encrypts what is sent, if it can (its module tls must be loaded)"),

        Key(
            "proxyProtocol", .boolean(\.proxyProtocol),
            "Each connection begins with a header of the PROXY protocol, version 1 or 2 (before TLS), from one of trustedProxies, if there are any"
        ),
        Key(
            "trustedProxies", .strings(\.trustedProxies),
            "Addresses and ranges (10.0.0.0/8) of proxies that are believed when they say whom they speak for, also in X-Forwarded-For; for the log and maxHandshakesPerAddress"
        ),

        Key("logLevel", .logLevel(\.logLevel), "The least severe level that is logged"),
        Key("logToFile", .boolean(\.logToFile), "Log to the file logFilename as well"),
        Key("logFilename", .string(\.logFilename), "The log file"),
        Key(
            "logFormat", .logFormat(\.logFormat),
            "How a line of the log is written: for people, as key=value throughout, or as a JSON object"),

        Key(
            "metricsPort", .port(\.metricsPort, 0...65_535),
            "TCP port for /metrics alone (with /health and /ready), without TLS; 0: /metrics is on the main port"),

        Key(
            "console", .boolean(\.console),
            "Serve /console, a page to try and watch the gateway by, to who has a token; it shows the figures of /metrics"
        ),

        Key("statsd.host", .string(\.statsd.host), "Where StatsD lines go (UDP); nobody need listen there"),
        Key("statsd.port", .port(\.statsd.port, 1...65_535), "UDP port of StatsD"),
        Key("statsd.globalTags", .strings(\.statsd.globalTags), "Tags for every StatsD line, such as env:prod"),
        Key(
            "statsd.reportIntervalMs", .integer(\.statsd.reportIntervalMs, 100...600_000),
            "Time between two reports of counters and levels"),

        Key(
            "redis.url", .secret(\.redis.url),
            "redis://[user[:password]@]host[:port][/db], rediss://… (TLS) or unix:///path[?db=0], in place of the keys below"
        ),
        Key("redis.host", .string(\.redis.host), "Host name or IP address of Redis"),
        Key("redis.port", .port(\.redis.port, 1...65_535), "TCP port of Redis"),
        Key("redis.username", .string(\.redis.username), "User for AUTH; counts only with a password"),
        Key("redis.password", .secret(\.redis.password), "Password for AUTH; empty: none"),
        Key("redis.db", .integer(\.redis.db, 0...2_147_483_647), "Number of the database"),
        Key("redis.ssl", .boolean(\.redis.ssl), "TLS to Redis and its sentinels"),
        Key(
            "redis.validateHostname", .boolean(\.redis.validateHostname),
            "With redis.ssl: the certificate must be for the host that is connected to"),
        Key(
            "redis.caFile", .optionalString(\.redis.caFile),
            "With redis.ssl: PEM file of the authorities to trust; null: the system's"),
        Key(
            "redis.certificateFile", .optionalString(\.redis.certificateFile),
            "With redis.ssl: PEM file of the client certificate and its chain"),
        Key(
            "redis.keyFile", .optionalString(\.redis.keyFile),
            "PEM file of the private key to redis.certificateFile"),
        Key(
            "redis.socketPath", .optionalString(\.redis.socketPath),
            "Unix socket of Redis, in place of redis.host and redis.port"),
        Key(
            "redis.sentinels", .strings(\.redis.sentinels),
            "Sentinels to ask for the primary, each host or host:port (26379), in place of redis.host and redis.port"),
        Key("redis.sentinelName", .string(\.redis.sentinelName), "What the sentinels call the primary"),
        Key(
            "redis.sentinelUsername", .string(\.redis.sentinelUsername),
            "User for AUTH with the sentinels; counts only with a password"),
        Key(
            "redis.sentinelPassword", .secret(\.redis.sentinelPassword),
            "Password for AUTH with the sentinels; empty: none"),
        Key("redisStreamPrefix", .string(\.redisStreamPrefix), "What stands before a channel in its stream's name"),
        Key(
            "redisStreamReadCount", .integer(\.redisStreamReadCount, 1...1_000_000),
            "The most entries read at once (the Node server's default is 100)"),
        Key(
            "redisStreamReadBlockMs", .integer(\.redisStreamReadBlockMs, 1...600_000),
            "How long one read waits for events, 1000 at the most; silence of 2 s more counts as a dead connection"),

        Key(
            "jwtAlgorithms", .strings(\.jwtAlgorithms),
            "Algorithms a token may be signed with: "
                + Settings.supportedAlgorithms.joined(separator: ", ")),
        Key(
            "jwtSecret", .secret(\.jwtSecret),
            "The secret tokens are signed with, at least 32 bytes; required with HS256, HS384 and HS512"),
        Key(
            "previousJwtSecrets", .secrets(\.previousJwtSecrets),
            "Secrets of before, at least 32 bytes each, 15 at the most, whose tokens are still good"),
        Key(
            "jwtPublicKeyFiles", .strings(\.jwtPublicKeyFiles),
            "Files with the public keys for the other algorithms: PEM, JWK or JWK Set"),
        Key("jwtCookieName", .string(\.jwtCookieName), "The cookie that carries the token"),
        Key("jwtChannelIdKey", .string(\.jwtChannelIdKey), "The claim that names the channel"),
        Key("closeOnTokenExpiry", .boolean(\.closeOnTokenExpiry), "Close an open socket when its token expires"),

        Key(
            "maxConnectionAgeMs", .integer(\.maxConnectionAgeMs, 0...manyMs),
            "Close an open socket at this age, or up to a tenth earlier; its client comes back. 0: never"),

        Key(
            "socketResponseTimeoutMs", .integer(\.socketResponseTimeoutMs, 1...dayMs),
            "A peer that has not answered for so long is dropped"),
        Key(
            "pingSocketsIntervalMs", .integer(\.pingSocketsIntervalMs, 1...dayMs),
            "Time between two pings of a WebSocket, or two comments of a quiet event stream"),
        Key(
            "gcChannelsIntervalMs", .integer(\.gcChannelsIntervalMs, 1...dayMs),
            "Time between two sweeps of channels with nobody on them"),

        Key(
            "allowedOrigins", .strings(\.allowedOrigins),
            "Origins that may connect: *, null, https://a.example:8443, https://*.example; empty: the same host only"),
        Key(
            "maxConnectionsPerChannel", .integer(\.maxConnectionsPerChannel, 0...manyConnections),
            "The most connections of one channel; 0: no limit"),
        Key(
            "maxTotalConnections", .integer(\.maxTotalConnections, 0...manyConnections),
            "The most WebSockets, event streams and waiting polls altogether; 0: no limit"),
        Key(
            "maxHandshakesPerAddress", .integer(\.maxHandshakesPerAddress, 0...1_000_000),
            "Handshakes of one client address per second, ten seconds' worth at once; 0: no limit"),
        Key(
            "maxSocketBufferBytes", .integer(\.maxSocketBufferBytes, 0...anyNumber),
            "Accepted, without effect: a slow reader buffers nothing here", withoutEffect: true),
        Key(
            "eventYieldBatchSize", .integer(\.eventYieldBatchSize, 0...anyNumber),
            "Accepted, without effect: a burst of events does not hold up other work here", withoutEffect: true),

        Key(
            "replayRecentMs", .integer(\.replayRecentMs, 0...dayMs),
            "Events of the last so long for a connection without last_id; 0: none"),
        Key(
            "producerSkewMs", .integer(\.producerSkewMs, 0...60_000),
            "How far apart a producer's two writes of one event may lie"),
        Key(
            "handshakeTimeoutMs", .integer(\.handshakeTimeoutMs, 1...600_000),
            "Time a peer has to complete its request's head, and again for its body"),
        Key("maxRequestHeadBytes", .integer(\.maxRequestHeadBytes, 512...1_048_576), "The longest request head"),
        Key(
            "maxClientMessageBytes", .integer(\.maxClientMessageBytes, 1...16_777_216),
            "The longest WebSocket message taken from a client"),
        Key(
            "maxPollWaitMs", .integer(\.maxPollWaitMs, 0...600_000),
            "The longest that a poll may wait for events; a longer wait is cut to it"),
        Key(
            "pollDelayMinMs", .integer(\.pollDelayMinMs, 0...dayMs),
            "The shortest pause between two polls that answers recommend (poll_delay)"),
        Key("pollDelayMaxMs", .integer(\.pollDelayMaxMs, 0...dayMs), "The longest"),
        Key(
            "presence", .boolean(\.presence),
            "Keep <prefix>presence:<channel> in Redis while somebody is there, so that workers can look"),
        Key(
            "presenceTtlMs", .integer(\.presenceTtlMs, 1000...dayMs),
            "How long that key stays when nobody is there any more; it is set anew three times in that time"),
        Key(
            "maxPublishBytes", .integer(\.maxPublishBytes, 1...16_777_216),
            "The longest event that POST /api/publish takes"),
        Key(
            "maxPublishesInFlight", .integer(\.maxPublishesInFlight, 1...100_000),
            "The most events at once that POST /api/publish is receiving or writing"),
        Key(
            "idempotencyKeyMs", .integer(\.idempotencyKeyMs, 1000...manyMs),
            "How long POST /api/publish remembers an Idempotency-Key"),
        Key(
            "compression", .boolean(\.compression),
            "Compress a WebSocket's events when its client offers that (permessage-deflate); event streams are not"),
        Key(
            "drainMs", .integer(\.drainMs, 0...600_000), "Time over which sockets are closed after SIGTERM; 0: at once"),
        Key(
            "historyBytes", .integer(\.historyBytes, 1024...1 << 40),
            "Memory for the log that reconnects are served from"),
    ]
}
