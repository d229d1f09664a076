import Configuration
import EventLoop
import RedisStreams

/// A connection to Redis for a command or two, each answered before the next.
final class RedisClient {
    private let stream: ClientStream
    private let waiter: Waiter
    private let replies = ReplyReader()

    private static let timeoutMilliseconds: Int64 = 5000

    /// Connects and logs in, as the settings say.
    init(_ redis: Settings.Redis, waiter: Waiter) throws(WaitError) {
        self.waiter = waiter
        let deadline = waiter.deadline(milliseconds: Self.timeoutMilliseconds)
        let addresses: [SocketAddress]
        var tls: ClientStream.TLS?
        if let path = redis.socketPath {
            do {
                addresses = [try SocketAddress.unix(path: path)]
            } catch {
                throw .failed("\(error)")
            }
        } else {
            addresses = try waiter.resolve(host: redis.host, port: redis.port, until: deadline)
            if redis.ssl { tls = try Self.tls(to: redis) }
        }
        stream = try ClientStream.connect(to: addresses, tls: tls, waiter: waiter, until: deadline)
        try logIn(
            ConnectionHandshake(
                username: redis.username, password: redis.password.reveal(), database: redis.db, name: "sluice-cli"),
            until: deadline)
    }

    private static func tls(to redis: Settings.Redis) throws(WaitError) -> ClientStream.TLS {
        do {
            let context = try TLSClientContext(caFile: nil, verifyHostname: redis.validateHostname)
            return ClientStream.TLS(context: context, serverName: redis.host)
        } catch {
            throw .failed(error.description)
        }
    }

    private func logIn(_ handshake: ConnectionHandshake, until deadline: MonotonicTime) throws(WaitError) {
        var handshake = handshake
        var step = handshake.start()
        while true {
            switch step {
            case .send(let commands): try stream.write(commands.flatMap(\.bytes), until: deadline)
            case .wait: break
            case .ready: return
            case .failed(let text): throw .failed(text)
            }
            step = handshake.receive(try nextReply(until: deadline))
        }
    }

    /// Sends a command and waits for its answer, which may be an error reply.
    func send(_ command: Command) throws(WaitError) -> Reply {
        let deadline = waiter.deadline(milliseconds: Self.timeoutMilliseconds)
        try stream.write(command.bytes, until: deadline)
        return try nextReply(until: deadline)
    }

    private func nextReply(until deadline: MonotonicTime) throws(WaitError) -> Reply {
        while true {
            switch replies.nextReply() {
            case .reply(let reply): return reply
            case .protocolError(let text): throw .failed(text)
            case .needMore: break
            }
            let bytes = try stream.read(until: deadline)
            guard !bytes.isEmpty else { throw .failed("Redis closed the connection") }
            bytes.withUnsafeBytes { replies.feed($0) }
        }
    }
}

extension WaitError {
    /// What became of a conversation with Redis: a sentence that says where it was.
    func sentence(about redis: Settings.Redis) -> String {
        switch self {
        case .interrupted: "Interrupted while speaking with Redis at \(redis.place)."
        case .timedOut: "Redis at \(redis.place) did not answer within 5 seconds."
        case .failed(let text): "Redis at \(redis.place) cannot be used: \(text)\(text.hasSuffix(".") ? "" : ".")"
        }
    }
}
