import EventLoop
import Glibc
import JSONWebToken
import WebSocket

/// All clients of a run, and the loop they live on. Confined to the thread that made it.
final class Fleet: ClientOwner {
    let loop: EventLoop
    let inputBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    let order: EventOrder
    private(set) var clients: [Client] = []

    /// How far all clients together have come, counted in events.
    private(set) var progress = 0
    /// Events that arrived for the first time.
    private(set) var deliveries = 0
    /// From the intended send time to the arrival, in nanoseconds.
    private(set) var latency = Histogram()
    /// Connections that ended by themselves after they were open.
    private(set) var closed = 0
    /// Of the first of them.
    private(set) var firstEnd: String?

    private let target: Target
    private let cookies: [String]
    private var toOpen: ArraySlice<Client> = []
    private var opening = 0
    private var openingFailure: String?
    private var asksWithLastID = false
    private let receiveBuffer: Int32?

    /// Handshakes that are under way at a time: enough to keep a server busy, far below any listener's backlog, where a
    /// connection that found no room would wait a second.
    private static let window = 64
    /// A server that brings nothing for so long will bring nothing more.
    private static let patienceSeconds = 15.0

    /// - Parameter receiveBuffer: `SO_RCVBUF` of those that will stop reading.
    /// - Throws: a sentence if tokens cannot be made.
    init(_ target: Target, order: EventOrder, sockets: Int, stopped: Int, receiveBuffer: Int32?) throws(BenchFailure) {
        self.target = target
        self.order = order
        self.receiveBuffer = receiveBuffer
        do {
            loop = try EventLoop()
            let signer = try Signer(algorithm: .HS256, secret: Array(target.secret.utf8))
            var cookies: [String] = []
            for channel in 0..<order.channels {
                let claims = Signer.claims(
                    channel: order.name(channel: channel), channelClaim: target.channelClaim, subject: "1")
                cookies.append(
                    "\(target.cookieName)=" + String(decoding: try signer.sign(claims: claims), as: UTF8.self))
            }
            self.cookies = cookies
        } catch {
            throw BenchFailure("The clients cannot be set up: \(error).")
        }
        clients = (0..<sockets).map { number in
            Client(
                number: number, channel: number % order.channels, transport: target.transport,
                willStop: number < stopped,
                owner: self)
        }
    }

    deinit {
        inputBuffer.deallocate()
    }

    // MARK: What clients tell

    func opened(_ client: Client) {
        opening -= 1
        openNext()
    }

    func delivered(_ client: Client, _ stamp: EventStamp, steps: Int) {
        progress += steps
        guard steps > 0 else { return }
        deliveries += 1
        // One that was stopped is late by its own doing.
        guard !client.willStop else { return }
        let now = UInt64(MonotonicTime.now().nanoseconds)
        latency.record(now > stamp.intendedNanoseconds ? now - stamp.intendedNanoseconds : 0)
    }

    func ended(_ client: Client, _ reason: String) {
        if client.wasOpen {
            closed += 1
            if firstEnd == nil { firstEnd = reason }
        } else if openingFailure == nil {
            openingFailure = reason
        }
    }

    // MARK: What they are told

    /// Waits until the server lets a client in, and leaves again.
    /// - Throws: why it still does not after so long.
    func waitUntilServing(seconds: Double) throws(BenchFailure) {
        let end = MonotonicTime.now().advanced(byMilliseconds: Int64(seconds * 1000))
        while true {
            openingFailure = nil
            toOpen = clients[..<1]
            openNext()
            let isOpen = wait(watching: { 0 }, until: { self.opening == 0 })
            let failure = openingFailure
            (opening, openingFailure) = (0, nil)
            clients[0].close()
            if isOpen { return }
            guard MonotonicTime.now() < end else {
                throw BenchFailure(failure ?? "The server did not answer a handshake within 15 s.")
            }
            pass(seconds: 0.05)
        }
    }

    /// Opens all of them, and returns when they are open.
    /// - Parameter withLastID: they come back after the last event they had.
    func open(withLastID: Bool = false) throws(BenchFailure) {
        asksWithLastID = withLastID
        toOpen = clients[...]
        for _ in 0..<Self.window { openNext() }
        try wait(
            "the handshakes to be complete", watching: { self.toOpen.count },
            until: { self.toOpen.isEmpty && self.opening == 0 })
    }

    /// All leave at once.
    func closeAll() {
        for client in clients { client.close() }
    }

    /// How many events all clients together are still to be given, when so many with listeners were published.
    func missing(published: Int) -> Int {
        let counts = (0..<order.channels).map { order.count(channel: $0, of: published) }
        return clients.reduce(0) { $0 + max(Int(counts[$1.channel]) - Int($1.checker.next), 0) }
    }

    /// Books what has not come as lost.
    func finish(published: Int) -> (lost: Int, doubled: Int) {
        var lost = 0
        var doubled = 0
        for client in clients {
            client.checker.finish(end: order.count(channel: client.channel, of: published))
            lost += client.checker.lost
            doubled += client.checker.doubled
        }
        return (lost, doubled)
    }

    // MARK: Waiting

    /// Turns the loop until the condition holds.
    /// - Parameter watching: while this changes, the wait goes on, however long it takes.
    /// - Throws: a sentence if nothing changes any more, or the opening failed.
    func wait(
        _ what: String, watching progress: () -> Int, until condition: () -> Bool
    ) throws(BenchFailure) {
        guard wait(watching: progress, until: condition) else {
            throw BenchFailure(
                openingFailure ?? "Nothing happened for \(Int(Self.patienceSeconds)) s while waiting for \(what).")
        }
    }

    /// The same; false when nothing changes any more.
    func wait(watching progress: () -> Int, until condition: () -> Bool) -> Bool {
        var last = progress()
        var lastChange = MonotonicTime.now()
        while !condition() {
            if openingFailure != nil { return false }
            loop.turn(timeoutMilliseconds: 20)
            let current = progress()
            if current != last {
                last = current
                lastChange = loop.now
            } else if loop.now.milliseconds(since: lastChange) > Int64(Self.patienceSeconds * 1000) {
                return false
            }
        }
        return true
    }

    /// Turns the loop for so long.
    func pass(seconds: Double) {
        let end = MonotonicTime.now().advanced(byMilliseconds: Int64(seconds * 1000))
        while MonotonicTime.now() < end { loop.turn(timeoutMilliseconds: 10) }
    }

    private func openNext() {
        guard openingFailure == nil, let client = toOpen.popFirst() else { return }
        opening += 1
        let key = ClientHandshake.key(nonce: (.random(in: .min ... .max), .random(in: .min ... .max)))
        client.open(
            to: target.server, from: target.source(of: client.number), request: request(for: client, key: key),
            key: key,
            receiveBuffer: client.willStop ? receiveBuffer : nil, tls: target.tls)
    }

    private func request(for client: Client, key: String) -> [UInt8] {
        var path = target.path
        if asksWithLastID, let id = client.lastID { path += "\(path.contains("?") ? "&" : "?")last_id=\(id)" }
        let cookie = cookies[client.channel]
        switch target.transport {
        case .webSocket:
            return ClientHandshake.request(
                host: "\(target.server)", target: path, key: key, fields: [(name: "Cookie", value: cookie)])
        case .eventStream:
            let head =
                "GET \(path) HTTP/1.1\r\nHost: \(target.server)\r\nAccept: text/event-stream\r\nCookie: \(cookie)\r\n\r\n"
            return Array(head.utf8)
        }
    }
}
