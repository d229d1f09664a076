import TestSupport
import Testing
import WebSocket

/// RFC 7692: 12 and 13 of Autobahn's list.
@Suite("Conformance: permessage-deflate")
struct CompressionTests {
    /// An offer, the answer to it and what it comes to.
    struct Negotiated: CustomTestStringConvertible {
        let offer: String
        let answer: String
        let agreed: PerMessageDeflate
        var testDescription: String { offer }

        init(
            _ offer: String, _ answer: String? = nil, server: Int = 15, client: Int = 15, serverAlone: Bool = false,
            clientAlone: Bool = false
        ) {
            self.offer = "permessage-deflate" + offer
            self.answer = "permessage-deflate" + (answer ?? offer)
            var agreed = PerMessageDeflate()
            agreed.serverMaxWindowBits = server
            agreed.clientMaxWindowBits = client
            agreed.serverNoContextTakeover = serverAlone
            agreed.clientNoContextTakeover = clientAlone
            self.agreed = agreed
        }
    }

    /// Every window with every setting of context takeover.
    private static let negotiated: [Negotiated] =
        (9...15).flatMap { bits in
            [false, true].flatMap { serverAlone in
                [false, true].map { clientAlone in
                    let alone =
                        (serverAlone ? "; server_no_context_takeover" : "")
                        + (clientAlone ? "; client_no_context_takeover" : "")
                    let server = "; server_max_window_bits=\(bits)"
                    let client = "; client_max_window_bits=\(24 - bits)"
                    return Negotiated(
                        alone + server + client, alone + server + (bits > 9 ? client : ""), server: bits,
                        client: 24 - bits, serverAlone: serverAlone, clientAlone: clientAlone)
                }
            }
        } + [
            Negotiated(""), Negotiated("; client_max_window_bits", ""),
            Negotiated("; server_no_context_takeover", serverAlone: true),
            Negotiated("; client_max_window_bits=8", ""),
            Negotiated(
                "; client_max_window_bits=15; server_max_window_bits=\"10\"", "; server_max_window_bits=10", server: 10),
        ]

    /// Messages that compress, that do not, that repeat each other, and empty ones.
    private static let messages: [[UInt8]] = {
        var generator = SystemRandomNumberGenerator()
        let json = Array(#"{"channel_id": "c", "job_id": "j-42", "status": "done", "result_url": "/x/1"}"#.utf8)
        return [
            [], json, json, [0x61], [], Array(repeatElement(json, count: 2000).joined()),
            (0..<70_000).map { _ in UInt8.random(in: 0x20...0x7E, using: &generator) },
            [UInt8](repeating: 0x61, count: 300_000), json,
        ]
    }()

    @Test("12 and 13: messages come back under whatever was agreed on", arguments: negotiated)
    func roundTrips(_ negotiated: Negotiated) throws {
        let server = try EchoServer()
        let client = try EchoClient(server, offers: [negotiated.offer])
        #expect(client.extensions == negotiated.answer)
        let deflater = Deflater(windowBits: negotiated.agreed.clientMaxWindowBits)
        var assembler = MessageAssembler(
            role: .client, maxMessageBytes: 1 << 20, deflate: negotiated.agreed)
        for (index, message) in Self.messages.enumerated() {
            var payload: [UInt8] = []
            message.withUnsafeBytes {
                deflater.compress(
                    $0, takesContextOver: !negotiated.agreed.clientNoContextTakeover, into: &payload)
            }
            var bytes = fragmented(1, payload, by: [1 << 20, 1000, 17][index % 3])
            bytes[0] |= 0x40
            try client.socket.send(bytes)
            #expect(try receive(client, &assembler) == .message(.text, message), "message \(index)")
        }
        // What is not compressed may come at any time, and does not touch the context.
        try client.socket.send(frame(2, [1, 2, 3]))
        #expect(try receive(client, &assembler) == .message(.binary, [1, 2, 3]))
        try client.socket.send(closing(1000))
        #expect(try receive(client, &assembler) == .close(.normalClosure, reason: ""))
    }

    private func receive(
        _ client: EchoClient, _ assembler: inout MessageAssembler
    ) throws -> MessageAssembler.Received? {
        while true {
            var bytes = try client.socket.readSome()
            guard !bytes.isEmpty else { throw Failure("the server closed the connection") }
            let received = bytes.withUnsafeMutableBytes { input in
                var consumed = 0
                let received = assembler.next(input, consumed: &consumed)
                precondition(consumed == input.count || received == nil, "one answer at a time is waited for")
                return received
            }
            if let received { return received }
        }
    }

    private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    /// Sends these bytes after an agreement without limits; returns the frames that come until the connection closes, or
    /// until `count` came.
    private func answers(
        _ bytes: [UInt8], count: Int, arguments: [String] = []
    ) throws -> [(first: UInt8, payload: [UInt8])] {
        let server = try EchoServer(arguments)
        let client = try EchoClient(server, offers: ["permessage-deflate"])
        try client.socket.send(bytes)
        return try (0..<count).map { _ in try client.frame() }
    }

    @Test("the echo of RFC 7692's first example is that example")
    func example() throws {
        let both = try answers(
            frame(1, Self.hello, reserved: 4) + frame(1, [0xF2, 0x00, 0x11, 0x00, 0x00], reserved: 4), count: 2)
        #expect(both[0] == (0xC1, Self.hello))
        #expect(both[1] == (0xC1, [0xF2, 0x00, 0x11, 0x00, 0x00]), "the second, which refers to the first")
    }

    @Test("a ping between the fragments of a compressed message is answered")
    func pingBetween() throws {
        let bytes =
            frame(1, Array(Self.hello[..<3]), isFinal: false, reserved: 4) + frame(9, "ping")
            + frame(0, Array(Self.hello[3...]))
        let both = try answers(bytes, count: 2)
        #expect(both[0] == (0x8A, Array("ping".utf8)))
        #expect(both[1] == (0xC1, Self.hello))
    }

    private static let bomb: [UInt8] = {
        var payload: [UInt8] = []
        [UInt8](repeating: 0, count: 1 << 22).withUnsafeBytes {
            Deflater(level: 9).compress($0, takesContextOver: false, into: &payload)
        }
        return payload
    }()

    private static let failures: [(String, [UInt8], UInt16)] = [
        ("RSV1 on a continuation", frame(1, [0xF2], isFinal: false, reserved: 4) + frame(0, [0x48], reserved: 4), 1002),
        (
            "RSV1 on a continuation of an uncompressed message",
            frame(1, [0x61], isFinal: false) + frame(0, [], reserved: 4), 1002
        ),
        ("RSV1 on a ping", frame(9, "ping", reserved: 4), 1002),
        ("RSV1 on a close", frame(8, [0x03, 0xE8], reserved: 4), 1002),
        ("RSV2", frame(1, hello, reserved: 2), 1002), ("RSV1 and RSV3", frame(1, hello, reserved: 5), 1002),
        ("a block of a kind that is not given out", frame(2, [0x07, 0x00], reserved: 4), 1007),
        ("an end within a block", frame(2, Array(hello[..<4]), reserved: 4), 1007),
        ("a compressed message without bytes", frame(2, [], reserved: 4), 1007),
        ("a reference to before the first message", frame(2, [0xF2, 0x00, 0x11, 0x00, 0x00], reserved: 4), 1007),
        ("text that is not UTF-8", frame(1, [0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC3, 0x28, 0x00], reserved: 4), 1007),
        (
            "text that is cut within a character", frame(1, [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xC3, 0x00], reserved: 4),
            1007
        ),
        (
            "text that is not UTF-8 in a message that never ends",
            frame(1, [0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC3, 0x28], isFinal: false, reserved: 4), 1007
        ),
        ("a message that is far longer when restored", frame(2, bomb, reserved: 4), 1009),
        (
            "more compressed bytes than any message within the limit can have",
            Array(frame(2, [UInt8](repeating: 0, count: 120_000), reserved: 4).prefix(10)), 1009
        ),
    ]

    @Test("what breaks RFC 7692 fails the connection", arguments: failures)
    func failure(what: String, bytes: [UInt8], code: UInt16) throws {
        let said = try answers(bytes, count: 1, arguments: ["--max-message-bytes", "100000"])
        #expect(said[0].first == 0x88)
        #expect(said[0].payload.prefix(2).reduce(0) { $0 << 8 | UInt16($1) } == code)
    }

    @Test("a handshake whose extensions keep no grammar is refused, one that only cannot be met is opened without")
    func handshakes() throws {
        let server = try EchoServer()
        let refused = try EchoClient.handshake(
            try TestSocket.connect(port: server.port), offers: ["permessage-deflate; ="])
        #expect(refused.status == 400)
        for offer in [
            "permessage-deflate; server_max_window_bits=8", "x-webkit-deflate-frame", "permessage-deflate; unknown",
        ] {
            let client = try EchoClient(server, offers: [offer])
            #expect(client.extensions == nil)
            // Then the bit is as forbidden as ever.
            try client.socket.send(frame(1, Self.hello, reserved: 4))
            let (first, payload) = try client.frame()
            #expect(first == 0x88 && payload.starts(with: [0x03, 0xEA]))
        }
    }
}
