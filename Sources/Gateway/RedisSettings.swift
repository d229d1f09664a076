public import Configuration
public import EventLoop
public import RedisStreams

// What the settings of Redis come to: for the gateway, and for the commands that speak with the same Redis.

extension TLSClientContext {
    /// As the keys `redis.caFile`, `redis.validateHostname`, `redis.certificateFile` and `redis.keyFile` say.
    public convenience init(_ redis: Settings.Redis) throws(TLSError) {
        var identity: Identity?
        if let certificate = redis.certificateFile, let key = redis.keyFile {
            identity = Identity(certificateFile: certificate, keyFile: key)
        }
        try self.init(caFile: redis.caFile, verifyHostname: redis.validateHostname, identity: identity)
    }
}

extension RedisLocator {
    /// As the keys `redis.sentinels` or, without them, `redis.host` and `redis.socketPath` say.
    public init(_ redis: Settings.Redis) {
        let sentinels = redis.sentinelAddresses.map { NodeAddress(host: $0.host, port: $0.port) }
        if sentinels.isEmpty { self.init() } else { self.init(sentinels: sentinels) }
    }
}

extension ConnectionHandshake {
    /// The login for a place that a locator names, with what is to be asked there.
    public init(_ redis: Settings.Redis, at destination: RedisLocator.Destination, name: String) {
        switch destination {
        case .configured, .node:
            self.init(
                username: redis.username, password: redis.password.reveal(), database: redis.db, name: name,
                question: .nodes)
        case .primary:
            self.init(
                username: redis.username, password: redis.password.reveal(), database: redis.db, name: name,
                question: .isPrimary)
        case .sentinel:
            self.init(
                username: redis.sentinelUsername, password: redis.sentinelPassword.reveal(), database: 0, name: name,
                question: .primary(name: redis.sentinelName))
        }
    }
}
