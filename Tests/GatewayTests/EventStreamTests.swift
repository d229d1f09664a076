import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// DESIGN 1.3: what an SSE client sees.
@Suite("Event streams: live")
struct EventStreamTests {
    @Test("an event reaches WebSockets and event streams of its channel under one ID with one text")
    func bothTransports() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let streams = try (0..<4).map { _ in try gateway.stream("alpha") }
        let sockets = try (0..<4).map { _ in try gateway.connect("alpha") }
        let other = try gateway.stream("beta")
        var expected: [String] = []
        for number in 0..<300 {
            let data = sampleEvent("alpha", "job-\(number)")
            expected.append(eventText(try redis.publish("alpha", data).global, data))
        }
        for stream in streams { #expect(try stream.events(300) == expected) }
        for socket in sockets { try socket.expect(expected) }
        let (_, id) = try redis.publish("beta", sampleEvent("beta", "job"))
        #expect(try other.event() == eventText(id, sampleEvent("beta", "job")))
        let figures = try gateway.figures().figures
        #expect(figures.serverSentEventsConnections == 5)
        #expect(figures.webSocketConnections == 4)
        #expect(figures.deliveries == 8 * 300 + 1)
        withExtendedLifetime((streams, sockets, other)) {}
    }

    @Test("the first words: what kind of stream, when to come back, and where a client stands that brought no ID")
    func firstWords() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        try redis.add("async-events-full", "1700000000000-5", data: sampleEvent("beta", "job"))
        try eventually("it is read") { try gateway.figures().figures.eventsRead == 1 }
        try gateway.settle()
        var waits: Set<Int> = []
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            for _ in 0..<20 {
                let request = EventStreamClient.request(channel: "alpha").with(version: version)
                let client = try EventStreamClient(port: gateway.port, request)
                #expect(client.answer.statusLine == "HTTP/1.1 200 OK")
                #expect(client.answer.field("Content-Type") == "text/event-stream")
                #expect(client.answer.field("Cache-Control") == "no-store")
                #expect(client.answer.field("X-Accel-Buffering") == "no")
                #expect(client.answer.field("Connection") == "close")
                #expect(client.answer.field("Transfer-Encoding") == nil)
                #expect(client.answer.field("Content-Length") == nil)
                #expect(client.lastEventID == "1699999999999-18446744073709551615")
                waits.insert(client.retryMilliseconds ?? 0)
            }
        }
        #expect(waits.allSatisfy { (1000...3000).contains($0) })
        #expect(waits.count > 10, "they are spread")
    }

    @Test(
        "line ends between the tokens of an event do not end its data: it is one value that parses to the same object")
    func lineEnds() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let stream = try gateway.stream("alpha")
        let socket = try gateway.connect("alpha")
        for end in ["\n", "\r", "\r\n", "\n\n"] {
            let data =
                "{\(end)\"channel_id\"\(end):\(end)\"alpha\",\(end)\"list\": [1,\(end)2],\(end)\"text\": \"a\\nb\"\(end)}"
            let (_, id) = try redis.publish("alpha", data)
            let text = try stream.event()
            #expect(text == eventText(id, data))
            #expect(try socket.event() == text)
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            #expect(object?["list"] as? [Int] == [1, 2])
            #expect(object?["text"] as? String == "a\nb")
        }
    }

    @Test("more events at once than one gathered write takes arrive in order, small readers and both transports alike")
    func manyAtOnce() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.redisStreamReadCount = 10_000
            $0.eventLoops = 1
        }.open()
        let streams = try (0..<4).map { try gateway.stream("c0", receiveBuffer: $0 == 0 ? 4096 : nil) }
        let others = try gateway.stream("c1")
        let sockets = try (0..<2).map { _ in try gateway.connect("c0") }
        try redis.burst(7000, channels: 2)
        let expected = try redis.texts(of: "c0")
        #expect(expected.count == 3500)
        for stream in streams { #expect(firstDifference(try stream.events(3500), expected) == nil) }
        for socket in sockets { try socket.expect(expected) }
        #expect(try others.events(3500) == redis.texts(of: "c1"))
    }

    @Test("events of 1 MiB among small ones reach readers that take little at a time, on both transports at once")
    func largeToSmallReaders() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let streams = try (0..<4).map { try gateway.stream("alpha", receiveBuffer: Int32(2048 << $0)) }
        let sockets = try (0..<2).map { _ in
            try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        }
        var expected: [String] = []
        for number in 0..<18 {
            let padding = String(repeating: "\(number % 10)", count: number % 3 == 0 ? 1 << 20 : 300)
            let data = "{\"channel_id\": \"alpha\", \"job_id\": \"job-\(number)\", \"padding\": \"\(padding)\"}"
            expected.append(eventText(try redis.publish("alpha", data).global, data))
        }
        for stream in streams { #expect(firstDifference(try stream.events(18), expected) == nil) }
        for socket in sockets { #expect(firstDifference(try socket.drain(18), expected) == nil) }
        let figures = try gateway.figures().figures
        #expect(figures.deliveries == 6 * 18)
    }

    @Test("a comment goes out in every interval in which nothing else did")
    func heartbeats() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.pingSocketsIntervalMs = 50 }.open()
        let socket = try TestSocket.connect(port: gateway.port)
        let start = Date()
        try socket.send(EventStreamClient.request(channel: "alpha").text)
        _ = try socket.read(through: "\r\n\r\n")
        _ = try socket.read(through: "\n\n")
        for _ in 0..<10 { #expect(try socket.read(3) == Array(":\n\n".utf8)) }
        #expect(Date().timeIntervalSince(start) > 0.4, "not more often")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(try socket.read(through: "id: \(id)\n").allSatisfy { ":\nid 0123456789-".contains($0) })
        _ = try socket.read(through: "\n\n")
        #expect(try socket.read(3) == Array(":\n\n".utf8))
    }

    @Test("what a client sends behind its request is thrown away, and closed when it does not end")
    func uninvited() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxRequestHeadBytes = 1024 }.open()
        let client = try gateway.stream("alpha")
        try client.socket.send(RequestText("/health").text)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        try client.socket.send([UInt8](repeating: 0x78, count: 1024))
        #expect(try client.remaining().isEmpty)
        client.socket.close()
        try eventually("it is closed") { try gateway.figures().figures.closedByError == 1 }
        // What comes in one piece with the request counts too.
        let request = EventStreamClient.request(channel: "alpha").text
        let other = try TestSocket.connect(port: gateway.port)
        try other.send(request + String(repeating: "x", count: 2000))
        #expect(String(decoding: try other.readToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 200 OK"))
        try eventually("it is closed") { try gateway.figures().figures.closedByError == 2 }
    }

    @Test("a client that closes, resets or ends its side is gone", arguments: [0, 1, 2])
    func gone(how: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxConnectionsPerChannel = 1 }.open()
        let client = try gateway.stream("alpha")
        switch how {
        case 0: client.socket.close()
        case 1: client.socket.reset()
        default: client.socket.shutdownWrite()
        }
        try eventually("it is gone") { try gateway.figures().figures.serverSentEventsConnections == 0 }
        #expect(try gateway.figures().figures.closedByClient == 1)
        _ = try gateway.stream("alpha")
    }

    @Test("the kernel gives up a client that is silent for socketResponseTimeoutMs")
    func userTimeout() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.socketResponseTimeoutMs = 12_345 }.open()
        let stream = try gateway.stream("alpha")
        let socket = try gateway.connect("alpha")
        let port = gateway.port
        #expect(try ProcessFacts.userTimeout(ofPeer: stream.socket.localPort(), onLocalPort: port) == 12_345)
        #expect(try ProcessFacts.userTimeout(ofPeer: socket.socket.localPort(), onLocalPort: port) == 0)
    }

    @Test("a reader that stops is dropped when its window has been closed for that long")
    func zeroWindow() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.socketResponseTimeoutMs = 500 }.open()
        let slow = try gateway.stream("alpha", receiveBuffer: 4096)
        for number in 0..<16 {
            try redis.publish("alpha", sampleEvent("alpha", "\(number)" + String(repeating: "x", count: 1 << 20)))
        }
        try eventually("it is dropped", within: 60) { try gateway.figures().figures.closedByTimeout == 1 }
        withExtendedLifetime(slow) {}
    }

    @Test("connections of the two transports are counted apart, in the gauge and in StatsD")
    func figures() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) { $0.statsd.port = server.port }.open()
        let before = try gateway.figures().figures.bytesSent
        let stream = try gateway.stream("alpha")
        #expect(try server.datagram() == "sse_connected_client:1|c")
        let socket = try gateway.connect("alpha")
        #expect(try server.datagram() == "ws_connected_client:1|c")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        let text = try stream.event()
        _ = try socket.event()
        let figures = try gateway.figures()
        let received = stream.socket.receivedBytes + socket.socket.receivedBytes
        #expect(figures.figures.bytesSent == before + received)
        #expect(received > "id: \(id)\ndata: \n\n".utf8.count + 4 + 2 * text.utf8.count)
        let connections = try #require(Figure.all.first { $0.name == "connections" })
        #expect(connections.samples(in: figures).map(\.value) == [1, 1, 0])
    }
}
