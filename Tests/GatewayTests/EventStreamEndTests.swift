import Configuration
import EventLog
import EventLoop
import Foundation
import Metrics
import ServerSentEvents
import TestSupport
import Testing

@testable import Gateway

/// How event streams end, and what is kept for those who have stopped in the middle of an event.
@Suite("Event streams: ends")
struct EventStreamEndTests {
    @Test("draining ends streams, spread over drainMs, and tells them to come back when it is over")
    func drain() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.drainMs = 1000
            $0.eventLoops = 1
        }.open()
        let clients = try (0..<5).map { _ in try gateway.stream("alpha") }
        let start = Date()
        gateway.gateway.drain()
        var ends: [Double] = []
        for client in clients {
            #expect(try client.remaining().isEmpty)
            ends.append(Date().timeIntervalSince(start) * 1000)
            // It must not come back before the listener is closed: to a browser a 503 is the end of trying.
            let wait = try #require(client.retryMilliseconds)
            #expect(Double(wait) + ends[ends.count - 1] > 2000)
            #expect(wait <= 5000)
            client.socket.close()
        }
        #expect(ends[4] > 700, "they are not ended all at once")
        gateway.gateway.wait()
    }

    @Test("a stream that is asked for while draining is 503, which a page may read")
    func refusedWhileDraining() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 60_000 }.open()
        let held = try (0..<6).map { _ in try gateway.stream("alpha") }
        gateway.gateway.drain()
        try eventually("it drains") { try gateway.get("/ready").status == 503 }
        try gateway.settle()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(EventStreamClient.request(channel: "alpha", fields: ["Origin: http://localhost:1"]).text)
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 503)
        #expect(answer.field("Retry-After") != nil)
        #expect(answer.field("Access-Control-Allow-Origin") == "http://localhost:1")
        withExtendedLifetime(held) {}
    }

    @Test("a stream ends when its token has expired, leeway included")
    func expiry() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let now = Int64(Date().timeIntervalSince1970)
        let token = WebSocketClient.token("alpha", expiresAt: now - 26)
        let client = try EventStreamClient(
            port: gateway.port, EventStreamClient.request(channel: "alpha", token: token))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        #expect(try client.remaining().isEmpty)
        #expect(Int64(Date().timeIntervalSince1970) >= now + 3)
        #expect(try gateway.figures().figures.closedAsExpired == 1)
    }

    @Test("the last words say why, in a comment")
    func lastWords() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 0 }.open()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(EventStreamClient.request(channel: "alpha").text)
        _ = try socket.read(through: "\r\n\r\n")
        _ = try socket.read(through: "\n\n")
        gateway.gateway.drain()
        let words = String(decoding: try socket.readToEnd(), as: UTF8.self)
        #expect(words.hasPrefix("retry: "))
        #expect(words.hasSuffix("\n\n: the gateway is restarting; reconnect with your last id\n\n"))
    }

    @Test("the end of a blocked reader's stream stands behind the event it is in, which arrives whole")
    func endWhileBlocked() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.drainMs = 0
            $0.eventLoops = 1
        }.open()
        let slow = try gateway.stream("alpha", receiveBuffer: 4096)
        var expected: [String] = []
        for number in 0..<16 {
            let data = sampleEvent("alpha", "\(number)-" + String(repeating: "x", count: 1 << 20))
            expected.append(eventText(try redis.publish("alpha", data).global, data))
        }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 16 }
        let begun = try gateway.figures().figures.deliveries
        #expect(begun < 16)
        gateway.gateway.drain()
        let texts = try slow.remaining().map(\.text)
        // On a machine so loaded that this takes more than two seconds, the gateway has cut the connection.
        #expect(texts.count <= begun)
        #expect(texts == Array(expected.prefix(texts.count)))
    }

    // MARK: Heartbeats, by a clock that is passed in

    @Test("a heartbeat is due an interval after the last write, not before and not in bursts")
    func heartbeat() {
        let start = MonotonicTime(nanoseconds: 7)
        var heartbeat = Heartbeat(now: start, interval: 1000, share: 0)
        let answers = [999, 5000, 5000].map { heartbeat.isDue(now: start.advanced(byMilliseconds: $0)) }
        #expect(answers == [false, true, false])
        heartbeat.wrote(now: start.advanced(byMilliseconds: 5500))
        #expect(heartbeat.due.milliseconds(since: start) == 6500)
        #expect(Heartbeat(now: start, interval: 1000, share: 0.999).due.milliseconds(since: start) == 901)
        #expect(Heartbeat(now: start, interval: 1, share: 0.5).due.milliseconds(since: start) == 1)
    }

    // MARK: Rests

    private func batch(_ sizes: [Int]) -> Batch {
        var builder = BatchBuilder()
        for (number, size) in sizes.enumerated() {
            let data = Array(("{\"channel_id\":\"c\",\"x\":\"" + String(repeating: "x", count: size) + "\"}").utf8)
            let id = StreamID(milliseconds: 1_700_000_000_000, sequence: UInt64(number))
            data.withUnsafeBytes { builder.append(id: id, data: $0, channel: .data(15..<16)) }
        }
        return builder.sealForReplay()
    }

    private func bytes(_ gather: Gather) -> [UInt8] {
        gather.slices.flatMap { [UInt8](UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
    }

    /// Of a poll whole events are collected, and its answer is written as one.
    @Test(
        "wherever a write stops, what is kept is the rest of that event",
        arguments: Encoding.allCases.filter { $0 != .poll })
    func remainders(encoding: Encoding) throws {
        let batch = batch([10, 5000, 10])
        var gather = Gather(deflated: DeflatedEvents())
        gather.removeAll(for: encoding)
        for index in 0..<3 { gather.add(batch, index) }
        let whole = bytes(gather)
        #expect(whole.count == gather.byteCount)
        let (reader, writer) = try ByteStream.pair()
        var frames = SharedFrames()
        for sent in 0...whole.count {
            guard let remainder = gather.remainder(after: sent) else {
                #expect(sent == 0 || gather.events.contains { $0.end == sent })
                continue
            }
            #expect(gather.wholeEvents(in: sent) == remainder.event)
            var output = PendingOutput()
            output.setTail(frames.tail(of: remainder, number: gather.events[remainder.event].number))
            var written = 0
            let flushed = output.flush(to: writer, written: &written)
            #expect(flushed == .all)
            #expect(written == gather.events[remainder.event].end - sent)
            var read = [UInt8](repeating: 0, count: 10_000)
            var rest: [UInt8] = []
            while case .bytes(let count) = read.withUnsafeMutableBytes({ reader.read(into: $0) }) {
                rest += read[..<count]
            }
            #expect(rest == Array(whole[sent..<gather.events[remainder.event].end]), "after \(sent)")
        }
    }

    @Test("events side by side in memory are one slice of an event stream, and as many as a write takes fit")
    func merging() {
        let batch = batch([Int](repeating: 1, count: 2000))
        var gather = Gather()
        gather.removeAll(for: .eventStream)
        var index = 0
        while !gather.isFull, index < 2000 {
            gather.add(batch, index)
            index += 1
        }
        #expect(gather.events.count == 1022, "one slice each, and room for two more")
        #expect(gather.slices.count <= Gather.maximumSlices)
        gather.removeAll(for: .eventStream)
        for index in stride(from: 0, to: 2000, by: 2) where !gather.isFull { gather.add(batch, index) }
        #expect(gather.events.count == 512, "two slices each")
        #expect(gather.slices.count == 1024)
    }

    @Test("all that is kept of an event, wherever how many sockets of either encoding stopped, is about twice its size")
    func keptMemory() {
        let size = 1_000_000
        let batch = batch([size])
        var frames = SharedFrames()
        var tails: [PendingOutput.Tail] = []
        for encoding in Encoding.allCases {
            var gather = Gather()
            gather.removeAll(for: encoding)
            gather.add(batch, 0)
            for sent in stride(from: 1, to: gather.byteCount - 5000, by: 997) {
                if let remainder = gather.remainder(after: sent) { tails.append(frames.tail(of: remainder, number: 1)) }
            }
        }
        #expect(tails.count > 1900)
        var kept: [ObjectIdentifier: Int] = [:]
        for tail in tails { kept[ObjectIdentifier(tail.frame)] = tail.frame.bytes.count }
        #expect(kept.values.reduce(0, +) < size * 21 / 10)
        #expect(tails.allSatisfy { $0.prefix.count < 60 })
    }
}
