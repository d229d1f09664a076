import Configuration
import Foundation
import Gateway
import Locks
import Metrics
import TestSupport
import Testing

/// A restarted gateway has in memory what was written before it.
@Suite("Filling the log at the start")
struct LogFillTests {
    private static func events(_ count: Int, padding: Int = 0) -> [Twin] {
        let filling = padding > 0 ? ", \"padding\": \"\(String(repeating: "p", count: padding))\"" : ""
        return (0..<count).map { number in
            Twin(
                "alpha", "{\"channel_id\": \"alpha\", \"n\": \(number)\(filling)}", channel: (number * 100, 0),
                global: (number * 100 + 1, 0))
        }
    }

    @Test("a client that comes back after a restart is served from memory, also with its channel's stream gone")
    func fromMemory() throws {
        let events = Self.events(300)
        let redis = try RedisProcess()
        let first = try TestGateway(redis: redis).open()
        let before = try first.connect("alpha")
        try redis.write(events)
        #expect(try before.events(200) == events[..<200].map(\.text))
        first.gateway.stop()
        first.gateway.wait()

        let second = try TestGateway(redis: redis).open()
        try redis.command("DEL", "async-events-alpha")
        let client = try second.connect("alpha", lastID: events[199].globalText)
        try client.expect(events[200...].map(\.text))
        let figures = try second.figures().figures
        #expect(figures.replaysFromMemory == 1)
        #expect(figures.replaysFromChannelStream == 0)
        #expect(second.log.contains("eventsInMemory=300"))
    }

    @Test("every loop has what was filled in", arguments: [1, 3])
    func everyLoop(loops: Int) throws {
        let events = Self.events(20)
        let redis = try RedisProcess()
        try redis.write(events)
        try redis.command("DEL", "async-events-alpha")
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = loops }.open()
        for round in 0..<24 {
            try gateway.connect("alpha", lastID: events[round % 20].globalText)
                .expect(events[(round % 20 + 1)...].map(\.text), "round \(round)")
        }
        #expect(try gateway.figures().figures.replaysFromChannelStream == 0)
    }

    @Test("a stream of many pages is in the log whole and in its order")
    func manyPages() throws {
        let redis = try RedisProcess()
        for start in stride(from: 0, to: 9000, by: 1000) { try redis.burst(1000, channels: 3, first: start) }
        let all = try redis.texts(of: "c1")
        #expect(all.count == 3000)
        let gateway = try TestGateway(redis: redis).open()
        try redis.command("DEL", "async-events-c1", "async-events-full")
        try gateway.connect("c1", lastID: eventID(all[0])).expect(Array(all[1...]))
        try gateway.connect("c1", lastID: eventID(all[2000])).expect(Array(all[2001...]))
        #expect(try gateway.figures().figures.replaysFromMemory == 2)
    }

    @Test("of a stream larger than historyBytes the end is in the log, and what is older comes from Redis")
    func largerThanTheLog() throws {
        let events = Self.events(600, padding: 1000)
        let redis = try RedisProcess()
        try redis.write(events)
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = 200 << 10 }.open()
        // The end is there without Redis' help; so many events fit that a dozen surely do.
        try gateway.connect("alpha", lastID: events[590].globalText).expect(events[591...].map(\.text))
        #expect(try gateway.figures().figures.replaysFromMemory == 1)
        for cut in [0, 1, 299, 350, 400, 420, 440, 460, 480, 500, 520, 560, 598] {
            let client = try gateway.connect("alpha", lastID: events[cut].globalText)
            try client.expect(events[(cut + 1)...].map(\.text), "cut \(cut)")
        }
        try gateway.connect("alpha", lastID: "0-0").expect(events.map(\.text))
        let figures = try gateway.figures().figures
        #expect(figures.replaysFromMemory > 1)
        #expect(figures.replaysFromChannelStream > 1)
    }

    @Test("at every place around the log's first event a client is given what it is owed")
    func aroundTheFloor() throws {
        let events = Self.events(130)
        let redis = try RedisProcess()
        try redis.write(events)
        // The first page is 64 entries, and more than the log is to hold.
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = 1024 }.open()
        #expect(gateway.log.contains("eventsInMemory=64"))
        for cut in 58..<74 {
            for id in [events[cut].globalText, events[cut].channelText, past(events[cut].globalID.milliseconds, 5)] {
                try gateway.connect("alpha", lastID: id).expect(events[(cut + 1)...].map(\.text), "cut \(cut) as \(id)")
            }
        }
    }

    @Test("malformed entries are skipped and counted, wherever they stand", arguments: [1024, 64 << 20])
    func malformed(historyBytes: Int) throws {
        let redis = try RedisProcess()
        var expected: [String] = []
        for number in 0..<200 {
            if number % 3 == 0 || number >= 190 || number < 5 {
                try redis.add("async-events-full", past(number * 10), data: "{\"broken")
            } else {
                let data = sampleEvent("alpha", "\(number)")
                try redis.add("async-events-alpha", past(number * 10), data: data)
                try redis.add("async-events-full", past(number * 10, 1), data: data)
                expected.append(eventText(past(number * 10, 1), data))
            }
        }
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = historyBytes }.open()
        try gateway.connect("alpha", lastID: "0-0").expect(expected)
        let client = try gateway.connect("alpha", lastID: eventID(expected[100]))
        try client.expect(Array(expected[101...]))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "live"))
        try client.expect(ids: [id])
        #expect(try gateway.figures().figures.eventsSkipped == 200 - expected.count)
    }

    @Test("a stream of nothing but malformed entries is filled in as nothing", arguments: [1024, 64 << 20])
    func onlyMalformed(historyBytes: Int) throws {
        let redis = try RedisProcess()
        for number in 0..<150 { try redis.add("async-events-full", past(number), data: "[]") }
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = historyBytes }.open()
        let client = try gateway.connect("alpha", lastID: past(20))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "first"))
        try client.expect(ids: [id])
        try gateway.connect("alpha", lastID: "0-0").expect(ids: [id])
    }

    @Test("events of 1 MiB fill a log of 2 MiB, and all are to be had")
    func largeEvents() throws {
        let events = Self.events(6, padding: 1 << 20)
        let redis = try RedisProcess()
        try redis.write(events)
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = 2 << 20 }.open()
        for cut in 0..<6 {
            let client = try gateway.connect("alpha", lastID: events[cut].globalText)
            #expect(try client.drain(5 - cut).map(eventID) == events[(cut + 1)...].map(\.globalText), "cut \(cut)")
        }
    }

    @Test("large events behind small ones, and small behind large, are filled in, in their order")
    func mixedSizes() throws {
        let redis = try RedisProcess()
        let large = String(repeating: "x", count: 300_000)
        let events = (0..<300).map { number in
            let padding = (60..<70).contains(number) || number == 298 ? large : ""
            return Twin(
                "alpha", "{\"channel_id\": \"alpha\", \"n\": \(number), \"padding\": \"\(padding)\"}",
                channel: (number, 0),
                global: (number, 1))
        }
        try redis.write(events)
        let gateway = try TestGateway(redis: redis).open()
        try redis.command("DEL", "async-events-alpha", "async-events-full")
        try gateway.connect("alpha", lastID: events[0].globalText).expect(ids: events[1...].map(\.globalText))
        try gateway.connect("alpha", lastID: events[297].globalText).expect(events[298...].map(\.text))
    }

    @Test(
        "what was trimmed from the global stream before the start is still found in the channel's",
        arguments: [0, 1, 5, 9])
    func trimmedBefore(kept: Int) throws {
        // Further apart than producerSkewMs, so that nothing needs to come twice.
        let events = (0..<10).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 5000, 0), global: (number * 5000 + 2, 0))
        }
        let redis = try RedisProcess()
        try redis.write(events)
        try redis.command("XTRIM", "async-events-full", "MAXLEN", "\(kept)")
        let gateway = try TestGateway(redis: redis).open()
        let expected = events.enumerated().map { $0 < 10 - kept ? $1.channelText : $1.globalText }
        try gateway.connect("alpha", lastID: "0-0").expect(ids: expected)
        for cut in 0..<9 {
            let client = try gateway.connect("alpha", lastID: expected[cut])
            let got = try client.drain(9 - cut).map(eventID)
            // Where nothing can tell any more what it was the ID of, its event may come again.
            let isKept = cut >= 10 - kept
            let owed = Array(expected[(cut + 1)...])
            #expect(got == owed || (!isKept && got == [expected[cut]] + owed), "cut \(cut)")
        }
    }

    @Test("what was deleted with the global stream before the start is still found in the channel's")
    func deletedBefore() throws {
        let redis = try RedisProcess()
        let events = (0..<10).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 5000, 0), global: (number * 5000 + 2, 0))
        }
        try redis.write(Array(events[..<7]))
        try redis.command("DEL", "async-events-full")
        // Nothing was ever removed from this one.
        try redis.write(Array(events[7...]))
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha", lastID: events[1].channelText)
        try client.expect(ids: events[2..<7].map(\.channelText) + events[7...].map(\.globalText))
    }

    /// What is done to the global stream while it is read.
    enum Removal: CaseIterable, CustomTestStringConvertible {
        case all
        /// What is left is less than was read.
        case most
        /// Just what was read is left.
        case unread
        case stream

        var command: [String] {
            switch self {
            case .all: ["XTRIM", "async-events-full", "MAXLEN", "0"]
            case .most: ["XTRIM", "async-events-full", "MAXLEN", "100"]
            case .unread: ["XTRIM", "async-events-full", "MAXLEN", "320"]
            case .stream: ["DEL", "async-events-full"]
            }
        }

        var testDescription: String { command.joined(separator: " ") }
    }

    @Test(
        "what is removed from the global stream while the log is being filled is still found in its channel's",
        arguments: 2...4, Removal.allCases)
    func trimmedMeanwhile(question: Int, removal: Removal) throws {
        // Further apart than producerSkewMs, so that nothing needs to come twice.
        let events = (0..<600).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 5000, 0), global: (number * 5000 + 2, 0))
        }
        let redis = try RedisProcess()
        try redis.write(events)
        let path = redis.socketPath
        let asked = Mutex(0)
        // How the stream stands, pages of 64, 256 and the rest.
        let relay = try HoldingRelay(to: redis) { name in
            guard ["XINFO", "XREVRANGE"].contains(name),
                asked.withLock({
                    $0 += 1
                    return $0
                }) == question
            else { return }
            do { _ = try RESPConnection(path: path).command(removal.command) } catch { Issue.record(error) }
        }
        let gateway = try TestGateway(redis: redis) {
            $0.eventLoops = 1
            $0.redis.socketPath = relay.path
        }.open()
        #expect(asked.withLock { $0 } >= question)
        for cut in [-1, 150, 279, 280, 400, 599] {
            let client = try gateway.connect("alpha", lastID: cut < 0 ? "0-0" : events[cut].globalText)
            try ClaimedIDTests.settle(gateway)
            let given = try client.barrier().map(eventID)
            // Where nothing can tell any more what the ID was that of, its event may come again.
            let isRepeated = given.count == 600 - cut && given.first == events[max(cut, 0)].globalText
            let owed = events[(isRepeated ? cut : cut + 1)...]
            #expect(
                given.count == owed.count
                    && zip(given, owed).allSatisfy { [$1.globalText, $1.channelText].contains($0) },
                "cut \(cut): \(given.count)")
        }
    }
}
