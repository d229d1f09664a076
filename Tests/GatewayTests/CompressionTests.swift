import Configuration
import EventLog
import EventLoop
import Glibc
import Metrics
import TestSupport
import Testing
import WebSocket

@testable import Gateway

/// RFC 7692 as the gateway speaks it: `compression`.
@Suite("Compression")
struct CompressionTests {
    private func gateway(
        _ redis: RedisProcess, _ configure: @escaping (inout Settings) -> Void = { _ in }
    ) throws -> TestGateway {
        try TestGateway.quiet(redis) {
            $0.compression = true
            configure(&$0)
        }.open()
    }

    private static let answer = "permessage-deflate; server_no_context_takeover"

    // MARK: What is agreed on

    @Test("by default an offer is not taken up, and a frame marked as compressed is a breach")
    func off() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let client = try CompressedClient(port: gateway.port, channel: "alpha")
        #expect(client.extensions == nil)
        try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(try client.message().wasCompressed == false)
        try client.socket.send([0xC1, 0x80, 0, 0, 0, 0])
        #expect(try client.closeCode() == 1002)
        // What no list of extensions is was never looked at.
        let odd = try CompressedClient(port: gateway.port, channel: "alpha", offer: "permessage-deflate;;=")
        try odd.barrier()
    }

    @Test(
        "an offer is taken up if it allows the gateway's window",
        arguments: [
            ("permessage-deflate", answer), ("permessage-deflate; client_max_window_bits", answer),
            ("permessage-deflate; server_max_window_bits=15", answer + "; server_max_window_bits=12"),
            ("permessage-deflate; server_max_window_bits=12", answer + "; server_max_window_bits=12"),
            ("permessage-deflate; server_max_window_bits=11", nil),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", answer),
            ("permessage-deflate; unknown", nil), ("x-webkit-deflate-frame", nil),
        ] as [(String, String?)])
    func negotiation(offer: String, expected: String?) throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let client = try CompressedClient(port: gateway.port, channel: "alpha", offer: offer)
        #expect(client.extensions == expected)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        let message = try client.message()
        #expect(message.text == eventText(id, sampleEvent("alpha", "job")))
        #expect(message.wasCompressed == (expected != nil))
    }

    @Test("extensions that are no list are refused with 400")
    func malformed() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(
            WebSocketClient.request(channel: "alpha", fields: ["Sec-WebSocket-Extensions: permessage-deflate; ="]))
        #expect(try HTTPAnswer.read(from: socket).status == 400)
    }

    // MARK: What is sent

    @Test("each encoding of a channel's subscribers gets the same texts; short ones and random ones go uncompressed")
    func encodings() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let compressed = try (0..<10).map { _ in try CompressedClient(port: gateway.port, channel: "alpha") }
        let plain = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        let events = [
            sampleEvent("alpha", "1"), #"{"channel_id": "alpha"}"#,
            sampleEvent("alpha", String(repeating: "0123456789", count: 10_000)),
            sampleEvent("alpha", "2", status: "error"),
        ]
        var expected: [String] = []
        for event in events { expected.append(eventText(try redis.publish("alpha", event).global, event)) }
        for client in compressed {
            let messages = try events.map { _ in try client.message() }
            #expect(messages.map(\.text) == expected)
            #expect(messages.map(\.wasCompressed) == [true, false, true, true])
            #expect(messages[2].byteCount < 2000)
            try client.barrier()
        }
        #expect(try plain.events(4) == expected)
        #expect(try stream.events(4) == expected)
        let figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 11 && figures.serverSentEventsConnections == 1)
        #expect(figures.deliveries == 12 * 4)
        withExtendedLifetime((compressed, plain, stream)) {}
    }

    @Test("what a returning client missed comes compressed, from memory and from its channel's stream")
    func replay() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let live = try CompressedClient(port: gateway.port, channel: "alpha")
        var ids: [String] = []
        var expected: [String] = []
        for number in 0..<20 {
            let event = sampleEvent("alpha", "job-\(number)")
            ids.append(try redis.publish("alpha", event).global)
            expected.append(eventText(ids[number], event))
            #expect(try live.message().text == expected[number])
        }
        let returning = try CompressedClient(port: gateway.port, channel: "alpha", lastID: ids[4])
        for text in expected[5...] {
            let message = try returning.message()
            #expect(message.text == text && message.wasCompressed)
        }
        // Another gateway whose log has none of it.
        let other = try TestGateway.quiet(redis) {
            $0.compression = true
            $0.historyBytes = 1024
        }.open()
        for _ in 0..<8 { try ReplayScenario.addFiller(redis, bytes: 2048) }
        try ReplayScenario.hasRead(other, redis)
        let moved = try CompressedClient(port: other.port, channel: "alpha", lastID: ids[4])
        for text in expected[5...] {
            let message = try moved.message()
            #expect(message.text == text && message.wasCompressed)
        }
        #expect(try other.figures().figures.replaysFromChannelStream == 1)
    }

    @Test("a client that asked for it is told of a gap, and then gets what is left, compressed")
    func gap() throws {
        let events = (0..<10).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "job-\(number)"), channel: (number * 10_000, 0),
                global: (number * 10_000 + 1, 0))
        }
        let scenario = try ReplayScenario(
            .nothingOfIt, settings: { $0.compression = true },
            write: {
                try $0.write(events)
                try $0.command("XTRIM", "async-events-alpha", "MAXLEN", "=", "4")
            })
        let last = events[2].globalText
        let client = try CompressedClient(port: scenario.gateway.port, channel: "alpha", lastID: "\(last)&gaps=1")
        let notice = try client.message()
        #expect(notice.text == "{\"id\": \"\(last)\", \"gap\": true}" && !notice.wasCompressed)
        for event in events[6...] {
            let message = try client.message()
            #expect(message.text == event.text && message.wasCompressed)
        }
    }

    /// About so many bytes that hardly compress: more than half of them are left.
    private static func noise(_ count: Int, seed: UInt64) -> String {
        var state = seed &* 2 &+ 1
        let digits = Array("0123456789abcdef".utf8)
        let bytes = (0..<count).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return digits[Int(state >> 60)]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("readers that stop and read on get every event once, in order, whole, from memory and from the stream")
    func slowReaders() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis) {
            $0.eventLoops = 1
            $0.historyBytes = 2 << 20
        }
        let slow = try (0..<5).map {
            try CompressedClient(port: gateway.port, channel: "alpha", receiveBuffer: Int32(2048 << $0))
        }
        let plain = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let quick = try CompressedClient(port: gateway.port, channel: "alpha")
        let count = 240
        var texts: [String] = []
        for number in 0..<count {
            let event = sampleEvent(
                "alpha", "\(number)-" + Self.noise(number % 7 == 0 ? 120_000 : 20_000, seed: UInt64(number)))
            texts.append(eventText(try redis.publish("alpha", event).global, event))
            #expect(try quick.message().text == texts[number])
            // One of them reads a little now and then.
            if number % 10 == 9 {
                for known in (number - 9)...number { #expect(try slow[1].message().text == texts[known]) }
            }
        }
        #expect(try gateway.figures().figures.deliveries < 7 * count, "some wait for their readers")
        for (index, client) in slow.enumerated() where index != 1 {
            for text in texts {
                let message = try client.message(deadline: Deadline(seconds: 60))
                guard message.text == text, message.wasCompressed else {
                    throw Failure("\(message.text.prefix(150)) came where \(text.prefix(150)) was expected")
                }
            }
            try client.barrier()
        }
        #expect(try plain.events(count, deadline: Deadline(seconds: 60)) == texts)
        let figures = try gateway.figures().figures
        #expect(figures.deliveries == 7 * count)
        #expect(figures.replaysFromChannelStream > 0 && figures.gaps == 0)
    }

    // MARK: What clients send

    @Test("what a client sends compressed is ignored within the limit, also what could not be restored")
    func ignored() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let client = try CompressedClient(port: gateway.port, channel: "alpha")
        let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        // maxClientMessageBytes, an eighth more, and 64.
        for payload in [hello, hello, [0x00], [], [0xFF, 0xFF], [UInt8](repeating: 0, count: 4096 + 512 + 64)] {
            var bytes = WebSocketClient.frame(opcode: 1, payload)
            bytes[0] |= 0x40
            try client.socket.send(bytes)
            try client.barrier()
        }
        try client.client.send(opcode: 1, Array("plain".utf8))
        try client.barrier()
    }

    static let breaches: [(String, [UInt8], Int)] = [
        ("a compressed ping", [0xC9, 0x80, 0, 0, 0, 0], 1002), ("a compressed close", [0xC8, 0x80, 0, 0, 0, 0], 1002),
        ("RSV1 on a continuation", [0x41, 0x80, 0, 0, 0, 0, 0xC0], 1002), ("RSV2", [0xA1], 1002),
        ("RSV3", [0xD1], 1002),
        ("more compressed bytes than the limit allows", [0xC1, 0xFE, 0x12, 0x41], 1009),
        ("more plain bytes than the limit allows", [0x81, 0xFE, 0x10, 0x01], 1009),
        ("plain text that is not UTF-8", [0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007),
    ]

    @Test("a breach of RFC 7692, or of the limit, closes the connection", arguments: breaches)
    func breach(what: String, bytes: [UInt8], code: Int) throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let client = try CompressedClient(port: gateway.port, channel: "alpha")
        try client.socket.send(bytes)
        #expect(try client.closeCode() == code)
    }

    // MARK: Sharing

    private func batch(_ texts: [String]) -> Batch {
        var builder = BatchBuilder()
        for (number, text) in texts.enumerated() {
            let data = Array("{\"channel_id\":\"c\",\"x\":\"\(text)\"}".utf8)
            let id = StreamID(milliseconds: 1_700_000_000_000, sequence: UInt64(number))
            data.withUnsafeBytes { builder.append(id: id, data: $0, channel: .data(15..<16)) }
        }
        return builder.sealForReplay()
    }

    private func bytes(_ gather: Gather) -> [UInt8] {
        gather.slices.flatMap { [UInt8](UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
    }

    @Test(
        "an event is compressed once, however many sockets lag behind at it, and one that stays long is not tried twice"
    )
    func sharing() {
        let deflated = DeflatedEvents()
        var state: UInt64 = 7
        // So many characters of two bytes that there is nothing to save.
        let stubborn = (0..<48).map { _ -> Character in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Character(Unicode.Scalar(UInt16(0x80 + (state >> 33) % 0x700)) ?? "x")
        }
        let batch = batch([String(repeating: "a", count: 500), "short", Self.noise(5000, seed: 1), String(stubborn)])
        var first: [UInt8] = []
        for index in 0..<100 {
            var gather = Gather(deflated: deflated)
            gather.removeAll(for: .compressedWebSocket)
            for event in 0..<4 { gather.add(batch, event) }
            if index == 0 { first = bytes(gather) }
            #expect(bytes(gather) == first)
        }
        #expect(deflated.count == 3)
        #expect(deflated.frame(batch, 3, isReplay: false) == nil)
        #expect(deflated.count == 3)
        #expect(first.count < batch.frame(0).count + batch.frame(2).count)
        // What others keep of an event that came back from Redis is not this one.
        var gather = Gather(deflated: deflated)
        gather.removeAll(for: .compressedWebSocket)
        gather.add(batch, 0, isReplay: true)
        #expect(deflated.count == 4)
    }

    @Test("of the frames made, only the last are kept")
    func kept() {
        let deflated = DeflatedEvents()
        let batch = batch((0..<100).map { Self.noise(20_000, seed: UInt64($0)) })
        for index in 0..<100 { #expect(deflated.frame(batch, index, isReplay: false) != nil) }
        weak var old: DeflatedEvents.Frame?
        old = deflated.frame(batch, 0, isReplay: false)
        #expect(deflated.count == 101, "the first was let go, and made anew")
        #expect(deflated.frame(batch, 99, isReplay: false) != nil)
        #expect(deflated.count == 101, "the last was not")
        for index in 0..<99 { #expect(deflated.frame(batch, index, isReplay: false) != nil) }
        #expect(old == nil)
    }

    @Test("what is kept of a compressed event, wherever how many sockets stopped, is less than three times its size")
    func keptMemory() throws {
        let batch = batch([Self.noise(100_000, seed: 3)])
        var frames = SharedFrames()
        var tails: [PendingOutput.Tail] = []
        var whole: [UInt8] = []
        for _ in 0..<3 {
            // Each time compressed anew, as for readers that come to it at different times.
            var gather = Gather(deflated: DeflatedEvents())
            gather.removeAll(for: .compressedWebSocket)
            gather.add(batch, 0)
            whole = bytes(gather)
            for sent in stride(from: 1, to: gather.byteCount - 5000, by: 97) {
                let remainder = try #require(gather.remainder(after: sent))
                let tail = frames.tail(of: remainder, number: 1)
                #expect(tail.prefix.isEmpty && tail.range.count == whole.count - sent)
                #expect(tail.frame.bytes[tail.range].prefix(50).elementsEqual(whole[sent...].prefix(50)))
                tails.append(tail)
            }
        }
        #expect(tails.count > 1000)
        var kept: [ObjectIdentifier: Int] = [:]
        for tail in tails { kept[ObjectIdentifier(tail.frame)] = tail.frame.bytes.count }
        #expect(kept.values.reduce(0, +) < whole.count * 3)
        // Those who are sent the event as it is share nothing with them.
        var gather = Gather()
        gather.removeAll(for: .webSocket)
        gather.add(batch, 0)
        let plain = bytes(gather)
        let tail = frames.tail(of: try #require(gather.remainder(after: plain.count - whole.count + 1)), number: 1)
        #expect(tail.frame.bytes[tail.range].elementsEqual(plain.suffix(whole.count - 1)))
    }
}
