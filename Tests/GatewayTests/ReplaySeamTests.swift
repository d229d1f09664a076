import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// DESIGN 3.1: where the two streams meet, and where a replay meets what is live.
@Suite("The seam of a replay")
struct ReplaySeamTests {
    // MARK: The four rules

    /// A.c = t, B.c = t+1, A.g = t+3, B.g = t+4, and so on: each event's channel ID lies below the global ID of the one
    /// before it.
    private static let crossed: [Twin] = (0..<6).map { number in
        let time = number * 2
        return Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (time, 0), global: (time + 3, 0))
    }

    @Test(
        "rule 1: the ID of an event of this channel is a position, though the next event's channel ID is below it",
        arguments: Memory.allCases)
    func globalID(memory: Memory) throws {
        let scenario = try ReplayScenario(memory) { try $0.write(Self.crossed) }
        for (index, event) in Self.crossed.enumerated() {
            let client = try scenario.gateway.connect("alpha", lastID: event.globalText)
            try client.expect(Self.crossed[(index + 1)...].map(\.text), "job-\(index)")
        }
    }

    @Test(
        "rule 2: the ID of an entry of the channel's stream means that the channel's entries up to it were had",
        arguments: Memory.allCases)
    func channelID(memory: Memory) throws {
        let events = (0..<6).map { number in
            // No ID stands in both streams.
            Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (number * 2, 7), global: (number * 2 + 3, 0))
        }
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        for (index, event) in events.enumerated() {
            let client = try scenario.gateway.connect("alpha", lastID: event.channelText)
            try client.expect(events[(index + 1)...].map(\.text), "job-\(index)")
        }
    }

    @Test(
        "rule 2: had is what the channel's stream has up to the ID, whatever the order of the global one",
        arguments: Memory.allCases)
    func channelIDOutOfOrder(memory: Memory) throws {
        // Two producers: the first event of the channel's stream is the last of the global one.
        let events = [
            Twin("alpha", sampleEvent("alpha", "quick"), channel: (10, 1), global: (11, 0)),
            Twin("alpha", sampleEvent("alpha", "slow"), channel: (0, 1), global: (600, 0)),
            Twin("alpha", sampleEvent("alpha", "later"), channel: (700, 1), global: (701, 0)),
        ]
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let first = try scenario.gateway.connect("alpha", lastID: events[1].channelText)
        try first.expect([events[0].text, events[2].text])
        let both = try scenario.gateway.connect("alpha", lastID: events[0].channelText)
        try both.expect([events[2].text])
        // By their global IDs it is the other way round.
        let quick = try scenario.gateway.connect("alpha", lastID: events[0].globalText)
        try quick.expect([events[1].text, events[2].text])
    }

    @Test(
        "rule 2: another channel's ID is a position in time, in the middle of crossed events too",
        arguments: Memory.allCases)
    func foreignID(memory: Memory) throws {
        let foreign = Twin("beta", sampleEvent("beta", "foreign"), channel: (6, 3), global: (7, 3))
        let scenario = try ReplayScenario(memory) { try $0.write(Self.crossed + [foreign]) }
        for id in [foreign.globalText, past(7, 4), past(8, 5)] {
            let client = try scenario.gateway.connect("alpha", lastID: id)
            try client.expect(Self.crossed[3...].map(\.text), "\(id)")
        }
    }

    @Test("rule 3: before the log's first event the channel's stream is read, and what follows is in the log")
    func acrossTheFloor() throws {
        for floor in 0...12 {
            let redis = try RedisProcess()
            let gateway = try TestGateway(redis: redis) { $0.historyBytes = 2048 }.open()
            let events = Twin.random(seed: 7, count: 12, span: 4000, apart: 900, channels: ["alpha"])
            // The log's first event is the one behind the filler.
            let channelOrder = events.sorted { $0.channelID < $1.channelID }
            for event in channelOrder { try redis.add("async-events-alpha", event.channelText, data: event.data) }
            for event in events[..<floor] { try redis.add("async-events-full", event.globalText, data: event.data) }
            let padding = String(repeating: "f", count: 4096)
            let place = floor == 0 ? past(-1) : past(events[floor - 1].globalID.milliseconds, 50)
            try redis.add("async-events-full", place, data: "{\"channel_id\": \"filler\", \"padding\": \"\(padding)\"}")
            try eventually("the filler is read") { try gateway.figures().figures.eventsRead == floor + 1 }
            for event in events[floor...] { try redis.add("async-events-full", event.globalText, data: event.data) }
            try eventually("all is read") { try gateway.figures().figures.eventsRead == 13 }
            for cut in 0..<12 {
                let client = try gateway.connect("alpha", lastID: events[cut].globalText)
                try client.expect(events[(cut + 1)...].map(\.text), "floor \(floor), cut \(cut)")
            }
        }
    }

    @Test(
        "rule 4: an ID that another replica has read already is a position: nothing up to it is sent, all behind it is")
    func aheadOfTheLog() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = 1 }.open()
        try redis.publish("alpha", sampleEvent("alpha", "job-0"))
        try ReplayScenario.hasRead(gateway, redis)
        let stopped = try StoppedReader(gateway, redis)
        let ids = try (1...4).map { try redis.publish("alpha", sampleEvent("alpha", "job-\($0)")).global }
        let ahead = try gateway.connect("alpha", lastID: ids[1])
        let atTheEnd = try gateway.connect("alpha", lastID: ids[3])
        let (before, none) = (try gateway.connect("alpha", lastID: "0-0"), try gateway.connect("alpha"))
        // All have been placed before anything is read on.
        #expect(try before.event().contains("job-0"))
        try stopped.goOn()
        let (_, last) = try redis.publish("alpha", sampleEvent("alpha", "job-5"))
        let all = try redis.texts(of: "alpha")
        #expect(all.last.map(eventID) == last)
        try ahead.expect(Array(all[3...]))
        try atTheEnd.expect([all[5]])
        try before.expect(Array(all[1...]))
        try none.expect(Array(all[1...]))
    }

    @Test("rule 4: beyond all that Redis has given out is now, also while the log lags behind")
    func beyondTheEnd() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = 1 }.open()
        try redis.publish("alpha", sampleEvent("alpha", "job-0"))
        try ReplayScenario.hasRead(gateway, redis)
        let client = try gateway.connect("alpha", lastID: "99999999999999-0")
        let ids = try (1...3).map { try redis.publish("alpha", sampleEvent("alpha", "job-\($0)")).global }
        try client.expect(ids: ids)
    }

    // MARK: Same millisecond

    @Test("an event written in the same millisecond as the last one seen is not lost", arguments: Memory.allCases)
    func sameMillisecond(memory: Memory) throws {
        // The sequence parts of the two streams have nothing to do with each other: other channels come between.
        let own = (0..<5).map { number in
            Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (0, number), global: (0, number * 2 + 1))
        }
        let others = (0..<6).map { number in
            Twin("beta", sampleEvent("beta", "job-\(number)"), channel: (0, number), global: (0, number * 2))
        }
        let scenario = try ReplayScenario(memory) { try $0.write(own + others) }
        for (index, event) in own.enumerated() {
            let client = try scenario.gateway.connect("alpha", lastID: event.globalText)
            try client.expect(own[(index + 1)...].map(\.text), "job-\(index)")
        }
    }

    @Test("equal events are told apart by their number: the k-th is the k-th", arguments: Memory.allCases)
    func equalEvents(memory: Memory) throws {
        let events = (0..<6).map { number in
            Twin("alpha", sampleEvent("alpha", "the same"), channel: (number * 3, 1), global: (number * 3 + 5, 0))
        }
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        for (index, event) in events.enumerated() {
            for id in [event.globalText, event.channelText] {
                let client = try scenario.gateway.connect("alpha", lastID: id)
                try client.expect(events[(index + 1)...].map(\.text), "\(index) as \(id)")
            }
        }
    }

    // MARK: Every cut

    struct Case: CustomTestStringConvertible {
        var memory: Memory
        var seed: UInt64
        var span: Int
        var testDescription: String { "\(memory), seed \(seed), \(span) ms" }

        static let all = Memory.allCases.flatMap { memory in
            [(1, 2000), (2, 2000), (3, 20_000), (4, 40), (5, 200_000)].map { Case(memory: memory, seed: $0, span: $1) }
        }
    }

    @Test("cut anywhere and resumed by the last ID given, nothing is lost or doubled", arguments: Case.all)
    func everyCut(one: Case) throws {
        let events = Twin.random(seed: one.seed, count: 24, span: one.span, apart: 900, equalEvery: 5)
        let own = events.filter { $0.channel == "alpha" }
        let scenario = try ReplayScenario(one.memory) { try $0.write(events) }
        let whole = try scenario.gateway.connect("alpha", lastID: "0-0")
        try whole.expect(own.map(\.text))
        for cut in own.indices {
            let first = try scenario.gateway.connect("alpha", lastID: "0-0")
            let had = try first.events(cut + 1)
            first.socket.reset()
            let second = try scenario.gateway.connect("alpha", lastID: had.last.map(eventID))
            #expect(had == own[...cut].map(\.text), "cut \(cut)")
            try second.expect(own[(cut + 1)...].map(\.text), "cut \(cut)")
        }
    }

    @Test("resumed by the channel's ID, as from the polling API, the rest follows in global order", arguments: Case.all)
    func everyChannelID(one: Case) throws {
        let events = Twin.random(seed: one.seed + 100, count: 24, span: one.span, apart: 900).map { twin in
            // Channel IDs that are no global ones, so that it is plain what was meant.
            var twin = twin
            twin.channelID.sequence += 1000
            return twin
        }
        let own = events.filter { $0.channel == "alpha" }
        let scenario = try ReplayScenario(one.memory) { try $0.write(events) }
        for event in own {
            let owed = own.filter { $0.channelID > event.channelID }
            let client = try scenario.gateway.connect("alpha", lastID: event.channelText)
            try client.expect(owed.map(\.text), "\(event.channelText)")
        }
    }

    // MARK: The global stream trimmed

    enum Trim: String, CaseIterable { case toNothing, toAFew, deleted }

    /// What a client is given where the global stream no longer has the event: the channel's ID.
    private static func jobs(_ texts: [String]) -> [String] {
        texts.map { text in String(text.components(separatedBy: "\"job_id\": \"").last?.prefix { $0 != "\"" } ?? "") }
    }

    @Test(
        "with the global stream trimmed the channel's stream serves, in order and without a loss",
        arguments: [Memory.nothingOfIt, .restarted, .restartedWithout], Trim.allCases)
    func trimmed(memory: Memory, trim: Trim) throws {
        // Further apart than producerSkewMs: nothing need come twice but the event that was seen last.
        let events = (0..<8).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 5000, 0), global: (number * 5000 + 3, 0))
        }
        let redis = try RedisProcess()
        let cut = {
            switch trim {
            case .toNothing:
                try redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
            case .toAFew:
                try redis.command("XTRIM", "async-events-full", "MINID", past(27_000))
            case .deleted:
                // The IDs of the new stream are above those of the old one as soon as the clock has moved on.
                let last = try redis.entries().last.map { StreamPosition($0.id).milliseconds } ?? 0
                try redis.command("DEL", "async-events-full")
                try eventually("the clock moves on") { try redis.milliseconds() > last }
            }
        }
        let scenario: ReplayScenario
        switch memory {
        case .restarted:
            scenario = try ReplayScenario(memory, redis: redis) {
                try $0.write(events)
                try cut()
            }
        case .everything, .theLastFew, .nothingOfIt, .restartedWithout:
            scenario = try ReplayScenario(memory, redis: redis) { try $0.write(events) }
            try cut()
        }
        let all = events.indices.map { "\($0)" }
        let whole = try scenario.gateway.connect("alpha", lastID: "0-0")
        let texts = try whole.drain(8)
        #expect(Self.jobs(texts) == all)
        #expect(try whole.barrier().isEmpty)
        for index in events.indices {
            // By the ID that the replay gave, and by the global ID it once had: without a double, or with just this one.
            for (turn, id) in [eventID(texts[index]), events[index].globalText].enumerated() {
                let client = try scenario.gateway.connect("alpha", lastID: id)
                // It may be given under its channel's ID, so soon after the other was trimmed.
                let end = "end-\(index)-\(turn)"
                try redis.publish("alpha", sampleEvent("alpha", end))
                let got = Self.jobs(try client.events(throughText: end)).filter { !$0.hasPrefix("end") }
                #expect(got == Array(all[(index + 1)...]) || got == Array(all[index...]), "\(index) by \(id)")
                client.socket.close()
            }
        }
    }

    @Test("only what lies within producerSkewMs of the ID may come twice where the global stream is gone")
    func trimmedAndDense() throws {
        let events = Twin.random(seed: 11, count: 40, span: 12_000, apart: 900, channels: ["alpha"])
        let scenario = try ReplayScenario(.nothingOfIt) { try $0.write(events) }
        try scenario.redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
        let whole = try scenario.gateway.connect("alpha", lastID: "0-0")
        let all = try whole.drain(40)
        // The order is the channel's now, and so are the IDs.
        #expect(all == events.sorted { $0.channelID < $1.channelID }.map { eventText($0.channelText, $0.data) })
        for cut in all.indices {
            let client = try scenario.gateway.connect("alpha", lastID: eventID(all[cut]))
            let (_, end) = try scenario.redis.publish("beta", sampleEvent("beta", "end"))
            _ = end
            let texts = try client.events(39 - cut)
            let again = try client.barrier()
            // Read until all that was owed is there; what came twice stands at the beginning.
            let got = texts + again
            let doubled = got.count - (39 - cut)
            #expect(Array(got[doubled...]) == Array(all[(cut + 1)...]), "cut \(cut)")
            for text in got[..<doubled] {
                let apart = abs(milliseconds(eventID(text)) - milliseconds(eventID(all[cut])))
                #expect(apart <= 1000, "\(eventID(text)) came again behind \(eventID(all[cut]))")
            }
        }
    }

    private func milliseconds(_ id: String) -> Int { Int(id.prefix { $0 != "-" }) ?? 0 }

    // MARK: A twin that is still to come

    @Test(
        "an event that is not yet in the global stream comes live when it gets there, and once",
        arguments: [Memory.everything, .nothingOfIt, .restarted])
    func twinStillToCome(memory: Memory) throws {
        let events = (0..<3).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 5000, 0), global: (number * 5000 + 1, 0))
        }
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        let redis = scenario.redis
        let pending = sampleEvent("alpha", "pending")
        // An ID that the global stream does not give out in the same millisecond to another event.
        let channelID = try redis.add("async-events-alpha", "\(redis.milliseconds())-500", data: pending)
        let client = try scenario.gateway.connect("alpha", lastID: events[0].globalText)
        let polled = try scenario.gateway.connect("alpha", lastID: channelID)
        // The replays are over when this comes.
        let (_, marker) = try redis.publish("alpha", sampleEvent("alpha", "marker"))
        #expect(try client.eventsThrough(marker).map(eventID) == [events[1].globalText, events[2].globalText, marker])
        #expect(try polled.eventsThrough(marker).map(eventID) == [marker])
        let twin = try redis.add("async-events-full", data: pending)
        let (_, end) = try redis.publish("alpha", sampleEvent("alpha", "end"))
        try client.expect(ids: [twin, end], "it had not been given before")
        try polled.expect(ids: [end], "it had been given before")
    }

    // MARK: Replay and live

    @Test(
        "a reader that takes its replay slowly loses nothing, though the log lets go of the place where it was to go on"
    )
    func slowReplay() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.historyBytes = 1024
            $0.eventLoops = 1
        }.open()
        let padding = String(repeating: "p", count: 900_000)
        var ids: [String] = []
        func publish(_ padding: String) throws {
            let data = "{\"channel_id\": \"alpha\", \"n\": \(ids.count), \"padding\": \"\(padding)\"}"
            ids.append(try redis.publish("alpha", data).global)
        }
        for _ in 0..<8 { try publish(padding) }
        try ReplayScenario.addFiller(redis, bytes: 4096)
        try ReplayScenario.hasRead(gateway, redis)
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", lastID: "0-0", receiveBuffer: 4096)
        try eventually("the replay has begun") { try gateway.figures().figures.replaysFromChannelStream == 1 }
        let quick = try gateway.connect("alpha")
        for number in 0..<40 { try publish(number % 10 == 0 ? padding : "") }
        #expect(try quick.events(40).map(eventID) == Array(ids[8...]))
        #expect(try slow.drain(48).map(eventID) == ids)
    }

    struct Setting: CustomTestStringConvertible {
        var historyBytes: Int
        var loops: Int
        /// Whether the global stream exists when the gateway starts.
        var isYoung: Bool
        var testDescription: String {
            "\(historyBytes) bytes, \(loops) loops, \(isYoung ? "a stream that is yet to come" : "a stream that is there")"
        }

        static let all = [false, true].flatMap { isYoung in
            [(64 << 20, 1), (64 << 20, 2), (4096, 1), (1024, 2)].map {
                Setting(historyBytes: $0, loops: $1, isYoung: isYoung)
            }
        }
    }

    @Test(
        "clients that come and go while events are written get each of them once and in order", arguments: Setting.all)
    func comingAndGoing(setting: Setting) throws {
        let redis = try RedisProcess()
        if !setting.isYoung { try redis.publish("alpha", sampleEvent("alpha", "earlier")) }
        let gateway = try TestGateway(redis: redis) {
            $0.historyBytes = setting.historyBytes
            $0.eventLoops = setting.loops
        }.open()
        let path = redis.socketPath
        let perWriter = 300
        let writers = ["alpha", "alpha", "beta"].enumerated().map { writer, channel in
            Background { _ in
                let producer = try Producer(socketPath: path, channel: channel)
                for number in 0..<perWriter {
                    try producer.publish(sampleEvent(channel, "\(writer)-\(number)"))
                    // Steadily rather than in one burst, so that clients come while it goes on.
                    var pause = timespec(tv_sec: 0, tv_nsec: 500_000)
                    nanosleep(&pause, nil)
                }
            }
        }
        let total = 2 * perWriter + (setting.isYoung ? 0 : 1)
        var had: [[String]] = [[], [], []]
        var generator = SplitMix64(state: UInt64(setting.historyBytes + setting.loops))
        while had.contains(where: { $0.count < total }) {
            for index in had.indices where had[index].count < total {
                let client = try gateway.connect("alpha", lastID: had[index].last.map(eventID) ?? "0-0")
                had[index] += try client.events(
                    min(Int.random(in: 1...60, using: &generator), total - had[index].count))
                client.socket.reset()
            }
        }
        for writer in writers { try writer.join() }
        let all = try redis.texts(of: "alpha")
        for index in had.indices {
            // Of a stream that is missing nobody knows what it once held: its first events may go out under their
            // channel's IDs, and in that order.
            let difference =
                setting.isYoung
                ? firstDifference(had[index].map(withoutID).sorted(), all.map(withoutID).sorted())
                : firstDifference(had[index], all)
            #expect(difference == nil, "client \(index)")
            #expect(try gateway.connect("alpha", lastID: had[index].last.map(eventID)).barrier().isEmpty)
        }
    }
}

/// The gateway's reader, kept away from Redis while the connections for replays go on: Redis has no room for it.
struct StoppedReader {
    let gateway: TestGateway
    let redis: RedisProcess

    init(_ gateway: TestGateway, _ redis: RedisProcess) throws {
        self.gateway = gateway
        self.redis = redis
        var reader: String?
        try eventually("the reader blocks") {
            reader = try redis.readerClientID()
            return reader != nil
        }
        let clients = try redis.command("CLIENT", "LIST").text.split(separator: "\n").count
        try redis.command("CONFIG", "SET", "maxclients", "\(clients - 1)")
        try redis.command("CLIENT", "KILL", "ID", reader ?? "")
        try eventually("the reader is away") { try gateway.get("/ready").status == 503 }
    }

    func goOn() throws {
        try redis.command("CONFIG", "SET", "maxclients", "1000")
        try eventually("the reader is back") { try gateway.get("/ready").status == 200 }
    }
}
