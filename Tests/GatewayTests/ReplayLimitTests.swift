import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// A storm of clients that come back does not stand in Redis' queue: the rest of them wait here.
@Suite("Replays at once")
struct ReplayLimitTests {
    @Test(
        "no more than 16 rounds are asked for before Redis has answered; who waits is counted, and served when it has",
        arguments: [1, 4])
    func rounds(loops: Int) throws {
        let events = (0..<8).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "job-\(number)"), channel: (number * 10_000, 0),
                global: (number * 10_000 + 1, 0))
        }
        let redis = try RedisProcess()
        let relay = try HoldingRelay(to: redis)
        let settings: (inout Settings) -> Void = {
            $0.eventLoops = loops
            $0.redis.socketPath = relay.path
        }
        let scenario = try ReplayScenario(.nothingOfIt, redis: redis, settings: settings) { try $0.write(events) }
        let gateway = scenario.gateway
        try relay.hold()
        let clients = try (0..<60 * loops).map { number in
            (number % 7, try gateway.connect("alpha", lastID: events[number % 7].globalText))
        }
        try eventually("all of them wait") { try gateway.figures().figures.replaysWaiting == clients.count }
        // All that could be asked has been asked by then. A silence of five seconds ends the connection, and all begins again:
        // with so many as before.
        #expect(try relay.roundsAsked() == 16 / loops)
        // Nobody else is held up.
        let live = try gateway.connect("beta")
        let (_, id) = try redis.publish("beta", sampleEvent("beta", "live"))
        try live.expect(ids: [id])
        #expect(try gateway.figures().figures.replaysWaiting == clients.count)
        #expect(try relay.roundsAsked() == 16 / loops)

        relay.release()
        for (had, client) in clients { try client.expect(events[(had + 1)...].map(\.text)) }
        #expect(try gateway.figures().figures.replaysWaiting == 0)
    }
}
