import Configuration
import EventLoop
import RedisStreams

/// How Redis is found and spoken to, as the settings say.
extension GatewayContext {
    static func makeRedisTLS(_ redis: Settings.Redis) throws(GatewayError) -> TLSClientContext? {
        guard redis.ssl, redis.socketPath == nil else { return nil }
        do {
            return try TLSClientContext(redis)
        } catch {
            throw GatewayError(error.description)
        }
    }

    var redisLocator: RedisLocator { RedisLocator(settings.redis) }

    /// What is said first to whom the locator names.
    func redisLogin(at destination: RedisLocator.Destination) -> ConnectionHandshake {
        ConnectionHandshake(settings.redis, at: destination, name: "sluice")
    }

    /// A place, for the log.
    func redisName(_ destination: RedisLocator.Destination) -> String {
        let redis = settings.redis
        return switch destination {
        case .configured:
            redis.socketPath.map { "unix:\($0)" } ?? "\(NodeAddress(host: redis.host, port: redis.port))"
        case .sentinel(let address): "sentinel \(address)"
        case .primary(let address), .node(let address): "\(address)"
        }
    }
}
