import Configuration
import Foundation
import Gateway
import Metrics
import ServerSentEvents
import TestSupport
import Testing

/// Promise 1 for event streams.
@Suite("Event streams: replay")
struct EventStreamReplayTests {
    private static func events(_ count: Int) -> [Twin] {
        (0..<count).map { number in
            let time = number * 10_000
            return Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (time, 0), global: (time + 1, 0))
        }
    }

    /// The next events are these, and behind them nothing but what is live.
    private func expect(_ client: EventStreamClient, _ texts: [String], _ redis: RedisProcess) throws {
        let data = sampleEvent("alpha", "live-\(UUID().uuidString)")
        let (_, id) = try redis.publish("alpha", data)
        let expected = texts + [eventText(id, data)]
        #expect(firstDifference(try client.events(expected.count), expected) == nil)
    }

    @Test("what came after the last ID is sent, in order, and then what is live", arguments: Memory.allCases)
    func resume(memory: Memory) throws {
        let events = Self.events(8)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        for (header, query, first) in [
            (events[2].globalText, nil, 3),
            (nil, "last_id=\(events[4].globalText)", 5),
            // What a browser was given last counts, and not what stands in its page's URL.
            (events[5].globalText, "last_id=\(events[1].globalText)", 6),
            (events[1].globalText, "x=1&last_id=\(events[5].globalText)", 2),
            // Nobody can have been given such an ID by the gateway: then what the URL says.
            ("none", "last_id=\(events[5].globalText)", 6),
            ("", "last_id=\(events[5].globalText)", 6),
            ("0-0", nil, 0),
        ] as [(String?, String?, Int)] {
            let client = try scenario.gateway.stream("alpha", lastEventID: header, query: query)
            #expect(firstDifference(try client.events(8 - first), events[first...].map(\.text)) == nil)
        }
        let last = try scenario.gateway.stream("alpha", lastEventID: events[6].globalText)
        try expect(last, [events[7].text], scenario.redis)
    }

    @Test("without an ID nothing from before is sent, and one that is malformed counts as none")
    func newcomer() throws {
        let scenario = try ReplayScenario(.everything) { try $0.write(Self.events(3)) }
        for (header, query) in [(nil, nil), ("abc", nil), (nil, "last_id=1-"), ("-", "last_id=$")]
            as [(String?, String?)]
        {
            let client = try scenario.gateway.stream("alpha", lastEventID: header, query: query)
            try expect(client, [], scenario.redis)
            try scenario.gateway.settle()
        }
    }

    @Test("a client cut off before its first event comes back with what it was told, and misses nothing")
    func cutOffBeforeTheFirst() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        try redis.publish("alpha", sampleEvent("alpha", "before"))
        try redis.publish("beta", sampleEvent("beta", "before"))
        // The position is a millisecond's end: what is written in this one is not "before".
        let now = try redis.milliseconds()
        try eventually("the next millisecond") { try redis.milliseconds() > now + 1 }
        try redis.publish("beta", sampleEvent("beta", "since"))
        try eventually("it is read") { try gateway.figures().figures.eventsRead == 3 }
        try gateway.settle()
        let client = try gateway.stream("alpha")
        #expect(!client.lastEventID.isEmpty)
        client.socket.close()
        let data = sampleEvent("alpha", "in between")
        let (_, id) = try redis.publish("alpha", data)
        let back = try gateway.stream("alpha", lastEventID: client.lastEventID)
        try expect(back, [eventText(id, data)], redis)
    }

    @Test("who comes back at any moment of a busy stream gets every event once and in order")
    func seam() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 64 << 10 }.open()
        let path = redis.socketPath
        var client = try gateway.stream("alpha", lastEventID: "0-0")
        let writer = Background { _ in
            let producer = try Producer(socketPath: path, channel: "alpha")
            for number in 0..<1500 { try producer.publish(sampleEvent("alpha", "job-\(number)")) }
        }
        var texts: [String] = []
        while texts.count < 1500 {
            for _ in 0..<min(60, 1500 - texts.count) { texts.append(try client.event()) }
            client = try gateway.stream("alpha", lastEventID: client.lastEventID)
        }
        try writer.join()
        #expect(firstDifference(texts.map(withoutID), try redis.texts(of: "alpha").map(withoutID)) == nil)
    }

    @Test("a reader that stops and reads on gets every event once and in order, past the end of the log too")
    func slowReader() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1 << 20 }.open()
        let slow = try gateway.stream("alpha", receiveBuffer: 4096)
        let quick = try gateway.stream("alpha")
        let padding = String(repeating: "p", count: 40_000)
        var expected: [String] = []
        for number in 0..<300 {
            let data = "{\"channel_id\": \"alpha\", \"n\": \(number), \"padding\": \"\(padding)\"}"
            expected.append(eventText(try redis.publish("alpha", data).global, data))
            #expect(try quick.event() == expected[number])
        }
        #expect(firstDifference(try slow.events(300, deadline: Deadline(seconds: 60)), expected) == nil)
        #expect(try gateway.figures().figures.replaysFromChannelStream > 0, "the log alone could serve it")
        try expect(slow, [], redis)
    }

    @Test("when what a slow reader is owed is gone for good its stream ends, and no event is skipped")
    func slowAndGone() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.historyBytes = 1 << 20
        }.open()
        let slow = try gateway.stream("alpha", receiveBuffer: 4096)
        let quick = try gateway.stream("alpha")
        var expected: [String] = []
        for number in 0..<400 {
            let data = sampleEvent("alpha", "\(number)-" + String(repeating: "x", count: 32_000))
            expected.append(eventText(try redis.publish("alpha", data).global, data))
            #expect(try quick.event() == expected[number])
        }
        try redis.command("XTRIM", "async-events-alpha", "MAXLEN", "2")
        try redis.command("XTRIM", "async-events-full", "MAXLEN", "2")
        let texts = try slow.remaining(deadline: Deadline(seconds: 60)).map(\.text)
        #expect(texts.count < 398)
        #expect(firstDifference(texts, Array(expected.prefix(texts.count))) == nil)
        #expect(try gateway.figures().figures.closedAsSlow == 1)
        #expect(try gateway.figures().figures.serverSentEventsConnections == 1)
    }
}
