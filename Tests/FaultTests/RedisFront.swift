import Glibc
import Locks
import TestSupport

/// What stands between a gateway and its Redis: a proxy that does what it is told.
///
/// A thread of its own owns all its sockets; everyone else only changes what it shall do.
final class RedisFront: Sendable {
    enum Mode: Equatable, Sendable {
        case pass
        /// Accepts, reads, and never answers.
        case mute
        /// Answers each command with this line, without its end.
        case answer(String)
        /// Answers whatever comes with these bytes.
        case garbage([UInt8])
    }

    private struct Orders {
        var mode = Mode.pass
        var upstream: String
        var cutsAll = false
        var isStopped = false
        var hasEnded = false
    }

    let port: UInt16
    private let orders: Mutex<Orders>

    /// - Parameter upstream: the Unix socket of Redis.
    init(upstream: String) throws {
        port = try quietPort()
        orders = Mutex(Orders(upstream: upstream))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopback(port, { Glibc.bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            close(listener)
            throw Failure("listening on port \(port) for a gateway: errno \(errno)")
        }
        _ = Background { [weak self] _ in
            var relay = FrontRelay(listener: listener)
            defer { relay.closeAll() }
            while let front = self {
                let orders = front.takeOrders()
                if orders.isStopped { break }
                relay.turn(mode: orders.mode, upstream: orders.upstream, cutsAll: orders.cutsAll)
            }
        }
    }

    deinit { stop() }

    private func takeOrders() -> Orders {
        orders.withLock { orders in
            defer { orders.cutsAll = false }
            return orders
        }
    }

    /// What was said in another mode is in nobody's order any more: each change cuts all connections, as the restart of a
    /// server would.
    func set(_ mode: Mode) {
        orders.withLock {
            $0.mode = mode
            $0.cutsAll = true
        }
    }

    func cut() { orders.withLock { $0.cutsAll = true } }

    /// Leads to another server from now on.
    func lead(to upstream: String) {
        orders.withLock {
            $0.upstream = upstream
            $0.cutsAll = true
        }
    }

    func stop() { orders.withLock { $0.isStopped = true } }
}

/// The sockets of a ``RedisFront``, on its thread.
struct FrontRelay {
    private struct Pair {
        var client: Int32
        var server: Int32?
        var counter = CommandCounter()
        var isOver = false

        func close() {
            Glibc.close(client)
            if let server { Glibc.close(server) }
        }
    }

    let listener: Int32
    private var pairs: [Pair] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)

    init(listener: Int32) { self.listener = listener }

    mutating func closeAll() {
        for pair in pairs { pair.close() }
        pairs = []
        close(listener)
    }

    /// Waits a moment for bytes and does with them what the mode says.
    mutating func turn(mode: RedisFront.Mode, upstream: String, cutsAll: Bool) {
        if cutsAll {
            for pair in pairs { pair.close() }
            pairs = []
        }
        var requests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for pair in pairs {
            requests.append(pollfd(fd: pair.client, events: Int16(POLLIN), revents: 0))
            requests.append(pollfd(fd: pair.server ?? -1, events: Int16(POLLIN), revents: 0))
        }
        // Orders are looked at every few milliseconds.
        guard poll(&requests, nfds_t(requests.count), 5) > 0 else { return }
        for index in pairs.indices {
            if requests[1 + 2 * index].revents != 0 { fromClient(index, mode) }
            if requests[2 + 2 * index].revents != 0, !pairs[index].isOver { fromServer(index) }
        }
        for pair in pairs where pair.isOver { pair.close() }
        pairs.removeAll(where: \.isOver)
        if requests[0].revents != 0 { accept(mode, upstream) }
    }

    private mutating func accept(_ mode: RedisFront.Mode, _ upstream: String) {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        guard mode == .pass else { return pairs.append(Pair(client: client)) }
        let server = connectUnix(upstream)
        guard server >= 0 else {
            Glibc.close(client)
            return
        }
        pairs.append(Pair(client: client, server: server))
    }

    private mutating func fromClient(_ index: Int, _ mode: RedisFront.Mode) {
        let count = recv(pairs[index].client, &chunk, chunk.count, 0)
        guard count > 0 else {
            pairs[index].isOver = true
            return
        }
        switch mode {
        case .pass:
            guard let server = pairs[index].server else {
                pairs[index].isOver = true
                return
            }
            send(chunk[..<count], to: server, index)
        case .mute:
            break
        case .answer(let line):
            for name in pairs[index].counter.feed(chunk[..<count]) {
                // A server that is full or a replica lets people log in.
                let isRefusedAtOnce = line.hasPrefix("-LOADING") || line.hasPrefix("-NOAUTH")
                let answer = name == "CLIENT" && !isRefusedAtOnce ? "+OK" : line
                send(ArraySlice(Array((answer + "\r\n").utf8)), to: pairs[index].client, index)
            }
        case .garbage(let bytes):
            send(ArraySlice(bytes), to: pairs[index].client, index)
        }
    }

    private mutating func fromServer(_ index: Int) {
        guard let server = pairs[index].server else { return }
        let count = recv(server, &chunk, chunk.count, 0)
        guard count > 0 else {
            pairs[index].isOver = true
            return
        }
        send(chunk[..<count], to: pairs[index].client, index)
    }

    private mutating func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, _ index: Int) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else {
                pairs[index].isOver = true
                return
            }
            rest = rest.dropFirst(count)
        }
    }

    private func connectUnix(_ path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }
}
