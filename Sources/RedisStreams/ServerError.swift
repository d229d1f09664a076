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
        /// A cluster has the key elsewhere, or keys of a command in several places.
        case moved
        case other
    }

    public let kind: Kind
    /// As Redis sent it.
    public let text: String

    init(kind: Kind, text: String) {
        self.kind = kind
        self.text = text
    }

    public init(_ text: String) {
        self.text = text
        kind =
            switch text.prefix(while: { $0 != " " }) {
            case "NOAUTH", "WRONGPASS": .authentication
            case "LOADING", "MASTERDOWN", "TRYAGAIN", "BUSY", "CLUSTERDOWN": .loading
            case "READONLY": .readOnly
            case "OOM": .outOfMemory
            case "WRONGTYPE": .wrongType
            case "NOPERM": .noPermission
            case "MOVED", "ASK", "CROSSSLOT": .moved
            case "ERR":
                if text.hasPrefix("ERR no such key") {
                    .noSuchKey
                } else if text.hasPrefix("ERR unknown command") {
                    .unknownCommand
                } else if Self.loginErrors.contains(where: text.hasPrefix) {
                    .authentication
                } else {
                    .other
                }
            default: .other
            }
    }

    /// Where a cluster has a key's slot.
    public struct Redirection: Equatable, Sendable {
        /// 0 to 16,383.
        public let slot: UInt16
        /// Empty when it is the host that was asked.
        public let host: String
        public let port: UInt16
        /// The slot is on its way (`ASK`): only this command goes there, behind an `ASKING`.
        public var isOnce = false

        /// Where that is.
        /// - Parameter asked: the host that answered, which an answer without a host means.
        public func address(asked: String) -> NodeAddress {
            NodeAddress(host: host.isEmpty ? asked : host, port: port)
        }
    }

    /// The other node, for the errors `MOVED` (from now on) and `ASK` (this once): `MOVED 3999 127.0.0.1:6381`.
    public var redirection: Redirection? {
        let words = text.split(separator: " ")
        // The port stands behind the last colon: an IPv6 address has others.
        guard kind == .moved, words.count == 3, words[0] == "MOVED" || words[0] == "ASK",
            let slot = UInt16(words[1]), slot < 16384, let colon = words[2].lastIndex(of: ":"),
            let port = UInt16(words[2][words[2].index(after: colon)...]), port > 0
        else { return nil }
        return Redirection(
            slot: slot, host: String(words[2][..<colon]), port: port, isOnce: words[0] == "ASK")
    }

    /// Before Redis 6 (wrong password, no password wanted, a user name) and since (no password wanted).
    private static let loginErrors = [
        "ERR invalid password", "ERR Client sent AUTH", "ERR wrong number of arguments for 'auth'",
        "ERR AUTH <password> called without any password",
    ]

    public var description: String {
        switch kind {
        case .authentication: "Redis does not accept the login (redis.username, redis.password): \(text)"
        case .loading: "Redis is not ready yet: \(text)"
        case .readOnly: "Redis is a read-only replica: \(text)"
        case .outOfMemory: "Redis is out of memory: \(text)"
        case .wrongType:
            "a key that should be a stream holds something else (see redisStreamPrefix and redis.db): \(text)"
        case .noSuchKey: "the stream does not exist: \(text)"
        case .noPermission:
            "the Redis user lacks a permission (XREAD, XRANGE, XREVRANGE, XINFO and TIME are needed): \(text)"
        case .unknownCommand: "Redis does not know a command that is needed (version 6.2 or later is expected): \(text)"
        case .moved: "the cluster has the stream on another node: \(text)"
        case .other: "Redis answered with an error: \(text)"
        }
    }
}
