import Testing

@testable import Configuration

@Suite("The table of keys")
struct KeyTests {
    @Test(
        "a key's variable is the one of DESIGN 1.5",
        arguments: [
            ("port", "PORT"), ("logLevel", "LOG_LEVEL"), ("logToFile", "LOG_TO_FILE"), ("logFilename", "LOG_FILENAME"),
            ("statsd.host", "STATSD_HOST"), ("statsd.port", "STATSD_PORT"),
            ("statsd.globalTags", "STATSD_GLOBAL_TAGS"), ("redis.host", "REDIS_HOST"), ("redis.port", "REDIS_PORT"),
            ("redis.username", "REDIS_USERNAME"), ("redis.password", "REDIS_PASSWORD"), ("redis.db", "REDIS_DB"),
            ("redis.ssl", "REDIS_SSL"), ("redis.validateHostname", "REDIS_VALIDATE_HOSTNAME"),
            ("redisStreamPrefix", "REDIS_STREAM_PREFIX"), ("redisStreamReadCount", "REDIS_STREAM_READ_COUNT"),
            ("redisStreamReadBlockMs", "REDIS_STREAM_READ_BLOCK_MS"), ("jwtAlgorithms", "JWT_ALGORITHMS"),
            ("jwtSecret", "JWT_SECRET"), ("previousJwtSecrets", "PREVIOUS_JWT_SECRETS"),
            ("jwtPublicKeyFiles", "JWT_PUBLIC_KEY_FILES"), ("jwtCookieName", "JWT_COOKIE_NAME"),
            ("jwtChannelIdKey", "JWT_CHANNEL_ID_KEY"), ("socketResponseTimeoutMs", "SOCKET_RESPONSE_TIMEOUT_MS"),
            ("pingSocketsIntervalMs", "PING_SOCKETS_INTERVAL_MS"), ("gcChannelsIntervalMs", "GC_CHANNELS_INTERVAL_MS"),
            ("allowedOrigins", "ALLOWED_ORIGINS"), ("maxConnectionsPerChannel", "MAX_CONNECTIONS_PER_CHANNEL"),
            ("maxTotalConnections", "MAX_TOTAL_CONNECTIONS"), ("maxSocketBufferBytes", "MAX_SOCKET_BUFFER_BYTES"),
            ("eventYieldBatchSize", "EVENT_YIELD_BATCH_SIZE"), ("host", "HOST"), ("eventLoops", "EVENT_LOOPS"),
            ("closeOnTokenExpiry", "CLOSE_ON_TOKEN_EXPIRY"), ("redis.socketPath", "REDIS_SOCKET_PATH"),
            ("redis.url", "REDIS_URL"), ("redis.caFile", "REDIS_CA_FILE"),
            ("redis.certificateFile", "REDIS_CERTIFICATE_FILE"), ("redis.keyFile", "REDIS_KEY_FILE"),
            ("redis.sentinels", "REDIS_SENTINELS"), ("redis.sentinelName", "REDIS_SENTINEL_NAME"),
            ("redis.sentinelUsername", "REDIS_SENTINEL_USERNAME"),
            ("redis.sentinelPassword", "REDIS_SENTINEL_PASSWORD"),
            ("replayRecentMs", "REPLAY_RECENT_MS"), ("producerSkewMs", "PRODUCER_SKEW_MS"),
            ("handshakeTimeoutMs", "HANDSHAKE_TIMEOUT_MS"), ("maxRequestHeadBytes", "MAX_REQUEST_HEAD_BYTES"),
            ("maxClientMessageBytes", "MAX_CLIENT_MESSAGE_BYTES"), ("drainMs", "DRAIN_MS"),
            ("historyBytes", "HISTORY_BYTES"),
        ])
    func variable(path: String, variable: String) {
        #expect(Key.named(path)?.environmentVariable == variable)
    }

    @Test("every key, every path and every variable is in the table once")
    func count() {
        #expect(Set(Key.all.map(\.path)).count == Key.all.count)
        #expect(Set(Key.all.map(\.environmentVariable)).count == Key.all.count)
    }

    @Test(
        "the defaults are those of DESIGN 1.5",
        arguments: [
            ("port", "8080"), ("host", "\"\""), ("eventLoops", "0"), ("logLevel", "\"info\""), ("logToFile", "false"),
            ("logFilename", "\"app.log\""), ("statsd.host", "\"127.0.0.1\""), ("statsd.port", "8125"),
            ("statsd.globalTags", "[]"), ("redis.host", "\"127.0.0.1\""), ("redis.port", "6379"),
            ("redis.username", "\"default\""), ("redis.password", "\"\""), ("redis.db", "0"), ("redis.ssl", "false"),
            ("redis.validateHostname", "true"), ("redis.socketPath", "null"), ("redis.url", "\"\""),
            ("redis.caFile", "null"),
            ("redis.certificateFile", "null"), ("redis.keyFile", "null"), ("redis.sentinels", "[]"),
            ("redis.sentinelName", "\"\""), ("redis.sentinelUsername", "\"default\""),
            ("redis.sentinelPassword", "\"\""),
            ("redisStreamPrefix", "\"async-events-\""),
            ("redisStreamReadCount", "1000"), ("redisStreamReadBlockMs", "5000"), ("jwtAlgorithms", "[\"HS256\"]"),
            ("jwtSecret", "\"\""), ("previousJwtSecrets", "[]"), ("jwtPublicKeyFiles", "[]"),
            ("jwtCookieName", "\"async-token\""), ("jwtChannelIdKey", "\"channel\""),
            ("socketResponseTimeoutMs", "60000"), ("pingSocketsIntervalMs", "20000"),
            ("gcChannelsIntervalMs", "120000"), ("allowedOrigins", "[]"), ("maxConnectionsPerChannel", "0"),
            ("maxTotalConnections", "0"), ("closeOnTokenExpiry", "true"), ("replayRecentMs", "0"),
            ("producerSkewMs", "1000"), ("handshakeTimeoutMs", "10000"), ("maxRequestHeadBytes", "16384"),
            ("maxClientMessageBytes", "4096"), ("drainMs", "5000"), ("historyBytes", "67108864"),
        ])
    func defaults(path: String, json: String) {
        #expect(Key.named(path)?.defaultJSON == json)
    }

    @Test("every default lies in its range", arguments: Key.all.map(\.path))
    func defaultInRange(path: String) throws {
        let key = try #require(Key.named(path))
        guard case .integer(let range) = key.kind, let value = Int(key.defaultJSON) else { return }
        #expect(range.contains(value))
    }

    @Test("no two keys share a place in Settings: setting one changes that one alone", arguments: Key.all.map(\.path))
    func ownPlace(path: String) throws {
        let key = try #require(Key.named(path))
        var settings = Settings()
        #expect(key.assign(.text(key.sample.text), to: &settings).isEmpty)
        for other in Key.all {
            #expect((other.value(in: settings) != other.value(in: Settings())) == (other.path == path))
        }
    }

    @Test("secrets have no flag, all others do")
    func flags() {
        #expect(
            Key.all.filter { $0.flag == nil }.map(\.path) == [
                "redis.url", "redis.password", "redis.sentinelPassword", "jwtSecret", "previousJwtSecrets",
            ])
        #expect(Key.named("redis.socketPath")?.flag == "--redis-socket-path")
        #expect(Key.named("port")?.flag == "--port")
    }
}
