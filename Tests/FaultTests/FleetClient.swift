import Glibc
import TestSupport

/// A client that keeps the ID of the last event it handled and comes back with it, wherever.
///
/// Lives on its ``Fleet``'s thread, which polls its socket.
struct FleetClient: Sendable {
    enum Transport: Sendable {
        case webSocket, eventStream
        /// From the first ID on that it has to come back with; until then an event stream.
        case polling
    }

    /// How it is cut off by its own doing.
    private enum Whim: CaseIterable { case closes, leaves, resets, stopsReading, stopsReadingAndResets }

    private enum State {
        case away(until: Int)
        case connecting(since: Int)
        case shakingHands(since: Int, head: [UInt8])
        case open(Reader)
        /// Has had answers on this connection, and waits for the next one.
        case polling(since: Int, answer: [UInt8])
    }

    private enum Reader {
        case webSocket(WebSocketReader)
        case eventStream(EventStreamReader)
    }

    /// What the client saw that was none of its own doing.
    struct Sights: Sendable {
        var cuts = 0
        var refusals: [String: Int] = [:]
        var closeCodes: [Int: Int] = [:]
        /// The longest that an event took from its producer to the client, in milliseconds.
        var longestWait = 0
        var events = 0
        var nonsense: String?
    }

    let transport: Transport
    /// Whether it stays as long as it is let.
    let isSteady: Bool
    private(set) var record: Checker.Client
    private(set) var sights = Sights()
    private(set) var descriptor: Int32 = -1
    private var state = State.away(until: 0)
    private var random: SplitMix64
    private var lastID: String?
    private var gateway = 0
    private(set) var lastNumber: Int?
    /// When it does next what it likes.
    private var whimAt = Int.max
    private var readsAgainAt: Int?
    private var resetsThen = false

    init(name: String, channel: Int, transport: Transport, isSteady: Bool, seed: UInt64) {
        record = Checker.Client(name: name, channel: channel)
        self.transport = transport
        self.isSteady = isSteady
        random = SplitMix64(seed: seed)
    }

    var isOpen: Bool {
        switch state {
        case .open, .polling: true
        case .away, .connecting, .shakingHands: false
        }
    }

    private var isPolling: Bool { transport == .polling && lastID != nil }

    /// What its socket is to be polled for.
    var interest: Int16 {
        switch state {
        case .away: 0
        case .connecting: Int16(POLLOUT)
        case .shakingHands: Int16(POLLIN)
        case .open, .polling: readsAgainAt == nil ? Int16(POLLIN) : 0
        }
    }

    /// Begins a new account: what was handed over is judged.
    mutating func turnOver(keeping number: Int) {
        record.hadBefore.formUnion(record.deliveries.map(\.number))
        record.hadBefore = record.hadBefore.filter { $0 >= number }
        record.deliveries = []
        let last = record.resumes.last
        record.resumes = last.map { [$0] } ?? []
    }

    mutating func resetSights() { sights = Sights() }

    // MARK: Time

    /// Does what its time has come for.
    mutating func tick(_ now: Int, ports: [UInt16], isCalm: Bool) {
        if let moment = readsAgainAt, now >= moment || isCalm {
            readsAgainAt = nil
            if resetsThen { leave(now, resetting: true) }
            resetsThen = false
        }
        switch state {
        case .away(let until):
            if now >= until { connect(now, ports) }
        case .connecting(let since), .shakingHands(let since, _):
            if now - since > 15_000 { refused("no answer for 15 s", now) }
        case .open, .polling:
            if case .polling(let since, _) = state, now - since > 15_000 { return refused("no answer for 15 s", now) }
            guard now >= whimAt, !isSteady, !isCalm, readsAgainAt == nil, lastID != nil else { return }
            whim(now)
        }
    }

    private mutating func whim(_ now: Int) {
        whimAt = now + random.int(100...4000)
        switch Whim.allCases.randomElement(using: &random) ?? .leaves {
        case .closes:
            if transport == .webSocket { send(WebSocketClient.frame(opcode: 8, [3, 232])) }
            leave(now, resetting: false)
        case .leaves: leave(now, resetting: false)
        case .resets: leave(now, resetting: true)
        case .stopsReading: readsAgainAt = now + random.int(50...2500)
        case .stopsReadingAndResets:
            readsAgainAt = now + random.int(50...1500)
            resetsThen = true
        }
    }

    // MARK: Connecting

    private mutating func connect(_ now: Int, _ ports: [UInt16]) {
        descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        gateway = random.int(0...ports.count - 1)
        let descriptor = descriptor
        let result = withLoopback(ports[gateway]) { Glibc.connect(descriptor, $0, $1) }
        record.resumes.append(Checker.Resume(lastID: lastID, lastNumber: lastNumber, gateway: gateway))
        guard result == 0 || errno == EINPROGRESS else { return refused("connection refused", now) }
        state = .connecting(since: now)
    }

    private var request: String {
        if isPolling {
            return PollingClient.request(channel: "c\(record.channel)", lastID: lastID, query: "wait=1").text
        }
        switch transport {
        case .webSocket: return WebSocketClient.request(channel: "c\(record.channel)", lastID: lastID)
        case .eventStream, .polling:
            let lines =
                [
                    "GET /events HTTP/1.1", "Host: localhost:8080", "Accept: text/event-stream",
                    "Cookie: async-token=\(WebSocketClient.token("c\(record.channel)"))",
                ] + (lastID.map { ["Last-Event-ID: \($0)"] } ?? [])
            return lines.joined(separator: "\r\n") + "\r\n\r\n"
        }
    }

    private mutating func refused(_ why: String, _ now: Int) {
        sights.refusals[why, default: 0] += 1
        // It gave nothing, so it need not be kept; many of them come while a gateway is down.
        if record.resumes.count > 1, record.deliveries.last?.connection != record.resumes.count - 1 {
            record.resumes.removeLast()
        }
        goAway(now, random.int(50...200))
    }

    /// - Parameter wait: milliseconds until it comes back.
    private mutating func goAway(_ now: Int, _ wait: Int) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        readsAgainAt = nil
        resetsThen = false
        state = .away(until: now + wait)
    }

    private mutating func leave(_ now: Int, resetting: Bool) {
        if resetting {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
        goAway(now, random.oneIn(2) ? random.int(0...30) : random.int(0...1500))
    }

    private mutating func wasCut(_ now: Int) {
        sights.cuts += 1
        goAway(now, random.int(0...100))
    }

    /// Closes its socket for good.
    mutating func end() { goAway(0, Int.max / 2) }

    // MARK: Bytes

    private func send(_ bytes: [UInt8]) {
        // A few hundred bytes into an empty buffer; a peer that is gone shows when it is read from.
        _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// The socket is ready for what ``interest`` asked.
    mutating func handle(_ now: Int, chunk: inout [UInt8]) {
        if case .connecting(let since) = state {
            var error: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
            guard error == 0 else { return refused("connection refused", now) }
            send(Array(request.utf8))
            state = .shakingHands(since: since, head: [])
            return
        }
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        switch state {
        case .shakingHands(let since, let head):
            guard count > 0 else { return refused("closed during the handshake", now) }
            state = .shakingHands(since: since, head: head + chunk[..<count])
            takeHead(now)
        case .open:
            guard count > 0 else { return wasCut(now) }
            take(chunk[..<count], now)
        case .polling(let since, let answer):
            guard count > 0 else { return wasCut(now) }
            state = .polling(since: since, answer: answer + chunk[..<count])
            takeAnswer(now)
        case .away, .connecting: break
        }
    }

    private mutating func takeHead(_ now: Int) {
        guard case .shakingHands(_, let head) = state else { return }
        let mark = Array("\r\n\r\n".utf8)
        guard let end = head.indices.first(where: { head[$0...].starts(with: mark) }) else { return }
        if isPolling { return takeAnswer(now) }
        let text = String(decoding: head[..<end], as: UTF8.self)
        let status = text.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        let reader: Reader
        switch transport {
        case .webSocket:
            guard status == "101" else { return refused(status, now) }
            reader = .webSocket(WebSocketReader())
        case .eventStream, .polling:
            guard status == "200" else { return refused(status, now) }
            reader = .eventStream(
                EventStreamReader(isChunked: text.lowercased().contains("transfer-encoding: chunked")))
        }
        state = .open(reader)
        record.resumes[record.resumes.count - 1].openedAt = now
        whimAt = now + random.int(50...3000)
        take(head[(end + mark.count)...], now)
    }

    /// Takes the answer to a poll when it is whole, and polls again.
    private mutating func takeAnswer(_ now: Int) {
        let bytes: [UInt8]
        switch state {
        case .shakingHands(_, let head): bytes = head
        case .polling(_, let answer): bytes = answer
        case .away, .connecting, .open: return
        }
        let mark = Array("\r\n\r\n".utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).lowercased().split(separator: "\r\n")
        let length = lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        guard bytes.count >= end + mark.count + length else { return }
        let status = lines.first?.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        guard status == "200" else { return refused(status, now) }
        if !isOpen { whimAt = now + random.int(50...3000) }
        record.resumes[record.resumes.count - 1].openedAt = now
        do {
            for text in try pollElements(Array(bytes[(end + mark.count)...])) {
                handleEvent(elementID(text), Array(text.utf8), now)
            }
        } catch {
            sights.nonsense = "\(error)"
        }
        guard !lines.contains("connection: close") else { return goAway(now, random.int(0...100)) }
        if record.resumes.count > 1, record.deliveries.last?.connection != record.resumes.count - 1 {
            record.resumes.removeLast()
        }
        record.resumes.append(Checker.Resume(lastID: lastID, lastNumber: lastNumber, gateway: gateway, openedAt: now))
        state = .polling(since: now, answer: [])
        send(Array(request.utf8))
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ now: Int) {
        guard case .open(let reader) = state else { return }
        let messages: [ServerMessage]
        switch reader {
        case .webSocket(var reader):
            messages = reader.feed(bytes)
            state = .open(.webSocket(reader))
        case .eventStream(var reader):
            messages = reader.feed(bytes)
            state = .open(.eventStream(reader))
        }
        for message in messages {
            switch message {
            case .event(let id, let data): handleEvent(id, data, now)
            case .ping(let payload): send(WebSocketClient.frame(opcode: 10, payload))
            case .close(let code): sights.closeCodes[code ?? 1005, default: 0] += 1
            case .gap(let what), .nonsense(let what): sights.nonsense = what
            }
        }
    }

    private mutating func handleEvent(_ id: String, _ data: [UInt8], _ now: Int) {
        guard let number = eventNumber(data), let written = eventTime(data) else {
            sights.nonsense = String(decoding: data.prefix(200), as: UTF8.self)
            return
        }
        record.deliveries.append(
            Checker.Delivery(number: number, id: id, connection: record.resumes.count - 1))
        lastID = id
        lastNumber = number
        sights.events += 1
        sights.longestWait = max(sights.longestWait, now - written)
    }
}
