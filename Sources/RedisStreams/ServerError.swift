/// An error reply of Redis: what kind it is, and what to do about it.
public struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Equatable, Sendable {
        /// It wants a password, or another one.
        case authentication
        /// It is still reading its data from disk.
        case loading
        case readOnly
        case outOfMemory
        /// The key holds something else than a stream.
        case wrongType
        case noSuchKey
        /// The user may not do this.
        case noPermission
        case unknownCommand
        /// A cluster has the key elsewhere.
        case moved
        case other
    }

    public let kind: Kind
    /// As Redis sent it.
    public let text: String

    public init(_ text: String) {
        self.text = text
        kind =
            switch text.prefix(while: { $0 != " " }) {
            case "NOAUTH", "WRONGPASS": .authentication
            case "LOADING", "MASTERDOWN", "TRYAGAIN", "BUSY": .loading
            case "READONLY": .readOnly
            case "OOM": .outOfMemory
            case "WRONGTYPE": .wrongType
            case "NOPERM": .noPermission
            case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT": .moved
            case "ERR":
                if text.hasPrefix("ERR no such key") {
                    .noSuchKey
                } else if text.hasPrefix("ERR unknown command") {
                    .unknownCommand
                } else if text.hasPrefix("ERR invalid password") || text.hasPrefix("ERR Client sent AUTH") {
                    .authentication
                } else {
                    .other
                }
            default: .other
            }
    }

    public var description: String {
        switch kind {
        case .authentication: "Redis does not accept the login (redis.username, redis.password): \(text)"
        case .loading: "Redis is not ready yet: \(text)"
        case .readOnly: "Redis is a read-only replica: \(text)"
        case .outOfMemory: "Redis is out of memory: \(text)"
        case .wrongType: "a key that should be a stream holds something else (see redisStreamPrefix and redis.db): \(text)"
        case .noSuchKey: "the stream does not exist: \(text)"
        case .noPermission: "the Redis user lacks a permission (XREAD, XRANGE, XREVRANGE, XINFO and TIME are needed): \(text)"
        case .unknownCommand: "Redis does not know a command that is needed (version 6.2 or later is expected): \(text)"
        case .moved: "Redis is a cluster, which is not supported yet: \(text)"
        case .other: "Redis answered with an error: \(text)"
        }
    }
}
