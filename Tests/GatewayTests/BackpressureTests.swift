import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Promise 2: who does not read costs nobody else anything, and loses nothing.
@Suite("Backpressure")
struct BackpressureTests {
    /// An event of about so many bytes that can be told from others.
    private func event(_ channel: String, _ number: Int, bytes: Int) -> String {
        sampleEvent(channel, "\(number)-" + String(repeating: "x", count: bytes))
    }

    private func number(_ text: String) -> Int? {
        // Events are long, and what is looked for stands at their beginning.
        let head = text.prefix(200)
        guard let start = head.range(of: "\"job_id\": \"")?.upperBound else { return nil }
        return Int(head[start...].prefix { $0 != "-" })
    }

    /// Reads events until that number, each once and in order, answering pings. Returns their IDs.
    private func read(_ client: WebSocketClient, _ numbers: Range<Int>) throws -> [String] {
        try numbers.map { expected in
            let text = try client.event(deadline: Deadline(seconds: 60))
            guard number(text) == expected else {
                throw Failure("event \(number(text) ?? -1) came where \(expected) was expected")
            }
            return eventID(text)
        }
    }

    @Test("a reader that stops holds nobody up, and when it reads on it gets every event once, in order, from memory")
    func fromMemory() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let quick = try gateway.connect("alpha")
        let other = try gateway.connect("beta")
        for index in 0..<500 {
            try redis.publish("alpha", event("alpha", index, bytes: 32_000))
            // The others have each event at once, however far behind the slow one is.
            #expect(try number(quick.event()) == index)
            if index % 50 == 0 {
                let (_, id) = try redis.publish("beta", sampleEvent("beta", "job"))
                #expect(eventID(try other.event()) == id)
            }
        }
        let before = try gateway.figures().figures
        #expect(before.deliveries < 500 + 10 + 500, "the slow one cannot have had them all")
        #expect(Set(try read(slow, 0..<500)).count == 500)
        #expect(try slow.barrier() == [])
        let figures = try gateway.figures().figures
        #expect(figures.deliveries == 500 + 500 + 10)
        #expect(figures.replaysFromChannelStream == 0)
        #expect(figures.webSocketConnections == 3)
    }

    @Test("when memory has moved on, what it is owed comes from its channel's stream, once and in order")
    func fromTheStream() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.historyBytes = 1 << 20
        }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let quick = try gateway.connect("alpha")
        for index in 0..<600 {
            try redis.publish("alpha", event("alpha", index, bytes: 24_000))
            #expect(try number(quick.event()) == index)
        }
        #expect(Set(try read(slow, 0..<600)).count == 600)
        // And what comes next comes live.
        try redis.publish("alpha", event("alpha", 600, bytes: 10))
        _ = try read(slow, 600..<601)
        #expect(try slow.barrier() == [])
        let figures = try gateway.figures().figures
        #expect(figures.replaysFromChannelStream > 0)
        #expect(figures.gaps == 0)
    }

    @Test(
        "when neither memory nor the channel's stream has what it is owed, it is closed with 1013 and never skips an event"
    )
    func gone() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.historyBytes = 1 << 20
        }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let quick = try gateway.connect("alpha")
        for index in 0..<400 {
            try redis.publish("alpha", event("alpha", index, bytes: 32_000))
            #expect(try number(quick.event()) == index)
        }
        try redis.command("XTRIM", "async-events-alpha", "MAXLEN", "2")
        try redis.command("XTRIM", "async-events-full", "MAXLEN", "2")
        var next = 0
        while true {
            let frame = try slow.frame(deadline: Deadline(seconds: 60))
            if frame.opcode == 9 {
                try slow.send(opcode: 10, frame.payload)
                continue
            }
            guard frame.opcode == 1 else {
                #expect(frame.closeCode == 1013)
                #expect(frame.closeReason.contains("reconnect"))
                break
            }
            #expect(number(frame.text) == next)
            next += 1
        }
        #expect(next < 400)
        try eventually("it is counted") { try gateway.figures().figures.closedAsSlow == 1 }
        #expect(gateway.log.contains("read too slowly"))
    }

    @Test(
        "frames of a megabyte, cut by the socket wherever it likes, stay whole, with pings and pongs between them only")
    func largeFrames() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.pingSocketsIntervalMs = 50
        }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let sizes = [1 << 20, 1, 70_000, 65_000, 125, 1 << 20, 0, 300_000]
        for index in 0..<32 { try redis.publish("alpha", event("alpha", index, bytes: sizes[index % sizes.count])) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 32 }
        var index = 0
        var pings = 0
        while index < 32 {
            // Its own pings are answered, each but those that came while the socket was blocked.
            try slow.send(opcode: 9, Array("ping \(index)".utf8))
            let frame = try slow.frame(deadline: Deadline(seconds: 60))
            #expect(frame.isFinal)
            switch frame.opcode {
            case 1:
                guard number(frame.text) == index else {
                    throw Failure("event \(frame.text.prefix(100)) instead of \(index)")
                }
                #expect(frame.text.hasSuffix("\"}"))
                index += 1
            case 9:
                try slow.send(opcode: 10, frame.payload)
                pings += 1
            case 10:
                #expect(frame.text.hasPrefix("ping "))
            default:
                throw Failure("opcode \(frame.opcode)")
            }
        }
        try slow.send(opcode: 9, Array("last".utf8))
        // The answer to the last ping comes in any case, and a ping when nothing else does.
        var isAnswered = false
        while !isAnswered || pings == 0 {
            let frame = try slow.frame()
            if frame.opcode == 9 {
                try slow.send(opcode: 10, frame.payload)
                pings += 1
            } else {
                #expect(frame.opcode == 10)
                isAnswered = isAnswered || frame.text == "last"
            }
        }
    }

    @Test("of the pings that come while the socket is blocked the last is answered")
    func owedPong() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        for index in 0..<16 { try redis.publish("alpha", event("alpha", index, bytes: 1 << 20)) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 16 }
        for index in 0..<1000 { try slow.send(opcode: 9, Array("ping \(index)".utf8)) }
        // When the gateway closes another socket of the same loop for a breach sent later, it has read the pings.
        let other = try gateway.connect("beta")
        #expect(try other.barrier() == [])
        var index = 0
        var pongs: [String] = []
        while index < 16 || pongs.last != "ping 999" {
            let frame = try slow.frame(deadline: Deadline(seconds: 60))
            if frame.opcode == 1 {
                #expect(number(frame.text) == index)
                index += 1
            } else {
                #expect(frame.opcode == 10)
                pongs.append(frame.text)
            }
        }
        #expect(pongs.count < 1000, "nothing is queued for each ping")
        #expect(try slow.barrier() == [])
    }

    @Test("a close frame to a blocked reader stands behind the frame it is in, and nothing behind the close frame")
    func closeWhileBlocked() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        for index in 0..<16 { try redis.publish("alpha", event("alpha", index, bytes: 1 << 20)) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 16 }
        try slow.send(opcode: 1, [0xFF])
        var frames: [WebSocketClient.Frame] = []
        repeat { frames.append(try slow.frame(deadline: Deadline(seconds: 60))) } while frames.last?.opcode != 8
        #expect(frames.last?.closeCode == 1007)
        let events = frames.dropLast().filter { $0.opcode == 1 }
        #expect(events.map { number($0.text) } == Array(0..<events.count))
        #expect(events.count < 16)
        #expect(try slow.socket.ending() == .finished)
    }

    @Test("behind a close frame not even the pong is sent that was owed to a blocked reader")
    func owedPongAtTheEnd() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
        // Its socket will be closed in two to three seconds: the leeway ends.
        let token = WebSocketClient.token("alpha", expiresAt: Int64(Date().timeIntervalSince1970) - 27)
        try socket.send(RequestText(upgradeTo: "alpha", token: token).bytes)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        for index in 0..<8 { try redis.publish("alpha", event("alpha", index, bytes: 1 << 20)) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 8 }
        try gateway.settle()
        try socket.send(WebSocketClient.frame(opcode: 9, Array("first".utf8)))
        try socket.send(WebSocketClient.frame(opcode: 9, Array("owed".utf8)))
        try eventually("it is being closed") { try gateway.figures().figures.closedAsExpired == 1 }
        var isOpen = true
        while isOpen {
            // On a machine so loaded that this takes more than two seconds, the gateway has cut the connection.
            guard let frame = try? socket.frame() else { return }
            if frame.opcode == 8 {
                #expect(frame.closeCode == 4401)
                isOpen = false
            } else {
                #expect(frame.opcode == 1 || frame.text == "first")
            }
        }
        try socket.send(WebSocketClient.frame(opcode: 8, []))
        #expect(try socket.ending() == .finished)
    }

    @Test("a blocked reader that leaves gives everything back")
    func leavesWhileBlocked() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1 << 20 }.ready()
        let quick = try gateway.connect("alpha")
        let slow = try (0..<10).map { _ in
            try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        }
        for index in 0..<24 {
            try redis.publish("alpha", event("alpha", index, bytes: 500_000))
            #expect(try number(quick.event()) == index)
        }
        for (index, client) in slow.enumerated() {
            if index % 2 == 0 { client.socket.reset() } else { client.socket.close() }
        }
        try eventually("they are gone") { try gateway.figures().figures.webSocketConnections == 1 }
        try eventually("their sockets too") { try ProcessFacts.sockets(onLocalPort: gateway.port) == 3 }
        try redis.publish("alpha", event("alpha", 24, bytes: 10))
        #expect(try number(quick.event()) == 24)
    }

    @Test("a reader that does not read is dropped like one that is gone")
    func dropped() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.pingSocketsIntervalMs = 50
            $0.socketResponseTimeoutMs = 300
        }.ready()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        for index in 0..<16 { try redis.publish("alpha", event("alpha", index, bytes: 1 << 20)) }
        try eventually("it is dropped") { try gateway.figures().figures.closedByTimeout == 1 }
        withExtendedLifetime(slow) {}
    }

    @Test("many readers that stop at different places each get everything")
    func manyReaders() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1 << 20 }.ready()
        let clients = try (0..<7).map { index in
            try WebSocketClient(
                port: gateway.port, channel: index % 3 == 0 ? "beta" : "alpha",
                receiveBuffer: Int32(2048 << (index % 5)))
        }
        let count = 110
        for index in 0..<count {
            for channel in ["alpha", "beta"] {
                try redis.publish(channel, event(channel, index, bytes: 50_000 + index * 100))
            }
            // One of them reads a little now and then.
            if index % 10 == 9 { _ = try read(clients[1], (index - 9)..<(index + 1)) }
        }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 2 * count }
        #expect(try gateway.figures().figures.deliveries < clients.count * count, "some wait for their readers")
        for (index, client) in clients.enumerated() where index != 1 { _ = try read(client, 0..<count) }
        for client in clients { #expect(try client.barrier() == []) }
        let figures = try gateway.figures().figures
        #expect(figures.deliveries == clients.count * count)
        #expect(figures.webSocketConnections == clients.count)
    }
}
