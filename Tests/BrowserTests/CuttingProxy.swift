import Glibc
import Locks
import TestSupport

/// What stands between browsers and a gateway in bad networks: a proxy that lets some ways through and others not.
///
/// A thread of its own owns all its sockets; everyone else only changes what it shall do.
final class CuttingProxy: Sendable {
    /// What goes through a connection now.
    enum Way: CaseIterable, Sendable {
        case webSocket
        case eventStream
        case poll
        case other
    }

    enum Treatment: Equatable, Sendable {
        case pass
        /// Answers itself, with this status and a sentence.
        case answer(Int)
        /// Closes as soon as the gateway has answered.
        case drop
        /// Passes requests on, and keeps the answers to itself.
        case hold
    }

    private struct Orders {
        var treatments: [Way: Treatment] = [:]
        var cutsAll = false
        var isStopped = false
        var requests: [(way: Way, head: String)] = []
    }

    let port: UInt16
    private let orders = Mutex(Orders())

    /// - Parameter gateway: its port on 127.0.0.1.
    init(_ gateway: UInt16) throws {
        let (listener, port) = try ProxyRelay.listen()
        self.port = port
        _ = Background { [weak self] _ in
            var relay = ProxyRelay(listener: listener, gateway: gateway)
            defer { relay.closeAll() }
            while let proxy = self {
                let (orders, isStopped) = proxy.take()
                if isStopped { break }
                let requests = relay.turn(orders.treatments, cutsAll: orders.cutsAll)
                if !requests.isEmpty { proxy.orders.withLock { $0.requests += requests } }
            }
        }
    }

    deinit { stop() }

    private func take() -> (Orders, Bool) {
        orders.withLock { orders in
            defer { orders.cutsAll = false }
            return (orders, orders.isStopped)
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// From now on; what is open and not let through any more is cut.
    func set(_ way: Way, _ treatment: Treatment) {
        orders.withLock {
            $0.treatments[way] = treatment
            $0.cutsAll = true
        }
    }

    /// Cuts all connections; new ones are served.
    func cut() { orders.withLock { $0.cutsAll = true } }

    func stop() { orders.withLock { $0.isStopped = true } }

    /// The heads of the requests that came so far.
    func requests(_ way: Way) -> [String] {
        orders.withLock { $0.requests.filter { $0.way == way }.map(\.head) }
    }
}

/// The sockets of a ``CuttingProxy``, on its thread.
struct ProxyRelay {
    private struct Pair {
        var client: Int32
        var server: Int32
        var way = CuttingProxy.Way.other
        var isOver = false

        func close() {
            Glibc.close(client)
            Glibc.close(server)
        }
    }

    private let listener: Int32
    private let gateway: UInt16
    private var pairs: [Pair] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)

    init(listener: Int32, gateway: UInt16) {
        self.listener = listener
        self.gateway = gateway
    }

    /// A socket that listens on a free port of 127.0.0.1.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound, Glibc.listen(descriptor, 64) == 0 else { throw Failure("listening: errno \(errno)") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    mutating func closeAll() {
        for pair in pairs { pair.close() }
        pairs = []
        close(listener)
    }

    /// Waits a moment for bytes and passes them on, or not. Returns the requests that came.
    mutating func turn(
        _ treatments: [CuttingProxy.Way: CuttingProxy.Treatment], cutsAll: Bool
    ) -> [(way: CuttingProxy.Way, head: String)] {
        if cutsAll {
            for pair in pairs { pair.close() }
            pairs = []
        }
        var requests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for pair in pairs {
            requests.append(pollfd(fd: pair.client, events: Int16(POLLIN), revents: 0))
            requests.append(pollfd(fd: pair.server, events: Int16(POLLIN), revents: 0))
        }
        // Orders are looked at every few milliseconds.
        guard poll(&requests, nfds_t(requests.count), 5) > 0 else { return [] }
        var heads: [(way: CuttingProxy.Way, head: String)] = []
        for index in pairs.indices {
            if requests[1 + 2 * index].revents != 0, let head = fromClient(index, treatments) {
                heads.append((pairs[index].way, head))
            }
            if requests[2 + 2 * index].revents != 0, !pairs[index].isOver { fromServer(index, treatments) }
        }
        for pair in pairs where pair.isOver { pair.close() }
        pairs.removeAll(where: \.isOver)
        if requests[0].revents != 0 { accept() }
        return heads
    }

    private mutating func accept() {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        setsockopt(server, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = gateway.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let pair = Pair(client: client, server: server)
        if result == 0 { pairs.append(pair) } else { pair.close() }
    }

    /// Returns the head of a request, if one begins: browsers write a head in one piece.
    private mutating func fromClient(
        _ index: Int, _ treatments: [CuttingProxy.Way: CuttingProxy.Treatment]
    ) -> String? {
        let count = recv(pairs[index].client, &chunk, chunk.count, 0)
        guard count > 0 else {
            pairs[index].isOver = true
            return nil
        }
        var head: String?
        if ["GET ", "POST "].contains(where: { chunk[..<count].starts(with: $0.utf8) }) {
            let text = String(decoding: chunk[..<count], as: UTF8.self)
            head = text
            pairs[index].way = Self.way(of: text)
        }
        if case .answer(let status) = treatments[pairs[index].way] {
            let text = "not through this proxy"
            let answer =
                "HTTP/1.1 \(status) No\r\nRetry-After: 1\r\nContent-Length: \(text.utf8.count)\r\n"
                + "Connection: close\r\n\r\n\(text)"
            send(Array(answer.utf8)[...], to: pairs[index].client, index)
            pairs[index].isOver = true
        } else {
            send(chunk[..<count], to: pairs[index].server, index)
        }
        return head
    }

    private static func way(of head: String) -> CuttingProxy.Way {
        if head.lowercased().contains("\r\nupgrade: websocket") { return .webSocket }
        let target = head.split(separator: " ").dropFirst().first ?? ""
        if target.contains("/events") { return .eventStream }
        if target.contains("/api/v1/async_event") { return .poll }
        return .other
    }

    private mutating func fromServer(_ index: Int, _ treatments: [CuttingProxy.Way: CuttingProxy.Treatment]) {
        let count = recv(pairs[index].server, &chunk, chunk.count, 0)
        guard count > 0 else {
            pairs[index].isOver = true
            return
        }
        let treatment = treatments[pairs[index].way] ?? .pass
        if treatment == .hold { return }
        send(chunk[..<count], to: pairs[index].client, index)
        if treatment == .drop { pairs[index].isOver = true }
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
}
