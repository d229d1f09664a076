import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Where another primary takes over, one gateway may follow it sooner than the other. A client that comes from the one to the
/// other brings an ID of a stream that is yet to come there.
@Suite("An ID of another primary's stream")
struct ClaimedIDTests {
    private static let padding = String(repeating: "x", count: 60_000)

    static func event(_ number: Int, padding: String = "") -> String {
        "{\"channel_id\": \"alpha\", \"n\": \(number), \"p\": \"\(padding)\"}"
    }

    private static func number(_ text: String) throws -> Int {
        let start = try #require(text.range(of: "\"n\": ")).upperBound
        return try #require(Int(text[start...].prefix { $0.isNumber }))
    }

    /// The stream is another primary's from now on: it has these of the events before in common, and others of its own. Their
    /// numbers are their IDs.
    /// - Parameter orphan: one of the events before that the channel's stream has kept, though the global one has not.
    static func change(
        _ redis: RedisProcess, common: [(id: Int, data: String)], new: [Int], orphan: Int? = nil
    ) throws {
        let old = common.map { StreamBreakTests.add("full", past($0.id), $0.data) }
        let own = (new + [orphan].compactMap { $0 }).sorted().flatMap { number in
            ["alpha", "full"].filter { $0 == "alpha" || number != orphan }
                .map { StreamBreakTests.add($0, past(number), event(number)) }
        }
        try StreamBreakTests.transaction(redis, [["DEL", "async-events-full", "async-events-alpha"]] + old + own)
    }

    /// A gateway whose replays can be held.
    static func relayed(historyBytes: Int = 1 << 20) throws -> (RedisProcess, HoldingRelay, TestGateway) {
        let redis = try RedisProcess()
        let relay = try HoldingRelay(to: redis)
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.historyBytes = historyBytes
            $0.redis.socketPath = relay.path
        }.open()
        return (redis, relay, gateway)
    }

    /// Entries of another channel are removed before they are read.
    static func removeUnread(_ redis: RedisProcess, _ id: Int) throws {
        try StreamBreakTests.transaction(
            redis,
            [id, id + 1].map { StreamBreakTests.add("full", past($0), "{\"channel_id\": \"beta\"}") } + [
                ["XTRIM", "async-events-full", "MAXLEN", "0"]
            ])
    }

    /// Once nobody waits for an answer from Redis.
    static func settle(_ gateway: TestGateway) throws {
        try gateway.settle()
        try eventually("nobody waits for Redis") { try gateway.figures().figures.replaysWaiting == 0 }
    }

    @Test(
        "what another gateway has given of it is not given again; with an ID of neither stream all of it is",
        arguments: [
            (3500, [5000, 6000]), (5000, [6000]), (3700, [2500, 3500, 5000, 6000]), (7000, [2500, 3500, 5000, 6000]),
        ])
    func hop(id: Int, owed: [Int]) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 2 }.open()
        let live = try gateway.connect("alpha")
        for number in [1000, 2000, 3000, 4000] {
            try redis.addEvent("alpha", Self.event(number), channelID: past(number), globalID: past(number))
        }
        try live.expect(ids: [1000, 2000, 3000, 4000].map { past($0) })
        let client = try gateway.connect("alpha", lastID: past(id))
        if id < 4000 { try client.expect(ids: [past(4000)]) }
        try Self.settle(gateway)
        try Self.change(
            redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2500, 3500, 5000, 6000])
        try client.expect(ids: owed.map { past($0) })
        let (_, next) = try redis.publish("alpha", Self.event(20))
        try client.expect(ids: [next])
        #expect(try client.barrier() == [])
        #expect(try gateway.figures().figures.streamBreaks == 1)
    }

    @Test(
        "an ID of the future is none of it: nothing is asked at the break, and what both do not have is given at once")
    func future() throws {
        let (redis, relay, gateway) = try Self.relayed()
        let live = try gateway.connect("alpha")
        for number in [1000, 2000, 4000] {
            try redis.addEvent("alpha", Self.event(number), channelID: past(number), globalID: past(number))
        }
        try live.expect(ids: [1000, 2000, 4000].map { past($0) })
        let client = try gateway.connect("alpha", lastID: "9999999999999-0")
        try Self.settle(gateway)
        #expect(try client.barrier() == [])
        try relay.hold()
        try Self.change(redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2500, 3000])
        try client.expect(ids: [past(2500), past(3000)])
        #expect(try gateway.figures().figures.streamBreaks == 1)
    }

    @Test(
        "one that is ahead of the clock by less than producerSkewMs may be that of a primary whose clock is a little ahead"
    )
    func littleAhead() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let live = try gateway.connect("alpha")
        for number in [1000, 2000, 4000] {
            try redis.addEvent("alpha", Self.event(number), channelID: past(number), globalID: past(number))
        }
        try live.expect(ids: [1000, 2000, 4000].map { past($0) })
        // As `past` counts.
        let ahead = Int(try redis.milliseconds()) + 900 - 1_700_000_000_000
        let client = try gateway.connect("alpha", lastID: past(ahead))
        try Self.settle(gateway)
        #expect(try client.barrier() == [])
        try Self.change(redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2500, ahead, ahead + 5000])
        try client.expect(ids: [past(ahead + 5000)])
        try Self.settle(gateway)
        #expect(try client.barrier() == [])
    }

    @Test(
        "one that was lost is none of the new stream, though the client still waits for Redis",
        arguments: [1 << 20, 1024])
    func lostWhileWaiting(historyBytes: Int) throws {
        let (redis, relay, gateway) = try Self.relayed(historyBytes: historyBytes)
        let live = try gateway.connect("alpha")
        let padding = String(repeating: "p", count: 1000)
        for number in [1000, 2000, 2550, 3000, 4000] {
            try redis.addEvent(
                "alpha", Self.event(number, padding: padding), channelID: past(number - 1), globalID: past(number))
            try live.expect(ids: [past(number)])
        }
        try gateway.settle()
        try relay.hold()
        // As its channel's stream has it, which no log knows.
        let client = try gateway.connect("alpha", lastID: past(2549))
        try eventually("the client waits") { try gateway.figures().figures.replaysWaiting == 1 }
        try Self.change(
            redis, common: [1000, 2000].map { ($0, Self.event($0, padding: padding)) }, new: [2200, 2600])
        try eventually("the break was noticed") { try gateway.figures().figures.streamBreaks == 1 }
        relay.release()
        try client.expect(ids: [past(2200), past(2600)])
        #expect(try client.barrier() == [])
    }

    @Test(
        "what the channel's stream alone has kept of the stream before is not given again to who had it there",
        arguments: [(3500, [2200, 3600, 9000]), (2500, [2200, 3000, 3600, 9000])])
    func orphan(id: Int, owed: [Int]) throws {
        let (redis, relay, gateway) = try Self.relayed(historyBytes: 1024)
        let live = try gateway.connect("alpha")
        for number in [1000, 2000, 3000, 4000] {
            try redis.addEvent("alpha", Self.event(number), channelID: past(number), globalID: past(number))
        }
        try live.expect(ids: [1000, 2000, 3000, 4000].map { past($0) })
        try gateway.settle()
        try relay.hold()
        // Of an event that this gateway has not had, or let go of.
        let client = try gateway.connect("alpha", lastID: past(id))
        try eventually("the client waits") { try gateway.figures().figures.replaysWaiting == 1 }
        try Self.change(
            redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2200, 3600], orphan: 3000)
        try live.expect(ids: [past(2200), past(3600)])
        // The log lets go of what came before.
        try redis.addEvent(
            "alpha", Self.event(9000, padding: String(repeating: "p", count: 1000)), channelID: past(9000),
            globalID: past(9000))
        try live.expect(ids: [past(9000)])
        relay.release()
        try Self.settle(gateway)
        #expect(try client.barrier().map(eventID) == owed.map { past($0) })
    }

    @Test(
        "one that was read while the client waited, and lost, is none of the new stream", arguments: [1 << 20, 1024])
    func readAndLostWhileWaiting(historyBytes: Int) throws {
        let (redis, relay, gateway) = try Self.relayed(historyBytes: historyBytes)
        let live = try gateway.connect("alpha")
        let padding = String(repeating: "p", count: 1000)
        func write(_ number: Int) throws {
            try redis.addEvent(
                "alpha", Self.event(number, padding: padding), channelID: past(number), globalID: past(number))
            try live.expect(ids: [past(number)])
        }
        for number in [1000, 2000, 3000] { try write(number) }
        try gateway.settle()
        try relay.hold()
        let client = try gateway.connect("alpha", lastID: past(4000))
        try eventually("the client waits") { try gateway.figures().figures.replaysWaiting == 1 }
        try write(4000)
        try Self.change(
            redis, common: [1000, 2000].map { ($0, Self.event($0, padding: padding)) }, new: [2200, 2600])
        try live.expect(ids: [past(2200), past(2600)])
        relay.release()
        try client.expect(ids: [past(2200), past(2600)])
        #expect(try client.barrier() == [])
    }

    @Test(
        "one that is asked for of the new stream before the reader has noticed it still counts there",
        arguments: [10, 5000])
    func askedBeforeTheReader(bytes: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.open()
        let live = try gateway.connect("alpha")
        for number in [1000, 2000] {
            try redis.addEvent("alpha", Self.event(number), channelID: past(number), globalID: past(number))
        }
        // A large one is not what the stream is known by.
        let last = Self.event(4000, padding: String(repeating: "p", count: bytes))
        try redis.addEvent("alpha", last, channelID: past(4000), globalID: past(4000))
        try live.expect(ids: [1000, 2000, 4000].map { past($0) })
        try gateway.settle()
        try Self.change(redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2500, 3500])
        let client = try gateway.connect("alpha", lastID: past(2500))
        try live.expect(ids: [2500, 3500].map { past($0) })
        try Self.settle(gateway)
        // What was lost may come: it may have been written after the ID.
        let given = try client.barrier().map(eventID)
        #expect(given == [past(3500)] || given == [past(4000), past(3500)])
    }

    @Test(
        "a former primary that follows no more is not asked what it does not have, though the connection to it stands")
    func laggard() throws {
        let old = try RedisProcess.onPort { _ in ["--repl-diskless-sync-delay", "0"] }
        let new = try RedisProcess.onPort { _ in ["--replicaof", "127.0.0.1", "\(old.port ?? 0)"] }
        let path = old.directory + "/primary.sock"
        func lead(to redis: RedisProcess) throws {
            try? FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: redis.socketPath)
        }
        try lead(to: old)
        let gateway = try TestGateway.quiet(old) {
            $0.redis.socketPath = path
            $0.eventLoops = 1
            $0.historyBytes = 1024
            $0.redisStreamReadBlockMs = 200
        }.open()
        let live = try gateway.connect("alpha")
        let (_, first) = try old.publish("alpha", Self.event(1))
        try live.expect(ids: [first])
        try eventually("the replica has it") { try new.command("XLEN", "async-events-full").text == "1" }

        // The reader goes on to the new one, the connection for replays stays where it is.
        try new.command("REPLICAOF", "NO", "ONE")
        try lead(to: new)
        let reader = try #require(
            try old.command("CLIENT", "LIST").text.split(separator: "\n").first { $0.contains(" cmd=xread ") })
        try old.command("CLIENT", "KILL", "ID", String(reader.split(separator: " ")[0].dropFirst("id=".count)))
        // One by one: what is read at once is in memory at once.
        let ids = try (2..<50).map { number in
            let (_, id) = try new.publish("alpha", Self.event(number))
            try live.expect(ids: [id])
            return id
        }
        let client = try gateway.connect("alpha", lastID: first)
        try client.expect(ids: ids)
        #expect(try client.barrier() == [])
    }

    enum Later: CaseIterable { case fallsBehind, channelTrimmed, hole }

    @Test(
        "who was behind when the primary changed is given once what it is owed, and goes on from there whatever comes",
        arguments: [(2500, [3000]), (2450, [2300, 2500, 3000])], Later.allCases)
    func slow(claim: (id: Int, owed: [Int]), later: Later) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.historyBytes = 256 * 1024
        }.open()
        func write(_ numbers: [Int], padding: String) throws {
            let before = try gateway.figures().figures.eventsRead
            for number in numbers {
                try redis.addEvent(
                    "alpha", Self.event(number, padding: padding), channelID: past(number), globalID: past(number))
            }
            try eventually("all was read") { try gateway.figures().figures.eventsRead == before + numbers.count }
        }
        try write([1000, 2000], padding: "")
        try gateway.settle()
        let client = try WebSocketClient(
            port: gateway.port, channel: "alpha", lastID: past(claim.id), receiveBuffer: 4096)
        try Self.settle(gateway)
        #expect(try client.barrier() == [])

        // It stops in the middle of what had to be read from Redis.
        try write((10..<210).map { $0 * 1000 }, padding: Self.padding)
        while try gateway.figures().figures.replaysFromChannelStream == 0 { _ = try client.event() }
        try waitUntilBlocked(gateway)
        try Self.change(redis, common: [1000, 2000].map { ($0, Self.event($0)) }, new: [2300, 2500, 3000])
        try eventually("the break was noticed") { try gateway.figures().figures.streamBreaks == 1 }
        var behind: [Int] = []
        while behind.last != 3000 {
            let number = try Self.number(client.event())
            if number < 10_000 { behind.append(number) }
        }
        #expect(behind == claim.owed)

        guard later != .hole else {
            try Self.removeUnread(redis, 4000)
            try eventually("the hole was noticed") { try gateway.figures().figures.streamBreaks == 2 }
            try Self.settle(gateway)
            #expect(try client.barrier() == [])
            return
        }
        let numbers = (0..<200).map { 400_000 + $0 }
        try write(numbers, padding: Self.padding)
        try waitUntilBlocked(gateway)
        if later == .channelTrimmed { try redis.command("XTRIM", "async-events-alpha", "MAXLEN", "\(numbers.count)") }
        #expect(try numbers.map { _ in try Self.number(client.event()) } == numbers)
        #expect(try client.barrier() == [])
    }

    /// Once the client's socket takes no more: nobody waits for Redis, and no more is sent.
    private func waitUntilBlocked(_ gateway: TestGateway) throws {
        var sent: [Int] = []
        try eventually("no more is sent") {
            let figures = try gateway.figures().figures
            sent.append(figures.replaysWaiting == 0 ? figures.deliveries : -1 - sent.count)
            return sent.count > 50 && Set(sent.suffix(50)).count == 1
        }
    }
}
