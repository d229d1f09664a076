import Configuration
import EventLoop
import Gateway
import RedisStreams

/// A connection to Redis for a command or two, each answered before the next: to the configured place, to the primary that
/// the sentinels name, or to the node of a cluster that has the key.
final class RedisClient {
    private let redis: Settings.Redis
    private let waiter: Waiter
    private let tls: TLSClientContext?
    private var locator: RedisLocator
    private var stream: ClientStream
    private var replies = ReplyReader()
    /// Where it is connected to, for people.
    private(set) var place: String
    private var host: String

    private static let timeoutMilliseconds: Int64 = 5000

    /// Connects and logs in, as the settings say.
    init(_ redis: Settings.Redis, waiter: Waiter) throws(WaitError) {
        self.redis = redis
        self.waiter = waiter
        tls = try Self.tls(redis)
        locator = RedisLocator(redis)
        let deadline = waiter.deadline(milliseconds: Self.timeoutMilliseconds)
        let found = try Self.find(redis, &locator, tls, waiter, until: deadline)
        (stream, replies, place, host) = (found.stream, found.replies, found.place, found.host)
    }

    private static func tls(_ redis: Settings.Redis) throws(WaitError) -> TLSClientContext? {
        guard redis.ssl, redis.socketPath == nil else { return nil }
        do {
            return try TLSClientContext(redis)
        } catch {
            throw .failed(error.description)
        }
    }

    // MARK: Connecting

    private struct Found {
        let stream: ClientStream
        let replies: ReplyReader
        let place: String
        let host: String
    }

    /// What became of one place.
    private enum Arrival {
        case ready(Found)
        /// A sentinel has said where the primary is.
        case sentOn
    }

    /// Tries the places that the locator names until one serves, or all have failed.
    private static func find(
        _ redis: Settings.Redis, _ locator: inout RedisLocator, _ tls: TLSClientContext?, _ waiter: Waiter,
        until deadline: MonotonicTime
    ) throws(WaitError) -> Found {
        while true {
            do {
                switch try arrive(redis, &locator, tls, waiter, until: deadline) {
                case .ready(let found): return found
                case .sentOn: continue
                }
            } catch {
                guard case .failed = error, case .tryNext = locator.failed(wasReady: false) else { throw error }
            }
        }
    }

    private static func arrive(
        _ redis: Settings.Redis, _ locator: inout RedisLocator, _ tls: TLSClientContext?, _ waiter: Waiter,
        until deadline: MonotonicTime
    ) throws(WaitError) -> Arrival {
        let destination = locator.destination
        let target: NodeAddress
        switch destination {
        case .configured: target = NodeAddress(host: redis.host, port: redis.port)
        case .sentinel(let address), .primary(let address), .node(let address): target = address
        }
        var place = "\(target)"
        let addresses: [SocketAddress]
        if case .configured = destination, let path = redis.socketPath {
            place = redis.place
            do {
                addresses = [try SocketAddress.unix(path: path)]
            } catch {
                throw .failed("\(error)")
            }
        } else {
            addresses = try waiter.resolve(host: target.host, port: target.port, until: deadline)
        }
        let stream = try ClientStream.connect(
            to: addresses, tls: tls.map { ClientStream.TLS(context: $0, serverName: target.host) }, waiter: waiter,
            until: deadline)
        let replies = ReplyReader()
        var handshake = ConnectionHandshake(redis, at: destination, name: "sluice-cli")
        var step = handshake.start()
        while true {
            switch step {
            case .send(let commands): try stream.write(commands.flatMap(\.bytes), until: deadline)
            case .wait: break
            case .ready:
                return .ready(Found(stream: stream, replies: replies, place: place, host: target.host))
            case .primary(let address):
                locator.primary(at: address)
                return .sentOn
            case .failed(let text):
                if case .sentinel(let address) = destination { throw .failed("\(text) (asked: \(address))") }
                throw .failed(text)
            }
            step = handshake.receive(try nextReply(stream, replies, until: deadline))
        }
    }

    // MARK: Commands

    /// Sends a command and waits for its answer, which may be an error reply. Where a cluster says that the key is
    /// elsewhere, it is asked there.
    func send(_ command: Command) throws(WaitError) -> Reply {
        let deadline = waiter.deadline(milliseconds: Self.timeoutMilliseconds)
        var isAsking = false
        while true {
            if isAsking {
                try stream.write(Command.asking.bytes, until: deadline)
                _ = try Self.nextReply(stream, replies, until: deadline)
            }
            try stream.write(command.bytes, until: deadline)
            let reply = try Self.nextReply(stream, replies, until: deadline)
            guard let redirection = reply.errorText.flatMap({ ServerError($0).redirection }),
                locator.moved(to: redirection.address(asked: host))
            else {
                locator.answered()
                return reply
            }
            isAsking = redirection.isOnce
            let found = try Self.find(redis, &locator, tls, waiter, until: deadline)
            (stream, replies, place, host) = (found.stream, found.replies, found.place, found.host)
        }
    }

    private static func nextReply(
        _ stream: ClientStream, _ replies: ReplyReader, until deadline: MonotonicTime
    ) throws(WaitError) -> Reply {
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
