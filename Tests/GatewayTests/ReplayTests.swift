import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

@Suite("Replay by last_id")
struct ReplayTests {
    /// So many events for a channel, ten seconds apart, written a millisecond apart to the two streams.
    private static func events(_ count: Int, channel: String = "alpha", from start: Int = 0) -> [Twin] {
        (0..<count).map { number in
            let time = start + number * 10_000
            return Twin(channel, sampleEvent(channel, "job-\(number)"), channel: (time, 0), global: (time + 1, 0))
        }
    }

    @Test("what came after the last ID is sent, in order, and then what is live", arguments: Memory.allCases)
    func afterTheLastID(memory: Memory) throws {
        let events = Self.events(8)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let client = try scenario.gateway.connect("alpha", lastID: events[2].globalText)
        try client.expect(events[3...].map(\.text))
        let (_, id) = try scenario.redis.publish("alpha", sampleEvent("alpha", "live"))
        try client.expect([eventText(id, sampleEvent("alpha", "live"))])
    }

    @Test("the newest event as the last ID means that nothing is sent", arguments: Memory.allCases)
    func nothingMissed(memory: Memory) throws {
        let events = Self.events(4)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let client = try scenario.gateway.connect("alpha", lastID: events[3].globalText)
        let (_, id) = try scenario.redis.publish("alpha", sampleEvent("alpha", "live"))
        try client.expect([eventText(id, sampleEvent("alpha", "live"))])
    }

    @Test("only the socket that asked is sent a replay", arguments: Memory.allCases)
    func onlyWhoAsked(memory: Memory) throws {
        let events = Self.events(6)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let bystanders = try (0..<4).map { _ in try scenario.gateway.connect("alpha") }
        let others = try (0..<4).map { _ in try scenario.gateway.connect("beta", lastID: "0-0") }
        let client = try scenario.gateway.connect("alpha", lastID: events[0].globalText)
        try client.expect(events[1...].map(\.text))
        for other in bystanders + others { #expect(try other.barrier().isEmpty) }
    }

    @Test(
        "a blocking read does not hold a replay up: it is there long before the read would end",
        arguments: Memory.allCases)
    func promptness(memory: Memory) throws {
        let events = Self.events(5)
        let scenario = try ReplayScenario(
            memory, settings: { $0.redisStreamReadBlockMs = 600_000 }, write: { try $0.write(events) })
        // The stream is idle from here on, and the reader sits in a read of ten minutes.
        try eventually("the reader blocks") { try scenario.redis.readerClientID() != nil }
        let client = try scenario.gateway.connect("alpha", lastID: events[1].globalText)
        try client.expect(events[2...].map(\.text))
    }

    @Test("0-0 means all that is retained", arguments: Memory.allCases)
    func fromTheBeginning(memory: Memory) throws {
        let events = Self.events(7)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let client = try scenario.gateway.connect("alpha", lastID: "0-0")
        try client.expect(events.map(\.text))
        let (_, id) = try scenario.redis.publish("alpha", sampleEvent("alpha", "live"))
        try client.expect([eventText(id, sampleEvent("alpha", "live"))])
    }

    @Test("0-0 on a channel that never had an event means what comes", arguments: [Memory.everything, .nothingOfIt])
    func fromTheBeginningOfNothing(memory: Memory) throws {
        let scenario = try ReplayScenario(memory) { try $0.write(Self.events(3)) }
        let client = try scenario.gateway.connect("quiet", lastID: "0-0")
        #expect(try client.barrier().isEmpty)
        let (_, id) = try scenario.redis.publish("quiet", sampleEvent("quiet", "live"))
        try client.expect([eventText(id, sampleEvent("quiet", "live"))])
    }

    @Test("an ID of another channel is a point in time", arguments: Memory.allCases)
    func anotherChannelsID(memory: Memory) throws {
        let events = Self.events(6)
        let others = Self.events(6, channel: "beta", from: 5000)
        let scenario = try ReplayScenario(memory) { try $0.write(events + others) }
        for id in [others[2].globalText, others[2].channelText] {
            let client = try scenario.gateway.connect("alpha", lastID: id)
            try client.expect(events[3...].map(\.text), "\(id)")
        }
    }

    @Test("an ID that stands in no stream is a point in time", arguments: Memory.allCases)
    func pointInTime(memory: Memory) throws {
        let events = Self.events(6)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let client = try scenario.gateway.connect("alpha", lastID: past(25_000, 17))
        try client.expect(events[3...].map(\.text))
    }

    @Test("more than a hundred events, and more than a thousand, are replayed whole", arguments: Memory.allCases)
    func manyEvents(memory: Memory) throws {
        let redis = try RedisProcess()
        var expected: [String] = []
        let scenario = try ReplayScenario(memory, redis: redis) { redis in
            for start in stride(from: 0, to: 6000, by: 500) {
                try redis.burst(500, channels: 2, first: start)
            }
            expected = try redis.texts(of: "c0")
        }
        #expect(expected.count == 3000)
        let client = try scenario.gateway.connect("c0", lastID: "0-0")
        try client.expect(expected)
        let middle = try scenario.gateway.connect("c0", lastID: eventID(expected[2849]))
        try middle.expect(Array(expected[2850...]))
    }

    @Test("large events are replayed whole, to a socket that takes little at a time", arguments: Memory.allCases)
    func largeEvents(memory: Memory) throws {
        let events = (0..<6).map { number in
            let padding = String(repeating: "\(number)", count: 700_000)
            return Twin(
                "alpha", "{\"channel_id\": \"alpha\", \"padding\": \"\(padding)\"}", channel: (number * 3000, 0),
                global: (number * 3000 + 2, 0))
        }
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let client = try WebSocketClient(
            port: scenario.gateway.port, channel: "alpha", lastID: events[0].globalText, receiveBuffer: 4096)
        let texts = try client.drain(5)
        #expect(texts.map(eventID) == events[1...].map(\.globalText))
        #expect(texts == events[1...].map(\.text))
    }

    @Test("a storm of clients that come back at once is served, each with its own", arguments: Memory.allCases)
    func storm(memory: Memory) throws {
        let channels = (0..<10).map { "channel-\($0)" }
        let events = channels.enumerated().flatMap { Self.events(6, channel: $1, from: $0 * 700) }
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        var clients: [(WebSocketClient, [String])] = []
        for round in 0..<6 {
            for channel in channels {
                let own = events.filter { $0.channel == channel }
                clients.append(
                    (
                        try scenario.gateway.connect(channel, lastID: own[round].globalText),
                        own[(round + 1)...].map(\.text)
                    ))
            }
        }
        for (client, expected) in clients { try client.expect(expected) }
    }

    @Test("a client that leaves while its replay is read harms nobody", arguments: [Memory.nothingOfIt])
    func leavingInTheMiddle(memory: Memory) throws {
        let events = Self.events(40)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        for round in 0..<60 {
            let socket = try TestSocket.connect(port: scenario.gateway.port)
            try socket.send(WebSocketClient.request(channel: "alpha", lastID: events[round % 40].globalText))
            if round % 2 == 0 { socket.reset() } else { socket.close() }
        }
        let client = try scenario.gateway.connect("alpha", lastID: events[9].globalText)
        try client.expect(events[10...].map(\.text))
    }

    @Test("an entry in the channel's stream that names another channel is not sent")
    func foreignEntry() throws {
        let events = Self.events(4)
        let scenario = try ReplayScenario(.nothingOfIt) { redis in
            for event in events {
                try redis.addEvent("alpha", event.data, channelID: event.channelText, globalID: event.globalText)
                let time = event.channelID.milliseconds + 10
                try redis.add("async-events-alpha", past(time), data: sampleEvent("beta", "foreign"))
                try redis.add("async-events-alpha", past(time, 1), data: "{\"broken")
                try redis.command("XADD", "async-events-alpha", past(time, 2), "other", "field")
            }
        }
        let client = try scenario.gateway.connect("alpha", lastID: "0-0")
        try client.expect(events.map(\.text))
    }

    @Test("a channel whose key in Redis is no stream has no history, and does not disturb the replays of others")
    func wrongType() throws {
        let events = Self.events(4)
        let oneLoop: (inout Settings) -> Void = { $0.eventLoops = 1 }
        let scenario = try ReplayScenario(.nothingOfIt, settings: oneLoop) { redis in
            try redis.write(events)
            try redis.command("SET", "async-events-odd", "a string")
        }
        let odd = try scenario.gateway.connect("odd", lastID: "1-1")
        for _ in 0..<5 {
            let client = try scenario.gateway.connect("alpha", lastID: events[1].globalText)
            try client.expect(events[2...].map(\.text))
        }
        let id = try scenario.redis.add("async-events-full", data: sampleEvent("odd", "live"))
        try odd.expect([eventText(id, sampleEvent("odd", "live"))])
        #expect(try scenario.gateway.figures().figures.redisReconnects == 0)
    }

    // MARK: Figures

    @Test("a replay from memory needs neither the channel's stream nor the global one")
    func fromMemory() throws {
        let events = Self.events(5)
        let scenario = try ReplayScenario(.everything) { try $0.write(events) }
        try scenario.redis.command("DEL", "async-events-alpha", "async-events-full")
        let client = try scenario.gateway.connect("alpha", lastID: events[1].globalText)
        try client.expect(events[2...].map(\.text))
        let figures = try scenario.gateway.figures().figures
        #expect(figures.replaysFromMemory == 1)
        #expect(figures.replaysFromChannelStream == 0)
    }

    @Test("a replay past the end of the log is counted as read from the channel's stream")
    func fromChannelStream() throws {
        let events = Self.events(5)
        let scenario = try ReplayScenario(.nothingOfIt) { try $0.write(events) }
        let client = try scenario.gateway.connect("alpha", lastID: events[1].globalText)
        try client.expect(events[2...].map(\.text))
        let figures = try scenario.gateway.figures().figures
        #expect(figures.replaysFromMemory == 0)
        #expect(figures.replaysFromChannelStream == 1)
        #expect(figures.eventsReplayed == 3)
        #expect(figures.gaps == 0)
    }

    // MARK: Without a last ID

    @Test("replayRecentMs gives a connection without last_id what is recent, and no more", arguments: [1024, 64 << 20])
    func recent(historyBytes: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.replayRecentMs = 60_000
            $0.historyBytes = historyBytes
        }.open()
        let now = Int(Date().timeIntervalSince1970 * 1000)
        for age in [3_600_000, 600_000, 120_000] {
            let id = "\(now - age)-0"
            try redis.addEvent("alpha", sampleEvent("alpha", "old-\(age)"), channelID: id, globalID: id)
        }
        var recent: [String] = []
        for age in [30_000, 20_000, 10_000] {
            let data = sampleEvent("alpha", "recent-\(age)")
            try redis.addEvent("alpha", data, channelID: "\(now - age)-0", globalID: "\(now - age)-3")
            recent.append(eventText("\(now - age)-3", data))
        }
        try ReplayScenario.addFiller(redis, bytes: 4096)
        try ReplayScenario.hasRead(gateway, redis)
        let client = try gateway.connect("alpha")
        try client.expect(recent)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "live"))
        try client.expect([eventText(id, sampleEvent("alpha", "live"))])

        // Who says what it has had is taken at its word.
        let knowing = try gateway.connect("alpha", lastID: eventID(recent[2]))
        try knowing.expect([eventText(id, sampleEvent("alpha", "live"))])
        // A malformed one counts as none.
        let malformed = try gateway.connect("alpha", lastID: "null")
        #expect(try malformed.drain(4).count == 4)
    }

    @Test("replayRecentMs is 0 by default: a connection without last_id is given nothing from before")
    func recentIsOff() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        try redis.publish("alpha", sampleEvent("alpha", "before"))
        try ReplayScenario.hasRead(gateway, redis)
        #expect(try gateway.connect("alpha").barrier().isEmpty)
    }

    // MARK: Malformed

    static let malformed: [String] =
        [
            "abc", "null", "undefined", "-", "-1", "1-", "--", "1--1", "1-1-1", "1-1-", "-1-1", "$", ">", "*", "(1-1",
            "+",
            "0x10-0", "1.5-0", "1e3-0", "1-x", "x-1", "1_0-0", "1,0-0", "1-1;", "'1-1'", "%2B1-1", "1-%2B1", "1%201-1",
            "%201-1", "1-1%20", "1-1%00", "%001-1", "1-1%0D%0AX-Injected:%20yes", "1%0A-1", "%1B%5B31m1-1", "1-1%7F",
            "1-1%09",
            "%FF%FE", "%EF%BC%91-%EF%BC%90", "18446744073709551616-0", "1-18446744073709551616",
            "99999999999999999999-99999999999999999999",
        ] + [
            String(repeating: "9", count: 40), "1-" + String(repeating: "9", count: 40),
            String(repeating: "1", count: 40) + "-0",
            String(repeating: "-", count: 500),
        ]

    @Test("a malformed last_id counts as none, and is logged at debug without its control characters")
    func malformedIDs() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        for _ in 0..<3 { try redis.publish("alpha", sampleEvent("alpha", "before")) }
        try ReplayScenario.hasRead(gateway, redis)
        for text in Self.malformed {
            let client = try gateway.connect("alpha", lastID: text)
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
            try client.expect([eventText(id, sampleEvent("alpha", "now"))], "\(text)")
            client.socket.close()
            try gateway.settle()
        }
        let lines = gateway.log.lines.filter { $0.contains("last_id") }
        #expect(lines.count == Self.malformed.count)
        for line in lines {
            #expect(line.hasPrefix("debug"), "\(line.debugDescription)")
            #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "\(line.debugDescription)")
        }
    }

    @Test("an empty last_id is none, and nothing to speak of")
    func emptyID() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        try redis.publish("alpha", sampleEvent("alpha", "before"))
        try ReplayScenario.hasRead(gateway, redis)
        #expect(try gateway.connect("alpha", lastID: "").barrier().isEmpty)
        #expect(!gateway.log.contains("malformed last_id"))
    }

    @Test("an ID far beyond all that Redis has given out means: from now on", arguments: Memory.allCases)
    func beyondTheEnd(memory: Memory) throws {
        let scenario = try ReplayScenario(memory) { try $0.write(Self.events(3)) }
        for id in ["99999999999999-0", "18446744073709551615-18446744073709551615", "9999999999999-5"] {
            let client = try scenario.gateway.connect("alpha", lastID: id)
            let (_, live) = try scenario.redis.publish("alpha", sampleEvent("alpha", "live"))
            try client.expect([eventText(live, sampleEvent("alpha", "live"))], "\(id)")
            client.socket.close()
            try scenario.gateway.settle()
        }
    }
}
