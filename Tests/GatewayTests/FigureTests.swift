import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// The figures agree with what happened, to the unit.
@Suite("Figures")
struct FigureTests {
    @Test("connections, deliveries, bytes and ends by reason add up")
    func sums() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 3 }.ready()
        #expect(try gateway.figures().figures.redisConnected == 1)
        let readers = try (0..<7).map { _ in try gateway.connect("alpha") }
        let others = try (0..<5).map { _ in try gateway.connect("beta") }
        for job in 0..<20 {
            try redis.publish("alpha", sampleEvent("alpha", "job-\(job)"))
            if job % 4 == 0 { try redis.publish("beta", sampleEvent("beta", "job-\(job)")) }
            if job % 5 == 0 { try redis.publish("nobody", sampleEvent("nobody", "job-\(job)")) }
        }
        for reader in readers { _ = try reader.events(20) }
        for other in others { _ = try other.events(5) }
        try redis.add("async-events-full", data: "not an object")
        try eventually("all have been read") { try gateway.figures().figures.eventsRead == 30 }
        var figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 12)
        #expect(figures.deliveries == 7 * 20 + 5 * 5)
        #expect(figures.deliveryLatency.count == figures.deliveries)
        #expect(figures.eventsSkipped == 1)

        try readers[0].send(opcode: 8, [])
        readers[1].socket.close()
        readers[2].socket.reset()
        try readers[3].send(opcode: 3, [])
        try others[0].send(opcode: 1, [0xFF])
        try eventually("five have gone") { try gateway.figures().figures.webSocketConnections == 7 }
        figures = try gateway.figures().figures
        #expect(figures.closedByClient == 3)
        #expect(figures.closedByError == 2)
        #expect(figures.closedByTimeout + figures.closedAsSlow + figures.closedByDrain + figures.closedAsExpired == 0)
        #expect(figures.deliveries == 7 * 20 + 5 * 5)
        withExtendedLifetime((readers, others)) {}
    }

    @Test("a connection that ends twice is counted once")
    func once() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for _ in 0..<20 {
            let client = try gateway.connect("alpha")
            // A breach, a close frame and the end of the stream at once.
            try client.socket.send(
                WebSocketClient.frame(opcode: 3, []) + WebSocketClient.frame(opcode: 8, []) + [0, 0, 0])
            client.socket.close()
        }
        try eventually("all have gone") { try gateway.figures().figures.webSocketConnections == 0 }
        let figures = try gateway.figures().figures
        #expect(figures.closedByError + figures.closedByClient == 20)
    }

    @Test("when Redis is away the figure says so")
    func redisAway() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        redis.kill()
        try eventually("it is noticed") { try gateway.figures().figures.redisConnected == 0 }
        try redis.start()
        try eventually("it is back") { try gateway.figures().figures.redisConnected == 1 }
        // One connection reads, and each of the two loops has one for ranges.
        try eventually("all have reconnected") { try gateway.figures().figures.redisReconnects >= 3 }
    }

    @Test("figures of a gateway that has ended are nil")
    func ended() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        gateway.gateway.stop()
        gateway.gateway.wait()
        #expect(gateway.gateway.figures() == nil)
    }

    @Test("the stream's lag is the age of what was read last, and 0 again when nothing comes")
    func streamLag() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.redisStreamReadBlockMs = 60_000 }.ready()
        try redis.add("async-events-full", "1700000000000-0", data: sampleEvent("alpha", "old"))
        try eventually("the event's age is told") { try gateway.figures().figures.streamLagMilliseconds > 1_000_000 }

        let idle = try TestGateway(redis: redis) { $0.redisStreamReadBlockMs = 20 }.ready()
        try redis.add("async-events-full", "1700000000001-0", data: sampleEvent("alpha", "old"))
        try eventually("the event was read") { try idle.figures().figures.eventsRead == 1 }
        try eventually("the stream is idle") { try idle.figures().figures.streamLagMilliseconds == 0 }
    }
}
