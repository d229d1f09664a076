import Glibc
import Locks
import TestSupport

/// Stands between a gateway and its Redis, counts the rounds of replays that are asked for, and holds their answers back
/// when it is told to. What the reader reads always goes through.
///
/// A thread of its own owns all its sockets; everyone else only changes what it shall do.
final class HoldingRelay: Sendable {
    private struct State {
        var isHolding = false
        var turns = 0
        var roundsAsked = 0
    }

    /// A Unix socket.
    let path: String
    private let state = Mutex(State())
    private let background = Mutex<Background?>(nil)

    /// - Parameter aboutToPass: told of each command's name before any byte of it goes on to Redis, on the relay's thread.
    init(to redis: RedisProcess, aboutToPass: @escaping @Sendable (String) -> Void = { _ in }) throws {
        path = redis.directory + "/relay.sock"
        let listener = try RelaySockets.listen(path)
        let upstream = redis.socketPath
        let work = Background { [weak self] task in
            var sockets = RelaySockets(listener: listener, upstream: upstream, aboutToPass: aboutToPass)
            defer { sockets.closeAll() }
            while !task.isStopped, let isHolding = self?.state.withLock({ $0.isHolding }) {
                sockets.turn(isHolding: isHolding)
                self?.state.withLock {
                    $0.turns += 1
                    $0.roundsAsked = sockets.mostRoundsAsked
                }
            }
        }
        background.withLock { $0 = work }
    }

    deinit { background.withLock { $0?.stop() } }

    /// From now on who asks for a replay is counted, and not answered.
    func hold() throws {
        state.withLock { $0.isHolding = true }
        // The turn under way has its orders already.
        try takeTwoTurns()
    }

    func release() { state.withLock { $0.isHolding = false } }

    /// How many rounds were asked for on one connection without an answer: a connection that was made anew, because its
    /// server was silent for too long, begins again.
    ///
    /// All that was sent to the relay before the call is in it.
    func roundsAsked() throws -> Int {
        // The turn under way may have looked already; the one behind it has not.
        try takeTwoTurns()
        return state.withLock { $0.roundsAsked }
    }

    private func takeTwoTurns() throws {
        let now = state.withLock { $0.turns }
        try eventually("the relay has looked at all its sockets twice") { state.withLock { $0.turns } >= now + 2 }
    }
}

/// The sockets of a ``HoldingRelay``, on its thread.
private struct RelaySockets {
    private struct Pair {
        var client: Int32
        var server: Int32
        var counter = CommandCounter()
        var isReader = false
        var isHeld = false
        var roundsAsked = 0
        var isOver = false

        func close() {
            Glibc.close(client)
            Glibc.close(server)
        }
    }

    private let listener: Int32
    private let upstream: String
    private let aboutToPass: (String) -> Void
    private var pairs: [Pair] = []
    private var chunk = [UInt8](repeating: 0, count: 1 << 20)
    private(set) var mostRoundsAsked = 0

    init(listener: Int32, upstream: String, aboutToPass: @escaping (String) -> Void) {
        self.listener = listener
        self.upstream = upstream
        self.aboutToPass = aboutToPass
    }

    static func listen(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard withAddress(of: path, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 64) == 0 else {
            close(descriptor)
            throw Failure("listening on \(path): errno \(errno)")
        }
        return descriptor
    }

    private static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    mutating func closeAll() {
        for pair in pairs { pair.close() }
        pairs = []
        close(listener)
    }

    /// Waits a moment for bytes and passes them on, but for answers that are held back: those stay with Redis.
    mutating func turn(isHolding: Bool) {
        if !isHolding { for index in pairs.indices { pairs[index].isHeld = false } }
        var requests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for pair in pairs {
            requests.append(pollfd(fd: pair.client, events: Int16(POLLIN), revents: 0))
            requests.append(pollfd(fd: pair.isHeld ? -1 : pair.server, events: Int16(POLLIN), revents: 0))
        }
        guard poll(&requests, nfds_t(requests.count), 5) > 0 else { return }
        for index in pairs.indices {
            if requests[1 + 2 * index].revents != 0 { fromClient(index, isHolding) }
            // What was asked just now may be held from here on.
            if requests[2 + 2 * index].revents != 0, !pairs[index].isOver, !pairs[index].isHeld {
                let count = receive(from: pairs[index].server, index)
                send(chunk[..<count], to: pairs[index].client, index)
            }
        }
        for pair in pairs where pair.isOver { pair.close() }
        pairs.removeAll(where: \.isOver)
        if requests[0].revents != 0 { accept() }
    }

    private mutating func accept() {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let pair = Pair(client: client, server: server)
        if Self.withAddress(of: upstream, { connect(server, $0, $1) }) == 0 { pairs.append(pair) } else { pair.close() }
    }

    private mutating func fromClient(_ index: Int, _ isHolding: Bool) {
        let count = receive(from: pairs[index].client, index)
        let names = pairs[index].counter.feed(chunk[..<count])
        for name in names { aboutToPass(name) }
        send(chunk[..<count], to: pairs[index].server, index)
        if names.contains("XREAD") { pairs[index].isReader = true }
        guard isHolding, !pairs[index].isReader else { return }
        // A round asks for the time first of all, once.
        pairs[index].roundsAsked += names.count { $0 == "TIME" }
        if pairs[index].roundsAsked > 0 { pairs[index].isHeld = true }
        mostRoundsAsked = max(mostRoundsAsked, pairs[index].roundsAsked)
    }

    /// Returns how many bytes it was.
    private mutating func receive(from source: Int32, _ index: Int) -> Int {
        let count = recv(source, &chunk, chunk.count, 0)
        if count <= 0 { pairs[index].isOver = true }
        return max(count, 0)
    }

    private mutating func send(_ bytes: ArraySlice<UInt8>, to target: Int32, _ index: Int) {
        var rest = bytes
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else {
                pairs[index].isOver = true
                return
            }
            rest = rest.dropFirst(sent)
        }
    }
}
