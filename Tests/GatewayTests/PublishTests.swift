import Configuration
import Foundation
import Gateway
import Metrics
import Synchronization
import TestSupport
import Testing

/// `POST /api/publish`: what is written, how often, and what the client is told.
@Suite("Publishing")
struct PublishTests {
    @Test("an event is written to both streams as a producer does it, and everybody gets it under the ID of the answer")
    func publish() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let socket = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        for data in [
            sampleEvent("alpha", "job-1"), "{\"channel_id\":\"alpha\"}",
            " {\"a\" : 1.0,\n \"\\u0063hannel_id\": \"alpha\" }\n",
            "{\"channel_id\": \"beta\", \"channel_id\": \"alpha\", \"id\": \"mine\"}",
        ] {
            let answer = try gateway.publish(data, to: ["beta", "alpha"])
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.field("Content-Type") == "application/json")
            #expect(answer.field("Cache-Control") == "no-store")
            #expect(answer.field("Connection") == "keep-alive")
            let id = try #require(answer.publishedID)
            #expect(try redis.entries().last == StreamEntry(id: id, data: data))
            #expect(try redis.entries("async-events-alpha").last?.data == data)
            #expect(try socket.event() == eventText(id, data))
            #expect(eventID(try stream.event()) == id)
        }
        #expect(try redis.command("KEYS", "*").count == 2, "nothing else is written")
        #expect(try gateway.figures().figures.publishesAdded == 4)
        #expect(try gateway.figures().figures.eventsSkipped == 0)
    }

    @Test("streams are kept as long as producers keep them")
    func limits() throws {
        let redis = try RedisProcess(arguments: ["--stream-node-max-entries", "1"])
        let gateway = try TestGateway.quiet(redis).open()
        // Each XADD removes a hundred at the most.
        try redis.burst(1050, channels: 1)
        _ = try gateway.publish("{\"channel_id\": \"c0\"}", to: ["c0"])
        #expect(try redis.entries("async-events-c0").count == 1000)
        #expect(try redis.entries().count == 1051)
    }

    @Test(
        "a body may come in chunks, in small pieces, or behind a 100 Continue; the connection serves the next request")
    func bodies() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let socket = try TestSocket.connect(port: gateway.port)
        let data = "{\"channel_id\": \"alpha\", \"n\": 1}"
        let request = TestGateway.publishRequest()

        try socket.send(request.adding("Transfer-Encoding: chunked").text)
        for character in "5;x=y\r\n" + data.prefix(5) + "\r\n" + String(data.utf8.count - 5, radix: 16) + "\r\n"
            + data.dropFirst(5) + "\r\n0\r\nTrailer: x\r\n\r\n"
        {
            try socket.send(String(character))
        }
        #expect(try HTTPAnswer.read(from: socket).publishedID == redis.entries().last?.id)

        try socket.send(request.adding("Content-Length: \(data.utf8.count)", "Expect: 100-Continue").text)
        #expect(try socket.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        try socket.send(data)
        #expect(try HTTPAnswer.read(from: socket).publishedID == redis.entries().last?.id)

        // Two at once, and a plain one behind them, answered in order.
        let whole = request.adding("Content-Length: \(data.utf8.count)").text + data
        try socket.send(whole + whole + RequestText("/health").text)
        let first = try #require(try HTTPAnswer.read(from: socket).publishedID)
        let second = try #require(try HTTPAnswer.read(from: socket).publishedID)
        #expect(try HTTPAnswer.read(from: socket).body == "OK")
        #expect(try redis.entries().map(\.id).suffix(2) == [first, second])

        let last = try TestSocket.connect(port: gateway.port)
        try last.send(request.adding("Content-Length: \(data.utf8.count)", "Connection: close").text + data)
        #expect(try HTTPAnswer.read(from: last).field("Connection") == "close")
        #expect(try last.ending() == .finished)
        #expect(try redis.entries().allSatisfy { $0.data == data })
        #expect(try redis.entries().count == 5)
    }

    @Test("a large event goes through, over TLS too", arguments: [false, true])
    func large(overTLS: Bool) throws {
        let redis = try RedisProcess()
        let gateway = try (overTLS ? TestGateway.secure(redis) : TestGateway.quiet(redis)).open()
        let data = "{\"channel_id\": \"alpha\", \"p\": \"\(String(repeating: "p", count: 1_000_000))\"}"
        #expect(try gateway.publish(data).publishedID != nil)
        #expect(try redis.entries().last?.data == data)
    }

    // MARK: Idempotency

    @Test("a repeat under the same key is given the same ID, and nothing is written; from another gateway too")
    func idempotency() throws {
        let redis = try RedisProcess()
        let gateways = try (0..<2).map { _ in try TestGateway.quiet(redis) { $0.idempotencyKeyMs = 60_000 }.open() }
        let data = sampleEvent("alpha", "once")
        let first = try gateways[0].publish(data, key: "\"8e03978e-40d5\"")
        let id = try #require(first.publishedID)
        #expect(first.field("Idempotent-Replayed") == nil)
        for (index, key) in [(0, "\"8e03978e-40d5\""), (1, "8e03978e-40d5"), (1, "\"8e03978e-40d5\"")] {
            let again = try gateways[index].publish(data, key: key)
            #expect(again.publishedID == id)
            #expect(again.field("Idempotent-Replayed") == "true")
        }
        #expect(try redis.entries().count == 1)
        #expect(try redis.entries("async-events-alpha").count == 1)

        // Another body, another channel, another key, none.
        let other = try gateways[1].publish(sampleEvent("alpha", "another"), key: "8e03978e-40d5")
        #expect(other.status == 422)
        #expect(other.body == "Something else was published under this Idempotency-Key.\n")
        #expect(try redis.entries().count == 1)
        #expect(try gateways[1].publish(sampleEvent("beta", "once"), to: ["beta"], key: "8e03978e-40d5").status == 200)
        #expect(try gateways[0].publish(data, key: "8e03978e-40d6").publishedID != id)
        #expect(try gateways[0].publish(data).publishedID != id)
        #expect(try redis.entries().count == 4)

        let keys = try redis.command("KEYS", "async-events-idempotency:*")
        #expect(keys.count == 3)
        let record = "async-events-idempotency:{async-events-full}:13:8e03978e-40d5:alpha"
        let left = try #require(Int(try redis.command("PTTL", record).text))
        #expect((1...60_000).contains(left))
        #expect(try gateways[1].figures().figures.publishesRepeated == 2)
    }

    @Test("of many at once under one key, at several gateways, one is written and all are given its ID")
    func concurrently() throws {
        let redis = try RedisProcess()
        let gateways = try (0..<2).map { _ in try TestGateway.quiet(redis).open() }
        for round in 0..<5 {
            let data = sampleEvent("alpha", "round \(round)")
            let request =
                TestGateway.publishRequest(key: "round-\(round)").adding("Content-Length: \(data.utf8.count)").text
                + data
            let sockets = try (0..<16).map { try TestSocket.connect(port: gateways[$0 % 2].port) }
            for socket in sockets { try socket.send(request) }
            let ids = try sockets.map { try HTTPAnswer.read(from: $0).publishedID }
            #expect(Set(ids).count == 1)
            #expect(ids[0] == (try redis.entries().last?.id))
        }
        #expect(try redis.entries().count == 5)
        #expect(try redis.entries("async-events-alpha").count == 5)
    }

    // MARK: Faults

    @Test("while Redis is away it is 503 at once, and nothing is written; when it is back it goes on")
    func away() throws {
        let redis = try RedisProcess(persistent: true)
        let gateway = try TestGateway.quiet(redis).open()
        let data = sampleEvent("alpha", "x")
        #expect(try gateway.publish(data).status == 200)
        redis.kill()
        try eventually("the loss is noticed") { try gateway.publish(data).status == 503 }
        let answer = try gateway.publish(data)
        #expect(answer.status == 503)
        #expect(answer.body == "Redis cannot be reached; nothing was written.\n")
        #expect(answer.field("Retry-After") == "1")
        try redis.start()
        let before = try redis.entries().count
        var id: String?
        try eventually("it is written again") {
            id = try gateway.publish(data).publishedID
            return id != nil
        }
        #expect(try redis.entries().count == before + 1)
        #expect(try redis.entries().last?.id == id)
        #expect(try gateway.figures().figures.publishesUnavailable > 0)
    }

    @Test("when Redis is lost after the event was sent the client is told that nobody knows, and repeats it by its key")
    func unknown() throws {
        let redis = try RedisProcess(persistent: true)
        // One loop: the connection for writing stands.
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.open()
        let data = sampleEvent("alpha", "x")
        #expect(try gateway.publish(data).status == 200)
        redis.suspend()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(
            TestGateway.publishRequest(key: "k").adding("Content-Length: \(data.utf8.count)").text + data)
        // Taken by the gateway: its loops answer in turn.
        _ = try gateway.get("/health")
        try gateway.settle()
        redis.kill()
        let answer = try HTTPAnswer.read(from: socket, toHead: false)
        #expect(answer.status == 504)
        #expect(answer.body.contains("may have been written or not"))
        #expect(try gateway.figures().figures.publishesUnknown == 1)
        try redis.start()
        var ids: Set<String> = []
        for _ in 0..<3 {
            try eventually("it is written") {
                guard let id = try gateway.publish(data, key: "k").publishedID else { return false }
                ids.insert(id)
                return true
            }
        }
        #expect(ids.count == 1)
        #expect(try redis.entries().count == 2)
    }

    @Test("what Redis refuses is 503, and the log says why")
    func refusedByRedis() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let data = sampleEvent("alpha", "x")
        try redis.command("SET", "async-events-alpha", "no stream")
        let answer = try gateway.publish(data)
        #expect(answer.status == 503)
        #expect(answer.body == "Redis does not take the event; nothing was written.\n")
        #expect(
            gateway.log.lines.contains { $0.contains("an event could not be published") && $0.contains("WRONGTYPE") })
        #expect(try redis.command("EXISTS", "async-events-full").text == "0")
        try redis.command("DEL", "async-events-alpha")
        try redis.command("CONFIG", "SET", "maxmemory", "1")
        #expect(try gateway.publish(data).status == 503)
        try redis.command("CONFIG", "SET", "maxmemory", "0")
        #expect(try gateway.publish(data).status == 200, "the connection was kept")
    }

    @Test("no more than maxPublishesInFlight are received at once; a slot is free again when its client is gone")
    func inFlight() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.maxPublishesInFlight = 2
        }.open()
        let data = sampleEvent("alpha", "x")
        let slow = try (0..<2).map { _ in try TestSocket.connect(port: gateway.port) }
        for socket in slow {
            try socket.send(
                TestGateway.publishRequest().adding("Content-Length: \(data.utf8.count)", "Expect: 100-continue").text)
            _ = try socket.read(through: "\r\n\r\n")
        }
        let answer = try gateway.publish(data)
        #expect(answer.status == 503)
        #expect(answer.body == "Too many events are being published; nothing was written.\n")
        #expect(answer.field("Retry-After") != nil)
        slow[0].close()
        try eventually("the slot is free") { try gateway.publish(data).status == 200 }
        try slow[1].send(data)
        #expect(try HTTPAnswer.read(from: slow[1]).status == 200)
        #expect(try gateway.publish(data).status == 200)
    }

    @Test("a body that does not come in time ends with 408")
    func slowBody() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 300 }.open()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(TestGateway.publishRequest().adding("Content-Length: 10").text + "{\"chan")
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 408)
        #expect(answer.body == "The body did not arrive in time.\n")
        #expect(try socket.ending() == .finished)
    }

    @Test("an event that is being written when the gateway drains is answered; a new one is 503")
    func draining() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 60_000 }.open()
        let data = sampleEvent("alpha", "x")
        let text = TestGateway.publishRequest().adding("Content-Length: \(data.utf8.count)").text
        let begun = try TestSocket.connect(port: gateway.port)
        try begun.send(text + data.prefix(10))
        let waiting = try gateway.connect("alpha")
        try gateway.settle()
        gateway.gateway.drain()
        try eventually("it drains") { try gateway.get("/ready").status == 503 }
        #expect(try gateway.publish(data).status == 503)
        try begun.send(String(data.dropFirst(10)))
        #expect(try HTTPAnswer.read(from: begun).publishedID != nil)
        _ = waiting
    }
}

extension RESPValue {
    /// How many elements an array has.
    fileprivate var count: Int {
        if case .array(let elements) = self { return elements.count }
        return 0
    }
}
