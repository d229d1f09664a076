import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// What a client may send on an open WebSocket (RFC 6455 sections 5 to 8), and how the gateway answers.
@Suite("Client frames")
struct ClientFrameTests {
    private static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        WebSocketClient.frame(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
    }

    private static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
        WebSocketClient.frame(opcode: 1, Array(text.utf8), isFinal: isFinal)
    }

    private static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        WebSocketClient.frame(opcode: 0, payload, isFinal: isFinal)
    }

    private static func ping(_ payload: String = "") -> [UInt8] {
        WebSocketClient.frame(opcode: 9, Array(payload.utf8))
    }

    // MARK: Allowed

    @Test("each ping is answered with a pong of its payload, in order")
    func pings() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        let payloads = ["", "a", String(repeating: "p", count: 125)] + (0..<200).map { "ping \($0)" }
        try client.socket.send(payloads.flatMap { Self.ping($0) })
        for payload in payloads {
            let pong = try client.frame()
            #expect(pong.opcode == 10 && pong.isFinal)
            #expect(pong.text == payload)
        }
    }

    static let ignored: [(what: String, bytes: [UInt8])] = [
        ("an empty text", text("")),
        ("a text", text("hello")),
        ("a text of 4096 bytes", text(String(repeating: "t", count: 4096))),
        ("a binary message", WebSocketClient.frame(opcode: 2, [0, 0xFF, 0xC0])),
        ("a binary message of 4096 bytes", WebSocketClient.frame(opcode: 2, [UInt8](repeating: 0xFF, count: 4096))),
        ("text of all lengths of UTF-8", text("aä€𝄞\u{10FFFF}\u{0}")),
        ("a pong nobody asked for", WebSocketClient.frame(opcode: 10, Array("unasked".utf8))),
        (
            "three fragments",
            text("one", isFinal: false) + continuation(Array("two".utf8), isFinal: false)
                + continuation(Array("three".utf8))
        ),
        ("empty fragments", text("", isFinal: false) + continuation([], isFinal: false) + continuation([])),
        (
            "a character cut by a fragment",
            WebSocketClient.frame(opcode: 1, [0xE2, 0x82], isFinal: false) + continuation([0xAC])
        ),
        (
            "4096 fragments of a byte",
            text("f", isFinal: false) + (0..<4094).flatMap { _ in continuation([0x66], isFinal: false) }
                + continuation([0x66])
        ),
        (
            "a pong between fragments",
            text("one", isFinal: false) + WebSocketClient.frame(opcode: 10, []) + continuation([])
        ),
        ("one message after the other", (0..<50).flatMap { _ in text(String(repeating: "m", count: 4000)) }),
    ]

    @Test("messages within the limit are ignored, whole and byte by byte, and the socket goes on")
    func ignoredMessages() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for (what, bytes) in Self.ignored {
            for isWhole in [true, false] where isWhole || bytes.count < 10_000 {
                let client = try gateway.connect("alpha")
                if isWhole { try client.socket.send(bytes) } else { try client.socket.dribble(bytes) }
                #expect(try client.barrier() == [], "\(what)")
            }
        }
    }

    @Test("a ping between fragments is answered before the message ends")
    func pingBetweenFragments() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        try client.socket.send(Self.text("one", isFinal: false) + Self.ping("between"))
        #expect(try client.frame().text == "between")
        try client.socket.send(Self.continuation(Array("two".utf8)))
        #expect(try client.barrier() == [])
    }

    @Test("frames that come byte by byte are read as such")
    func byteByByte() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        try client.socket.dribble(
            Self.ping("one") + Self.text("ä", isFinal: false) + Self.ping("two") + Self.continuation([0xC3, 0xA4])
                + Self.close(1001, "bye"))
        #expect(try client.frame().text == "one")
        #expect(try client.frame().text == "two")
        let close = try client.frame()
        #expect(close.opcode == 8)
        #expect(close.closeCode == 1001)
        #expect(try client.socket.ending() == .finished)
    }

    // MARK: Refused

    struct Breach: Sendable {
        var what: String
        var bytes: [UInt8]
        var code: Int

        init(_ what: String, _ bytes: [UInt8], _ code: Int) {
            self.what = what
            self.bytes = bytes
            self.code = code
        }
    }

    /// The header of a masked frame whose payload does not follow.
    private static func header(_ first: UInt8, _ second: UInt8, _ length: [UInt8] = []) -> [UInt8] {
        [first, second] + length + [0, 0, 0, 0]
    }

    static let breaches: [Breach] =
        [
            Breach("an unmasked text", WebSocketClient.frame(opcode: 1, Array("plain".utf8), masked: false), 1002),
            Breach("an unmasked ping", WebSocketClient.frame(opcode: 9, [], masked: false), 1002),
            Breach("an unmasked close", WebSocketClient.frame(opcode: 8, [0x03, 0xE8], masked: false), 1002),
            Breach("a continuation of nothing", continuation([1]), 1002),
            Breach("a continuation behind a whole message", text("whole") + continuation([]), 1002),
            Breach("a text within a fragmented text", text("one", isFinal: false) + text("two"), 1002),
            Breach(
                "a binary within a fragmented text", text("one", isFinal: false) + WebSocketClient.frame(opcode: 2, []),
                1002),
            Breach("a fragmented ping", WebSocketClient.frame(opcode: 9, [], isFinal: false), 1002),
            Breach("a fragmented pong", WebSocketClient.frame(opcode: 10, [], isFinal: false), 1002),
            Breach("a fragmented close", WebSocketClient.frame(opcode: 8, [], isFinal: false), 1002),
            Breach("a ping of 126 bytes", WebSocketClient.frame(opcode: 9, [UInt8](repeating: 0, count: 126)), 1002),
            Breach("a close of 126 bytes", WebSocketClient.frame(opcode: 8, [UInt8](repeating: 3, count: 126)), 1002),
            Breach("a length of 5 in two bytes", header(0x81, 0xFE, [0, 5]), 1002),
            Breach("a length of 300 in eight bytes", header(0x82, 0xFF, [0, 0, 0, 0, 0, 0, 1, 44]), 1002),
            Breach("a length with the top bit set", header(0x82, 0xFF, [0x80, 0, 0, 0, 0, 0, 0, 0]), 1002),
            Breach("a text of 4097 bytes", text(String(repeating: "t", count: 4097)), 1009),
            Breach("a binary of 64 KiB", WebSocketClient.frame(opcode: 2, [UInt8](repeating: 0, count: 65536)), 1009),
            Breach(
                "the header of a text of 2^63 - 1 bytes",
                header(0x81, 0xFF, [0x7F] + [UInt8](repeating: 0xFF, count: 7)), 1009),
            Breach(
                "4097 bytes in fragments",
                text(String(repeating: "t", count: 4000), isFinal: false)
                    + continuation([UInt8](repeating: 0x74, count: 97)), 1009),
            Breach("a close frame of one byte", WebSocketClient.frame(opcode: 8, [3]), 1002),
            Breach("a close reason that is not UTF-8", WebSocketClient.frame(opcode: 8, [0x03, 0xE8, 0xFF]), 1007),
            Breach("a close reason that is cut", WebSocketClient.frame(opcode: 8, [0x03, 0xE8, 0xE2, 0x82]), 1007),
        ]
        + [0x10, 0x20, 0x40, 0x70].map { (bits: UInt8) in
            Breach("reserved bits \(bits)", header(0x81 | bits, 0x80), 1002)
        }
        + [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map { (opcode: UInt8) in
            Breach("opcode \(opcode)", header(0x80 | opcode, 0x80), 1002)
        }
        + [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map { (code: UInt16) in
            Breach("close code \(code)", close(code), 1002)
        }
        + [
            [0xFF], [0x80], [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF8, 0x88, 0x80, 0x80, 0x80], [0x61, 0xE2, 0x82],
        ].map { (bytes: [UInt8]) in
            Breach("a text of the bytes \(bytes)", WebSocketClient.frame(opcode: 1, bytes), 1007)
        }
        + [
            Breach(
                "a character cut by the message's end, over fragments",
                WebSocketClient.frame(opcode: 1, [0xE2], isFinal: false) + continuation([0x82]), 1007),
            Breach(
                "broken UTF-8 in a fragment that others would follow",
                WebSocketClient.frame(opcode: 1, [0x61, 0xFF], isFinal: false), 1007),
        ]

    @Test("each breach is answered with its close code and the end of the stream, whatever follows")
    func breaches() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for breach in Self.breaches {
            for isWhole in [true, false] where isWhole || breach.bytes.count < 5000 {
                let client = try gateway.connect("alpha")
                if isWhole {
                    // What follows is not looked at, and must not cost the client the close frame.
                    try client.socket.send(
                        breach.bytes + Self.ping("too late") + [UInt8](repeating: 0x42, count: 100_000))
                } else {
                    for byte in breach.bytes where !client.socket.hasInput() { try? client.socket.send([byte]) }
                }
                let close = try client.frame()
                #expect(close.opcode == 8, "\(breach.what)")
                #expect(close.closeCode == breach.code, "\(breach.what): \(close.closeReason)")
                #expect(close.closeReason.hasSuffix("."), "\(breach.what)")
                #expect(try client.socket.ending() == .finished, "\(breach.what)")
            }
        }
        let figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 0)
        #expect(figures.closedByClient == 0)
        #expect(figures.closedByError == Self.breaches.reduce(0) { $0 + ($1.bytes.count < 5000 ? 2 : 1) })
    }

    @Test("maxClientMessageBytes is the limit that is configured; 0 allows empty messages only")
    func limit() throws {
        let redis = try RedisProcess()
        for limit in [0, 1, 100_000] {
            let gateway = try TestGateway.quiet(redis) { $0.maxClientMessageBytes = limit }.ready()
            let client = try gateway.connect("alpha")
            try client.socket.send(Self.text(String(repeating: "t", count: limit)))
            #expect(try client.barrier() == [])
            try client.socket.send(Self.text(String(repeating: "t", count: limit + 1)))
            #expect(try client.frame().closeCode == 1009)
            #expect(try client.socket.ending() == .finished)
        }
    }

    @Test("a breach behind pings is answered after their pongs")
    func pongsBeforeClose() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        try client.socket.send(Self.ping("one") + Self.ping("two") + Self.continuation([]))
        #expect(try client.frame().text == "one")
        #expect(try client.frame().text == "two")
        #expect(try client.frame().closeCode == 1002)
        #expect(try client.socket.ending() == .finished)
    }

    // MARK: Closing

    @Test("a close frame is answered with its code, or none with none, and then the stream ends")
    func closingHandshake() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let codes: [UInt16] = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ]
        for code in codes {
            let client = try gateway.connect("alpha")
            try client.socket.send(Self.close(code, code == 1000 ? "" : "because ä"))
            let answer = try client.frame()
            #expect(answer.opcode == 8 && answer.isFinal)
            #expect(answer.closeCode == Int(code))
            #expect(answer.payload.count == 2, "the reason is the client's own")
            #expect(try client.socket.ending() == .finished)
        }
        let client = try gateway.connect("alpha")
        try client.send(opcode: 8, [])
        #expect(try client.frame().payload == [])
        #expect(try client.socket.ending() == .finished)
        #expect(try gateway.figures().figures.closedByClient == codes.count + 1)
        #expect(try gateway.figures().figures.webSocketConnections == 0)
    }

    @Test("what comes behind a close frame is ignored, and nothing but the close frame comes back")
    func dataAfterClose() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        try client.socket.send(
            Self.close(1000) + Self.ping("late") + Self.close(1001) + Self.text("late")
                + WebSocketClient.frame(opcode: 1, [0xFF], masked: false) + [UInt8](repeating: 0xFF, count: 200_000))
        try redis.publish("alpha", sampleEvent("alpha", "late"))
        #expect(try client.frame().closeCode == 1000)
        #expect(try client.socket.ending() == .finished)
    }

    @Test("events before a close frame arrive before its answer")
    func eventsBeforeClose() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        try client.socket.send(Self.close(1000))
        #expect(try client.frame().closeCode == 1000)
        try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(try client.socket.ending() == .finished)
    }

    @Test("a client that cuts the connection, in order or not, even within a frame, is gone from its channel")
    func cutConnections() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let stays = try gateway.connect("alpha")
        for bytes in [[], [0x81], Array(Self.text("cut").dropLast(1)), Self.text("cut", isFinal: false)] as [[UInt8]] {
            for isReset in [false, true] {
                let client = try gateway.connect("alpha")
                try client.socket.send(bytes)
                if isReset { client.socket.reset() } else { client.socket.close() }
            }
        }
        try eventually("only one is left") { try gateway.figures().figures.webSocketConnections == 1 }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try stays.event()) == id)
        #expect(try gateway.figures().figures.closedByClient == 8)
    }

    @Test("a client that only ends its side without a close frame is let go")
    func halfClosed() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        client.socket.shutdownWrite()
        #expect(try client.socket.ending() == .finished)
        #expect(try gateway.figures().figures.closedByClient == 1)
    }

    @Test("a client that does not close its end after both close frames is cut off")
    func lingering() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        try client.socket.send(Self.close(1000))
        #expect(try client.frame().closeCode == 1000)
        #expect(try client.socket.ending() == .finished)
        try eventually("its socket is closed although the client keeps its own") {
            try ProcessFacts.sockets(onLocalPort: gateway.port) == 2
        }
    }
}
