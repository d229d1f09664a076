import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// Promise 6: slow or hostile peers cost only themselves.
@Suite("Hostile peers")
struct HostilePeerTests {
    private func expectBaseline(_ gateway: TestGateway, _ count: Int) throws {
        try eventually("open sockets are back at \(count)") {
            try ProcessFacts.sockets(onLocalPort: gateway.port) == count
        }
    }

    @Test("a thousand heads that dribble in do not hold up a handshake, and are all ended at their deadline")
    func slowloris() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.handshakeTimeoutMs = 3000
        }.ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        var dribbling = try (0..<1000).map { _ in try TestSocket.connect(port: gateway.port) }
        for socket in dribbling { try socket.send("GET / HTTP/1.1\r\nX-Slow: ") }
        var answered: [TestSocket] = []
        for round in 0..<5 {
            for socket in dribbling { try? socket.send("x") }
            // A complete handshake among them is answered, and gets its event.
            let client = try gateway.connect("round-\(round)")
            let (_, id) = try redis.publish("round-\(round)", sampleEvent("round-\(round)", "job"))
            #expect(eventID(try client.event()) == id)
        }
        let deadline = Deadline()
        while !dribbling.isEmpty, !deadline.isOver {
            for socket in dribbling where !socket.hasInput() { try? socket.send("x") }
            let ended = dribbling.map { $0.hasInput(within: 1) }
            answered += zip(dribbling, ended).filter(\.1).map(\.0)
            dribbling = zip(dribbling, ended).filter { !$0.1 }.map(\.0)
        }
        #expect(answered.count == 1000)
        for socket in answered { #expect(try HTTPAnswer.read(from: socket).status == 408) }
        answered = []
        try expectBaseline(gateway, baseline)
        #expect(try gateway.figures().figures.handshakesRefused["timeout"] == 1000)
    }

    @Test("a reset at any stage leaves nothing behind")
    func resets() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        let stays = try gateway.connect("alpha")
        let head = RequestText(upgradeTo: "alpha").bytes
        let stages: [(what: String, run: (TestSocket) throws -> Void)] = [
            ("at once", { _ in }),
            ("within the request line", { try $0.send(Array(head[..<7])) }),
            ("within the head", { try $0.send(Array(head[..<100])) }),
            ("before the head's last byte", { try $0.send(Array(head.dropLast())) }),
            ("behind the head, unread", { try $0.send(head) }),
            (
                "behind the answer",
                {
                    try $0.send(head)
                    _ = try HTTPAnswer.read(from: $0)
                }
            ),
            (
                "within a frame",
                {
                    try $0.send(head + [0x81, 0xFE, 0x01])
                    _ = try HTTPAnswer.read(from: $0)
                }
            ),
            ("behind a ping", { try $0.send(head + WebSocketClient.frame(opcode: 9, [1, 2, 3])) }),
            ("behind a close frame", { try $0.send(head + WebSocketClient.frame(opcode: 8, [])) }),
            ("behind a breach", { try $0.send(head + WebSocketClient.frame(opcode: 7, [])) }),
            ("behind a refused head", { try $0.send("\n") }),
            ("behind a plain request", { try $0.send(RequestText("/health").bytes) }),
            (
                "behind thousands of plain requests",
                {
                    _ = try $0.flood(
                        Array(String(repeating: RequestText("/health").text, count: 3000).utf8), patience: 1)
                }
            ),
        ]
        for (what, run) in stages {
            for isReset in [true, false] {
                for _ in 0..<5 {
                    let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
                    do { try run(socket) } catch { Issue.record("\(what): \(error)") }
                    if isReset { socket.reset() } else { socket.close() }
                }
            }
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
            #expect(eventID(try stays.event()) == id, "\(what)")
        }
        try eventually("one WebSocket is left") { try gateway.figures().figures.webSocketConnections == 1 }
        try expectBaseline(gateway, baseline + 1)
    }

    @Test("a TLS client on the plain port is told what it is in plain words, and let go")
    func clientHello() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(
            [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03] + [UInt8](repeating: 0xAB, count: 506))
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 400)
        #expect(answer.body.contains("TLS"))
        #expect(try socket.ending() == .finished)
        socket.close()
        try expectBaseline(gateway, baseline)
    }

    @Test("connections that are opened and dropped by the thousand leave nothing behind")
    func churn() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        let client = try gateway.connect("alpha")
        for index in 0..<3000 {
            let socket = try TestSocket.connect(port: gateway.port)
            switch index % 4 {
            case 0: socket.close()
            case 1: socket.reset()
            case 2:
                try socket.send("GET / HT")
                socket.reset()
            default:
                try socket.send(RequestText(upgradeTo: "channel-\(index % 100)").bytes)
                if index % 8 == 3 { socket.reset() } else { socket.close() }
            }
        }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        try eventually("one WebSocket is left") { try gateway.figures().figures.webSocketConnections == 1 }
        try expectBaseline(gateway, baseline + 1)
    }

    @Test("a thousand open sockets of a thousand channels each get their event, and leave nothing behind")
    func thousandSockets() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.gcChannelsIntervalMs = 200 }.ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        var clients = try (0..<1000).map { try gateway.connect("channel-\($0)") }
        for index in 0..<1000 { try redis.publish("channel-\(index)", sampleEvent("channel-\(index)", "job-\(index)")) }
        for (index, client) in clients.enumerated() { #expect(try client.event().contains("\"job-\(index)\"")) }
        #expect(try gateway.figures().figures.deliveries == 1000)
        clients = []
        try eventually("nobody is left") { try gateway.figures().figures.webSocketConnections == 0 }
        try eventually("no channel is left") { try gateway.figures().figures.channels == 0 }
        try expectBaseline(gateway, baseline)
    }

    @Test("a client that floods with pings or messages holds nobody up")
    func frameFlood() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let client = try gateway.connect("alpha")
        let flooding = try (0..<4).map { _ in
            try WebSocketClient(port: gateway.port, channel: "beta", receiveBuffer: 4096)
        }
        let pings = (0..<20_000).flatMap { WebSocketClient.frame(opcode: 9, Array("\($0)".utf8)) }
        let texts = (0..<2000).flatMap { _ in WebSocketClient.frame(opcode: 1, [UInt8](repeating: 0x61, count: 100)) }
        for (index, flooding) in flooding.enumerated() {
            // Those that do not read their pongs are read from all the same: only the last pong is owed.
            #expect(try flooding.socket.flood(index % 2 == 0 ? pings : texts, patience: 5000) > 0)
        }
        for job in 0..<10 {
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-\(job)"))
            #expect(eventID(try client.event()) == id)
        }
        // The last ping is answered.
        var last = ""
        while last != "19999" {
            let frame = try flooding[0].frame()
            #expect(frame.opcode == 10)
            last = frame.text
        }
    }

    @Test(
        "of a flood a little is taken at a time, each time behind all others who flood, and who is silent is not held up"
    )
    func floodsTakeTurns() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let client = try gateway.connect("alpha")
        // What people's clients say never waits.
        for _ in 0..<20 {
            try client.send(opcode: 1, [UInt8](repeating: 0x61, count: 200))
            #expect(try client.barrier().isEmpty)
        }
        #expect(try gateway.figures().figures.inputsDeferred == 0)
        let flooding = try (0..<16).map { _ in try gateway.connect("beta") }
        let pings = (0..<2000).flatMap { WebSocketClient.frame(opcode: 9, Array("\($0)".utf8)) }
        for flooding in flooding { #expect(try flooding.socket.flood(pings, patience: 5000) == pings.count) }
        let requests = try TestSocket.connect(port: gateway.port)
        let request = RequestText("/health").bytes
        try requests.send([[UInt8]](repeating: request, count: 400).flatMap { $0 })
        for job in 0..<10 {
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-\(job)"))
            #expect(eventID(try client.event()) == id)
        }
        // All of it is answered in the end.
        for flooding in flooding {
            for number in 0..<2000 { #expect(try flooding.frame().text == "\(number)") }
        }
        for _ in 0..<400 { #expect(try HTTPAnswer.read(from: requests).status == 200) }
        // 1 KiB of frames, or 4 requests, at a time.
        let least = flooding.count * pings.count / 1024 + 400 / 4 - 1
        #expect(try gateway.figures().figures.inputsDeferred >= least)
        #expect(try client.barrier().isEmpty)
    }

    @Test("a flood of fragments without bytes holds nobody up, and one of a byte each ends at the message's limit")
    func fragmentFlood() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.maxClientMessageBytes = 1000
        }.ready()
        let client = try gateway.connect("alpha")
        let empty = try gateway.connect("beta")
        let tiny = try gateway.connect("gamma")
        try empty.send(opcode: 1, [], isFinal: false)
        let nothing = (0..<50_000).flatMap { _ in WebSocketClient.frame(opcode: 0, [], isFinal: false) }
        #expect(try empty.socket.flood(nothing, patience: 5000) > 0)
        try tiny.send(opcode: 1, [0x61], isFinal: false)
        let bytes = (0..<1000).flatMap { _ in WebSocketClient.frame(opcode: 0, [0x61], isFinal: false) }
        #expect(try tiny.socket.flood(bytes, patience: 5000) > 0)
        #expect(try tiny.frame().closeCode == 1009)
        #expect(try gateway.figures().figures.messagesTooLarge == 1)
        for job in 0..<10 {
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-\(job)"))
            #expect(eventID(try client.event()) == id)
        }
        // The message that was begun can still be ended.
        try empty.send(opcode: 0, [0x61])
        let (_, id) = try redis.publish("beta", sampleEvent("beta", "job"))
        #expect(eventID(try empty.event()) == id)
    }

    @Test("random bytes, as a head and as frames, never harm anyone else")
    func randomBytes() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        let client = try gateway.connect("alpha")
        var generator = SeededGenerator(seed: 6455)
        let head = RequestText(upgradeTo: "alpha").bytes
        for round in 0..<300 {
            let socket = try TestSocket.connect(port: gateway.port)
            var bytes = (0..<Int.random(in: 1...2000, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            switch round % 3 {
            case 0: break
            case 1: bytes = head + bytes
            default:
                // A right head with a few bytes changed.
                bytes = head
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
            }
            try? socket.send(bytes)
            if round % 2 == 0 { socket.shutdownWrite() }
            if round % 5 == 0 { socket.reset() }
        }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        var text = try client.event()
        while eventID(text) != id { text = try client.event() }
        try eventually("only the client is left") { try gateway.figures().figures.webSocketConnections == 1 }
        try expectBaseline(gateway, baseline + 1)
    }

    @Test("idle, blocked, lingering and half-closed peers use no CPU time")
    func idleCPU() throws {
        let redis = try RedisProcess()
        // So many loops that the last ones' threads have names which no other test's gateway has.
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 16
            $0.handshakeTimeoutMs = 600_000
        }.ready()
        let threads = Set((8..<16).map { "sluice-\($0)" })
        var peers: [TestSocket] = []
        func peer(receiveBuffer: Int32? = nil, _ bytes: [UInt8]) throws -> TestSocket {
            let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: receiveBuffer)
            try socket.send(bytes)
            peers.append(socket)
            return socket
        }
        let head = RequestText(upgradeTo: "alpha").bytes
        // Forty of each, so that each of the loops has some of each.
        for _ in 0..<40 {
            _ = try peer([])
            _ = try peer(Array(head[..<50]))
            _ = try peer(RequestText("/health").bytes)
            _ = try HTTPAnswer.read(from: peer(head))
            // A plain request whose sender has ended its side: the gateway closes, the peer does not.
            try peer(RequestText("/health").bytes).shutdownWrite()
            // WebSockets that do not read: blocked within an event.
            _ = try HTTPAnswer.read(from: peer(receiveBuffer: 2048, RequestText(upgradeTo: "blocked").bytes))
            // Refused, and the peer does not close.
            _ = try peer(head.dropLast(4) + Array("\r\nX : 1\r\n\r\n".utf8))
        }
        for index in 0..<8 {
            try redis.publish("blocked", sampleEvent("blocked", "\(index)" + String(repeating: "x", count: 900_000)))
        }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 8 }
        // Blocked peers that end their side, or are answered to, or ping: their state must not wake anyone.
        for (index, socket) in peers.enumerated() where index % 7 == 5 {
            switch index % 3 {
            case 0: try socket.send(WebSocketClient.frame(opcode: 9, Array("owed".utf8)))
            case 1: try socket.send(WebSocketClient.frame(opcode: 1, Array("text".utf8)))
            default: break
            }
        }
        #expect(try gateway.get("/health").status == 200)
        // Until all that lingers has been given up (2 s), and for a while more, hardly anything may be used.
        var least = Int.max
        let deadline = Deadline()
        while least > 3, !deadline.isOver {
            let before = try ProcessFacts.cpuTicks(ofThreads: threads)
            // A second in which nothing is asked of these loops.
            let silent = try TestSocket.connect(port: gateway.port)
            _ = silent.hasInput(within: 1000)
            least = min(least, try ProcessFacts.cpuTicks(ofThreads: threads) - before)
        }
        // A loop that spins would use a hundred ticks in a second, or half of them on a loaded machine.
        #expect(least <= 3)
        withExtendedLifetime(peers) {}
    }
}

/// Random numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
