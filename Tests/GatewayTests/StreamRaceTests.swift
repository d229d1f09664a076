import Configuration
import Gateway
import Locks
import Metrics
import TestSupport
import Testing

/// The stream is changed between a look at it and what relies on that.
@Suite("A stream that changes between two looks")
struct StreamRaceTests {
    private static func event(_ number: Int) -> String { AmbushedGateway.event(number) }
    private static func other(_ number: Int, padding: Int = 0) -> String {
        AmbushedGateway.other(number, padding: padding)
    }
    private static func add(_ stream: String, _ id: String, _ data: String) -> [String] {
        AmbushedGateway.add(stream, id, data)
    }

    /// An event whose two entries lie a millisecond apart.
    private static func both(_ number: Int, _ milliseconds: Int) -> [[String]] {
        [add("alpha", past(milliseconds), event(number)), add("full", past(milliseconds, 1), event(number))]
    }

    /// Another channel's events, a millisecond apart.
    private static func others(_ count: Int, from milliseconds: Int = 70_000, padding: Int = 0) -> [[String]] {
        (0..<count).map { add("full", past(milliseconds + $0), other($0, padding: padding)) }
    }

    private static func trim(_ kept: Int) -> [[String]] { [["XTRIM", "async-events-full", "MAXLEN", "\(kept)"]] }

    @Test(
        "trimmed past the reader, and once more before it reads on: nothing is missed, and nothing that was had comes again",
        arguments: [3, 1000])
    func trimmedTwice(readCount: Int) throws {
        let setting = try AmbushedGateway { $0.redisStreamReadCount = readCount }
        let client = try setting.client()
        // The read behind the examination that finds the hole.
        setting.before("XINFO", "XREAD") { _ = try $0.command(["XTRIM", "async-events-full", "MAXLEN", "8"]) }
        // Left: what came behind event 4.
        let between = [Self.add("full", past(6001), Self.other(0))]
        try setting.transaction(
            Self.both(4, 5000) + between + Self.both(5, 60_000) + Self.others(10) + Self.trim(12))
        try setting.ambushed()
        try setting.transaction(Self.both(6, 90_000))
        try client.expect(events: (4...6).map { eventText("0-0", Self.event($0)) })
        #expect(try setting.breaks > 0)
    }

    @Test("an emptied stream, and then more than a page that is trimmed at once", arguments: [false, true])
    func burstBehindNothing(isAtStart: Bool) throws {
        func empty(_ redis: RedisProcess) throws {
            try redis.command("XADD", "async-events-full", past(20_000), "data", Self.other(0))
            try redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
        }
        let redis = try RedisProcess()
        if isAtStart { try empty(redis) }
        let setting = try AmbushedGateway(redis) { $0.redisStreamReadCount = 3 }
        let client = try isAtStart ? setting.gateway.connect("alpha") : setting.client()
        if !isAtStart { try empty(redis) }
        try setting.looked()
        try setting.transaction(Self.both(5, 60_000) + Self.others(10) + Self.trim(8) + Self.both(6, 90_000))
        try client.expect(ids: [past(60_000), past(90_000, 1)])
    }

    @Test("entries that were trimmed unread are found missing in front of a reply that is larger than one may be")
    func trimmedInFrontOfMuch() throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        let beta = try setting.gateway.connect("beta")
        let others = Self.others(40, padding: 256 << 10)
        try setting.transaction(Self.both(5, 60_000) + others + Self.trim(40) + Self.both(6, 90_000))
        try client.expect(ids: [past(60_000), past(90_000, 1)])
        #expect(try beta.drain(40).map(eventID) == (0..<40).map { past(70_000 + $0) })
        #expect(try setting.breaks == 1)
    }

    @Test("a reply that is larger than one may be is read in parts, each event once", arguments: [40, 90])
    func inParts(count: Int) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        let beta = try setting.gateway.connect("beta")
        // Far more than is kept of a reply, and small ones behind it.
        let large = Self.others(count, padding: 512 << 10)
        try setting.transaction(large + Self.others(2000, from: 80_000) + Self.both(5, 90_000))
        try client.expect(ids: [past(90_000, 1)])
        let owed = (0..<count).map { past(70_000 + $0) } + (0..<2000).map { past(80_000 + $0) }
        #expect(try beta.drain(owed.count).map(eventID) == owed)
        #expect(try setting.breaks == 0)
    }

    /// What befalls a stream whose last event was read, and may be a long one; and what is owed of it.
    enum Change: CaseIterable {
        case trimmed, another

        var commands: [[String]] {
            switch self {
            case .trimmed: return StreamRaceTests.both(5, 60_000)
            case .another:
                let old = (0..<4).map { StreamRaceTests.add("full", past(1000 * ($0 + 1)), StreamRaceTests.event($0)) }
                return [["DEL", "async-events-full"]] + old + [
                    StreamRaceTests.add("full", past(4500), StreamRaceTests.event(5))
                ]
            }
        }

        var owed: String { self == .trimmed ? past(60_000) : past(4500) }
    }

    @Test("what changes behind a long event is noticed, whatever comes", arguments: [0, 5000], Change.allCases)
    func behindLong(padding: Int, change: Change) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        let beta = try setting.gateway.connect("beta")
        try setting.transaction([Self.add("full", past(5000), Self.other(0, padding: padding))])
        try beta.expect(ids: [past(5000)])
        let trim = change == .trimmed ? Self.trim(1) : []
        try setting.transaction(change.commands + Self.others(1, padding: padding) + trim)
        try beta.expect(ids: [past(70_000)])
        try setting.transaction(Self.both(6, 90_000))
        try client.expect(ids: [change.owed, past(90_000, 1)])
        #expect(try setting.breaks == 1)
    }

    @Test("all is trimmed while the last common entry is looked for: what was had does not come again")
    func trimmedWhileSearching() throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        setting.before("XREVRANGE") { _ = try $0.command(["XTRIM", "async-events-full", "MAXLEN", "0"]) }
        // Or another primary that has not got it.
        try setting.redis.command("XDEL", "async-events-full", past(4000))
        try setting.ambushed()
        try setting.looked()
        try setting.transaction(Self.both(6, 90_000))
        try client.expect(ids: [past(90_000, 1)])
    }

    @Test("an emptied stream that is written anew, below and above what was read, is another one", arguments: [3, 4])
    func emptiedAndAnew(below: Int) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        try setting.redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
        try setting.looked()
        // Four were read, and added.
        let low = (0..<below).map { Self.add("full", past(1500 + $0), Self.event(10 + $0)) }
        let high = [Self.add("full", past(70_000), Self.event(20))]
        try setting.transaction([["DEL", "async-events-full"]] + low + high)
        try client.expect(ids: (0..<below).map { past(1500 + $0) } + [past(70_000)])
    }

    @Test("that a stream was the same once does not speak for another that stands differently")
    func certainOfAnother() throws {
        let setting = try AmbushedGateway { $0.historyBytes = 1024 }
        // Written at 10 000 and at 10 500: a client that came at 10 200 has not had it.
        let apart = [
            Self.add("alpha", past(10_000), Self.event(1)), Self.add("full", past(10_200), Self.other(0)),
            Self.add("full", past(10_500), Self.event(1)),
        ]
        try setting.transaction(Self.both(0, 1000) + apart + Self.both(2, 40_000))
        try eventually("all was read") { try setting.gateway.figures().figures.eventsRead == 4 }
        try setting.transaction([Self.add("full", past(80_000), Self.other(1, padding: 3000))])
        try eventually("all was read") { try setting.gateway.figures().figures.eventsRead == 5 }
        try setting.redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
        try setting.looked()
        let owed = (1...2).map { withoutID(eventText("0-0", Self.event($0))) }
        let first = try setting.gateway.connect("alpha", lastID: past(10_199, 7))
        try ClaimedIDTests.settle(setting.gateway)
        #expect(try first.barrier().map(withoutID) == owed)
        setting.before("XRANGE") { redis in
            let clients = try redis.command(["CLIENT", "LIST"]).text.split(separator: "\n")
            let reader = clients.first { $0.contains(" cmd=xread ") }?.split(separator: " ").first?.dropFirst(3)
            _ = try redis.command(["CLIENT", "KILL", "ID", String(#require(reader))])
            for command in [
                ["MULTI"], ["DEL", "async-events-full"], Self.add("full", past(90_000), Self.other(2)), ["EXEC"],
            ] { _ = try redis.command(command) }
        }
        let second = try setting.gateway.connect("alpha", lastID: past(10_199, 7))
        try setting.ambushed()
        try eventually("the break was noticed") { try setting.breaks == 1 }
        try ClaimedIDTests.settle(setting.gateway)
        #expect(try second.barrier().map(withoutID) == owed)
    }

    @Test(
        "an empty stream that has not come so far is another one: taken once, and replays go on",
        arguments: [true, false])
    func emptyAndBehind(isMade: Bool) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        let anew =
            isMade
            ? [["XGROUP", "CREATE", "async-events-full", "group", "$", "MKSTREAM"]]
            : [Self.add("full", past(500), Self.other(0)), ["XTRIM", "async-events-full", "MAXLEN", "0"]]
        try setting.transaction([["DEL", "async-events-full"]] + anew)
        try eventually("the break was noticed") { try setting.breaks == 1 }
        try setting.looked()
        // Not an ID of the channel's: Redis has to be asked.
        let old = try setting.gateway.connect("alpha", lastID: past(2500))
        try ClaimedIDTests.settle(setting.gateway)
        #expect(
            try old.barrier().map(withoutID).suffix(2) == (2...3).map { withoutID(eventText("0-0", Self.event($0))) })
        let (_, next) = try setting.redis.publish("alpha", Self.event(9))
        try client.expect(ids: [next])
        #expect(try setting.breaks == 1)
    }

    @Test(
        "a first entry that is deleted as soon as it was read does not hide what is written then",
        arguments: [900, 1000, 1100])
    func deletedAsSoonAsRead(anew: Int) throws {
        let setting = try AmbushedGateway()
        let client = try setting.gateway.connect("alpha")
        try setting.looked()
        func bytes(_ command: [String]) -> [UInt8] {
            Array("*\(command.count)\r\n".utf8)
                + command.flatMap { Array("$\($0.utf8.count)\r\n\($0)\r\n".utf8) }
        }
        // Not a transaction: the reader is answered between the two.
        let socket = try TestSocket.connect(path: setting.redis.socketPath)
        try socket.send(bytes(Self.add("full", past(1000), Self.event(0))) + bytes(["DEL", "async-events-full"]))
        try setting.looked()
        try setting.transaction([
            Self.add("alpha", past(1200), Self.event(1)), Self.add("full", past(anew), Self.event(1)),
        ])
        try setting.looked()
        try setting.transaction(Self.both(2, 90_000))
        let texts = try client.eventsThrough(past(90_000, 1)).map(withoutID)
        #expect(texts.suffix(2) == (1...2).map { withoutID(eventText("0-0", Self.event($0))) })
    }

    @Test(
        "a start on a global stream that a consumer group has made gives what the channels' streams have",
        arguments: [false, true])
    func startOnMadeStream(isMade: Bool) throws {
        let redis = try RedisProcess()
        for (number, id) in [1000, 2000, 60_000, 90_000].enumerated() {
            try redis.addEvent("alpha", Self.event(number), channelID: past(id), globalID: past(id))
        }
        try redis.command("DEL", "async-events-full")
        if isMade { try redis.command("XGROUP", "CREATE", "async-events-full", "group", "$", "MKSTREAM") }
        let setting = try AmbushedGateway(redis)
        let client = try setting.gateway.connect("alpha", lastID: past(1000))
        try ClaimedIDTests.settle(setting.gateway)
        #expect(try client.barrier().map(withoutID) == (1...3).map { withoutID(eventText("0-0", Self.event($0))) })
    }

    /// Writes an event with each read, and keeps no more of the global stream than was written then.
    private final class Flow: Sendable {
        private let most: Int
        private let state = Mutex((reads: 0, isOver: false))

        init(_ most: Int) { self.most = most }

        var reads: Int { state.withLock { $0.reads } }
        func end() { state.withLock { $0.isOver = true } }

        func arm(_ setting: AmbushedGateway) {
            setting.beforeEach("XREAD") { [self] redis in
                let reads = state.withLock { state in
                    if !state.isOver { state.reads += 1 }
                    return state.isOver ? nil : Optional(state.reads)
                }
                guard let reads else { return }
                for part in 0..<most {
                    let (id, data) = (past(10_000 + 10 * reads + part), StreamRaceTests.event(10 * reads + part))
                    _ = try redis.command(["XADD", "async-events-alpha", id, "data", data])
                    _ = try redis.command(["XADD", "async-events-full", "MAXLEN", "\(most)", id, "data", data])
                }
            }
        }
    }

    @Test("a stream that is trimmed as fast as it is read is read on all the same, each event once", arguments: [1, 2])
    func trimmedAsFastAsRead(most: Int) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        let flow = Flow(most)
        flow.arm(setting)
        try eventually("it was read a hundred times") { flow.reads >= 100 }
        #expect(try setting.gateway.figures().figures.eventsRead > 50)
        flow.end()
        try setting.looked()
        try setting.transaction(Self.both(9, 900_000))
        let ids = try client.eventsThrough(past(900_000, 1)).map(withoutID)
        #expect(Set(ids).count == ids.count && ids.count > 100 * most)
    }
}
