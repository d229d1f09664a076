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
    }
}
