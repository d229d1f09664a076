import Configuration
import EventLoop
import HTTP1
import JSONWebToken
import Logging
import Metrics
import RedisStreams

/// What the settings come to, made once and shared by all loops: immutable. A class, since loops ask it all the time, and
/// a copy of so many parts would count references for each of them.
final class GatewayContext: Sendable {
    let settings: Settings
    let logger: Logger
    /// Those of the start; each loop holds the verifier that counts now.
    let tokenKeys: TokenKeys
    /// For all connections to Redis and its sentinels; nil: without TLS.
    let redisTLS: TLSClientContext?
    /// What the listening port begins with; nil: it speaks plain HTTP.
    let certificates: ServerCertificates?
    /// What TLS sessions are resumed by, also after a reload.
    let ticketKeys: TLSTicketKeys
    let proxies: TrustedProxies
    let origins: OriginPolicy
    let headLimits: HTTP1.Limits
    let cookieName: [UInt8]
    let limits: ConnectionLimits
    let handshakeRate: HandshakeRate
    /// How many loops have no session left to drain.
    let drained = SharedCount()
    /// How many loops there are.
    let loopCount: Int
    /// What every StatsD line carries: the configured tags and those of Datadog's variables.
    let statsDTags: [String]

    init(
        settings: Settings, loopCount: Int, logger: Logger, environment: [String: String] = [:]
    ) throws(GatewayError) {
        statsDTags = StatsDTags.withDatadogTags(settings.statsd.globalTags) { environment[$0] }
        self.settings = settings
        self.loopCount = loopCount
        self.logger = logger
        // All that is wrong is told at once.
        var sentences: [String] = []
        func load<Value>(_ make: () throws(SettingsProblems) -> Value) -> Value? {
            do {
                return try make()
            } catch {
                sentences += error.sentences
                return nil
            }
        }
        let ticketKeys = TLSTicketKeys()
        let tokenKeys = load { () throws(SettingsProblems) in try TokenKeys.load(settings) }
        let certificates = load { () throws(SettingsProblems) in
            try ServerCertificates.load(settings, ticketKeys: ticketKeys)
        }
        let proxies = load { () throws(SettingsProblems) in try TrustedProxies(settings.trustedProxies) }
        guard let tokenKeys, let certificates, let proxies else {
            throw GatewayError(sentences.joined(separator: "\n"))
        }
        self.ticketKeys = ticketKeys
        self.tokenKeys = tokenKeys
        self.certificates = certificates
        self.proxies = proxies
        redisTLS = try Self.makeRedisTLS(settings.redis)
        origins = OriginPolicy(allowed: settings.allowedOrigins)
        headLimits = HTTP1.Limits(maxHeadBytes: settings.maxRequestHeadBytes)
        cookieName = Array(settings.jwtCookieName.utf8)
        limits = ConnectionLimits(
            total: settings.maxTotalConnections, perChannel: settings.maxConnectionsPerChannel)
        handshakeRate = HandshakeRate(perSecond: settings.maxHandshakesPerAddress)
    }

    var handshakeTimeout: Int64 { Int64(settings.handshakeTimeoutMs) }
    var liveness: Liveness.Limits {
        .init(
            pingInterval: Int64(settings.pingSocketsIntervalMs),
            responseTimeout: Int64(settings.socketResponseTimeoutMs))
    }
    var beginsWithProxyHeader: Bool { settings.proxyProtocol }
    var skew: Int64 { Int64(settings.producerSkewMs) }
    var globalStream: [UInt8] { Array((settings.redisStreamPrefix + "full").utf8) }
    /// What says that somebody is there for the channel.
    func presenceKey(of channel: [UInt8]) -> [UInt8] {
        Array((settings.redisStreamPrefix + "presence:").utf8) + channel
    }
    func stream(of channel: [UInt8]) -> [UInt8] { Array(settings.redisStreamPrefix.utf8) + channel }
}

/// Why the gateway could not start: a sentence for the operator.
public struct GatewayError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    /// Whether another port, or another address to listen on, might help.
    public let isAboutPort: Bool
    init(_ description: String, isAboutPort: Bool = false) {
        self.description = description
        self.isAboutPort = isAboutPort
    }
}

extension GatewayContext {
    /// When a token's socket is closed: at its `exp`, with the leeway that its handshake had.
    func expiry(of identity: Identity, now: MonotonicTime) -> MonotonicTime {
        guard settings.closeOnTokenExpiry, let expires = identity.expiresAtMilliseconds else { return .distantFuture }
        let left = expires + tokenKeys.verifier.leewayMilliseconds - WallClock.nowMilliseconds()
        return now.advanced(byMilliseconds: max(left, 0))
    }
}
