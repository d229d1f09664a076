import Testing

@testable import EventLog

/// The four rules of DESIGN 3.1 and the named cases of the issues, one by one. Times are in milliseconds, the skew is
/// 1,000 unless said otherwise.
@Suite struct ResumeRulesTests {
    private static let channels = [Channel(Array("a".utf8)), Channel(Array("b".utf8))]

    private struct Setting {
        var redis = SimulatedRedis(channels: 2)
        var gateway: SimulatedGateway

        /// - Parameter floor: the log begins behind it; nil: at the start of all.
        init(floor: StreamID = .zero, capacity: Int = .max) {
            redis.now = 0
            gateway = SimulatedGateway(capacity: capacity, floor: floor)
        }

        /// Events as (body, channel entry, global entry or nil if it is not written yet).
        mutating func write(_ events: [(String, UInt64, UInt64?)], channel: Int = 0) {
            let first = redis.events.count
            for (body, channelTime, _) in events {
                redis.add(channel, body, channelID: Self.next(redis.channels[channel], channelTime), globalID: nil)
            }
            let order = events.indices.filter { events[$0].2 != nil }.sorted { events[$0].2! < events[$1].2! }
            for index in order { setGlobal(first + index, events[index].2!) }
        }

        mutating func setGlobal(_ event: Int, _ time: UInt64) {
            redis.setGlobal(event, Self.next(redis.global, time))
        }

        /// As Redis numbers them: on within a millisecond.
        private static func next(_ stream: SimulatedStream, _ time: UInt64) -> StreamID {
            stream.lastGenerated.milliseconds == time ? stream.lastGenerated.successor : .ms(time)
        }

        mutating func readOne() { gateway.read(1, redis: redis, channels: ResumeRulesTests.channels) }

        mutating func read() { gateway.read(.max, redis: redis, channels: ResumeRulesTests.channels) }

        func session(_ resume: ResumePoint, skew: Int64 = 1000, arrival: StreamID? = nil) -> SimulatedSession {
            SimulatedSession(
                channelIndex: 0, channel: ResumeRulesTests.channels[0], skew: skew, resume: resume, arrival: arrival,
                log: gateway.log)
        }

        /// What a client that resumes there gets until it is up to date.
        func given(_ resume: ResumePoint, skew: Int64 = 1000) -> [SimulatedSession.Delivery] {
            var session = session(resume, skew: skew)
            return session.drain(redis: redis, log: gateway.log)
        }

        func given(_ id: StreamID, skew: Int64 = 1000) -> [SimulatedSession.Delivery] {
            given(.claimed(id), skew: skew)
        }
    }

    private static func bodies(_ deliveries: [SimulatedSession.Delivery]) -> [String] {
        deliveries.map { String(decoding: $0.body, as: UTF8.self) }
    }

    private static func times(_ deliveries: [SimulatedSession.Delivery]) -> [UInt64] {
        deliveries.map(\.id.milliseconds)
    }

    // MARK: The four rules

    @Test("rule 1: the ID of an entry of this channel in the log is a position, and asks Redis nothing")
    func ruleOne() {
        var setting = Setting()
        setting.write([("A", 10_000, 10_001), ("B", 10_005, 10_006), ("C", 10_005, 10_003)])
        setting.read()
        let session = setting.session(.claimed(.ms(10_003)))
        #expect(session.request == nil && session.rounds == 0)
        #expect(Self.bodies(setting.given(.ms(10_003))) == ["B"])
    }

    @Test("rule 2: an ID of the channel's stream within the log's range stands for the channel's entries up to it")
    func ruleTwo() {
        var setting = Setting()
        setting.write([("A", 10_000, 10_009), ("B", 10_002, 10_004), ("C", 10_003, 10_007)])
        setting.read()
        // The polling endpoint gave A and B, in the channel's order.
        #expect(Self.bodies(setting.given(.ms(10_002))) == ["C"])
    }

    @Test("rule 2: any other ID within the log's range is a point in time")
    func ruleTwoElsewhere() {
        var setting = Setting()
        setting.write([("A", 10_000, nil), ("B", 10_002, 10_004)])
        setting.write([("other", 10_005, 10_005)], channel: 1)
        setting.setGlobal(0, 10_009)
        setting.read()
        #expect(Self.bodies(setting.given(.ms(10_005))) == ["A"])
        #expect(Self.bodies(setting.given(.ms(10_003))) == ["B", "A"])
    }

    @Test("rule 3: before the log, the channel's stream is read and sent in global order under global IDs")
    func ruleThree() {
        var setting = Setting(floor: .ms(20_000))
        setting.write([("A", 10_000, 10_009), ("B", 10_002, 10_004), ("C", 12_000, 12_001), ("D", 20_001, 20_002)])
        setting.read()
        let given = setting.given(.ms(9000))
        #expect(Self.bodies(given) == ["B", "A", "C", "D"])
        #expect(Self.times(given) == [10_004, 10_009, 12_001, 20_002])
        #expect(given.map(\.isFromLog) == [false, false, false, true])
        #expect(Self.bodies(setting.given(.ms(10_004))) == ["A", "C", "D"])
    }

    @Test("rule 3: what the global stream has lost goes out under its channel ID")
    func ruleThreeTrimmed() {
        var setting = Setting(floor: .ms(20_000))
        setting.write([("A", 10_000, 10_009), ("B", 15_000, 15_001), ("C", 20_001, 20_002)])
        setting.read()
        setting.redis.global.trim(1)
        let given = setting.given(.ms(5000))
        #expect(Self.bodies(given) == ["A", "B", "C"])
        #expect(Self.times(given) == [10_000, 15_001, 20_002])
    }

    @Test("rule 4: a log that has not read so far passes over what is not above the ID")
    func ruleFour() {
        var setting = Setting()
        setting.write([("A", 10_000, 10_001)])
        setting.read()
        setting.write([("B", 10_004, 10_005), ("C", 10_006, 10_009), ("D", 10_008, 10_010)])
        var session = setting.session(.claimed(.ms(10_009)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["D"])
    }

    @Test("rule 4: an ID beyond all that was written means from now on")
    func fromNowOn() {
        var setting = Setting()
        setting.write([("A", 10_000, 10_001)])
        setting.read()
        var session = setting.session(.claimed(.ms(99_000)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.write([("B", 10_002, 10_003)])
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["B"])
    }

    @Test(
        "rule 4: an ID beyond all that was written, of a time past, is another primary's: it counts once the log comes to that"
    )
    func fromAnotherPrimary() {
        var setting = Setting()
        setting.write([("A", 10_000, 10_001)])
        setting.read()
        setting.redis.now = 10_501
        var session = setting.session(.claimed(.ms(10_500)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.write([("B", 10_400, 10_401), ("C", 10_499, 10_500), ("D", 10_500, 10_501)])
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["D"])
    }

    @Test(
        "rule 4: what comes between a client's arrival and Redis' answer is owed, also when the stream then passes its ID"
    )
    func fromArrivalOn() {
        for last: UInt64 in [10_002, 99_001] {
            var setting = Setting()
            setting.write([("A", 10_000, 10_001)])
            setting.read()
            setting.redis.now = 10_001
            var session = setting.session(.claimed(.ms(99_000)))
            guard let request = session.request else {
                Issue.record("nothing is asked")
                return
            }
            // The clock is read first.
            session.receive(setting.redis.answer(request, channel: 0, time: 10_001), log: setting.gateway.log)
            setting.write([("B", 10_002, 10_002), ("C", last + 1, last + 1)])
            setting.read()
            #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["B", "C"])
        }
    }

    @Test("rule 4: an ID of a life whose clock was ahead, brought to a log that is behind, means from the arrival on")
    func fromArrivalOnBehind() {
        for isTrimmed in [false, true] {
            var setting = Setting()
            setting.write([("A", 10_000, 10_001)])
            setting.read()
            // Had by the client in the life that both began with, and what that log has not read.
            setting.write([("B", 10_100, 10_101), ("C", 10_200, 10_201)])
            setting.redis.now = 11_000
            var session = setting.session(.claimed(.ms(13_000)))
            guard let request = session.request else {
                Issue.record("nothing is asked")
                return
            }
            // Redis says what its time is, and that comes when all that the ID lay ahead has passed.
            setting.write([("D", 11_002, 11_003), ("E", 14_000, 14_000)])
            if isTrimmed { setting.redis.global.trim(2) }
            session.receive(
                setting.redis.answer(request, channel: 0, time: 14_001, millisecondsSinceArrival: 3001),
                log: setting.gateway.log)
            setting.read()
            #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["D", "E"])
        }
    }

    @Test(
        "rule 4: the same where Redis could not be asked until the log had passed the ID",
        arguments: [(1, 300), (1, 1 << 20), (500, 300)], [false, true])
    func fromArrivalOnLate(load: (events: UInt64, sampleBytes: Int), isTrimmed: Bool) {
        var setting = Setting(capacity: 1)
        setting.redis.sampleBytes = load.sampleBytes
        setting.write([("A", 10_000, 10_001)])
        setting.read()
        let arrival = setting.gateway.log.lastID
        setting.write([("B", 10_100, 10_101)])
        let expected = (0..<load.events).flatMap { number in
            [("D\(number)", 11_002 + number), ("E\(number)", 14_000 + number)]
        }.sorted { $0.1 < $1.1 }
        setting.write(expected.map { ($0.0, $0.1, $0.1) })
        setting.write([("F", 16_000, 16_000)])
        // Each in a batch of its own: the log holds the last.
        for _ in setting.redis.global.entries { setting.readOne() }
        if isTrimmed { setting.redis.global.trim(setting.redis.global.entries.count - 1) }
        var session = setting.session(.claimed(.ms(13_000)), arrival: arrival)
        guard let request = session.request else {
            Issue.record("nothing is asked")
            return
        }
        session.receive(
            setting.redis.answer(request, channel: 0, time: 16_001, millisecondsSinceArrival: 5001),
            log: setting.gateway.log)
        let given = Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log))
        #expect(given == expected.map(\.0) + ["F"])
    }

    @Test("an event whose producer is about to begin the global stream comes once, under the ID that it gets there")
    func firstOfAll() {
        var setting = Setting(floor: .ms(9999))
        setting.redis.now = 10_001
        setting.write([("A", 10_000, nil)])
        var session = setting.session(.claimed(.zero))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.setGlobal(0, 10_002)
        setting.read()
        let given = session.drain(redis: setting.redis, log: setting.gateway.log)
        #expect(Self.bodies(given) == ["A"])
        #expect(Self.times(given) == [10_002])
    }

    // MARK: Issue 2

    @Test("an event of the same millisecond as the last one seen is not lost", arguments: [StreamID.zero, .ms(20_000)])
    func sameMillisecond(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("A", 10_000, 10_000), ("B", 10_000, 10_000), ("C", 10_000, 10_000)])
        setting.read()
        #expect(Self.bodies(setting.given(.ms(10_000, 0))) == ["B", "C"])
        #expect(Self.bodies(setting.given(.ms(10_000, 1))) == ["C"])
        #expect(Self.bodies(setting.given(.ms(10_000, 2))) == [])
    }

    @Test(
        "a channel entry older than the last ID seen is sent if the event is newer",
        arguments: [StreamID.zero, .ms(20_000)])
    func olderEntry(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("A", 10_000, 10_003), ("B", 10_001, 10_004)])
        setting.read()
        #expect(Self.bodies(setting.given(.ms(10_003))) == ["B"])
    }

    @Test("with the global stream trimmed to nothing, only what lies within the skew of the ID comes twice")
    func trimmedToNothing() {
        var setting = Setting(floor: .ms(20_000))
        setting.write([("A", 10_000, 10_001), ("B", 11_500, 11_501), ("C", 12_000, 12_001), ("D", 14_000, 14_001)])
        setting.read()
        setting.redis.global.trim(.max)
        setting.redis.now = 30_000
        #expect(Self.bodies(setting.given(.ms(12_001))) == ["B", "C", "D"])
        let all = setting.given(.zero)
        #expect(Self.bodies(all) == ["A", "B", "C", "D"])
        #expect(Self.times(all) == [10_000, 11_500, 12_000, 14_000])
        // The event that was repeated does not take the client back.
        #expect(Self.times(setting.given(.ms(12_001))) == [12_001, 12_001, 14_000])
    }

    @Test("0-0 gets everything there is", arguments: [StreamID.zero, .ms(10_005), .ms(20_000)])
    func everything(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("A", 10_000, 10_003), ("B", 10_001, 10_004), ("C", 10_009, 10_010)])
        setting.read()
        #expect(Self.bodies(setting.given(.zero)) == ["A", "B", "C"])
    }

    @Test("another channel's ID is a point in time", arguments: [StreamID.zero, .ms(20_000)])
    func anotherChannel(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("A", 10_000, 10_003), ("B", 10_001, 10_007)])
        setting.write([("other", 10_005, 10_008)], channel: 1)
        setting.write([("C", 10_009, 10_010)])
        setting.read()
        #expect(Self.bodies(setting.given(.ms(10_008))) == ["C"])
        #expect(Self.bodies(setting.given(.ms(10_005))) == ["B", "C"])
    }

    @Test("a client that is cut anywhere past the end of the log goes on by the last ID it was given")
    func cutInTheMiddle() {
        var setting = Setting(capacity: 1)
        var written: [(String, UInt64, UInt64?)] = []
        for number in 0..<130 {
            let time = 10_000 + UInt64(number) * 7
            written.append(("e\(number)", time, time + UInt64(number * 37 % 23)))
        }
        setting.write(written)
        for _ in 0..<13 { setting.gateway.read(10, redis: setting.redis, channels: Self.channels) }
        let all = setting.given(.zero)
        #expect(all.count == 130 && Set(Self.bodies(all)).count == 130)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.id < $1.id })
        for cut in all.indices {
            #expect(setting.given(all[cut].id).map(\.body) == all[(cut + 1)...].map(\.body))
        }
    }

    @Test("far more than a page comes in rounds, each event once")
    func manyRounds() {
        var setting = Setting(floor: .ms(1_000_000))
        setting.redis.sampleBytes = 1 << 20
        for number in 0..<300 {
            let time = 10_000 + UInt64(number) * 100
            setting.write([("e\(number)", time, time + 1)])
        }
        setting.read()
        var session = setting.session(.claimed(.zero), skew: 50)
        let given = session.drain(redis: setting.redis, log: setting.gateway.log)
        let expected = (0..<300).map { number in "e\(number)" }
        #expect(Self.bodies(given) == expected)
        #expect(session.rounds > 5 && session.rounds < 100)
    }

    @Test("a gap is told where the channel's stream was trimmed past the ID")
    func gap() {
        var setting = Setting(floor: .ms(20_000))
        setting.write([("A", 10_000, 10_001), ("B", 10_005, 10_006)])
        setting.redis.channels[0].trim(1)
        func gap(_ id: StreamID) -> Bool? {
            var round = ReplayRound(
                channel: Self.channels[0], resume: .claimed(id), skewMilliseconds: 1000, log: setting.gateway.log)
            var step = round.start()
            while case .ask(let requests) = step {
                let answers = requests.map { setting.redis.answer($0, channel: 0, time: setting.redis.now) }
                step = round.receive(answers, log: setting.gateway.log)
            }
            guard case .plan(let plan) = step else { return nil }
            return plan.gap != nil
        }
        #expect(gap(.ms(9000)) == true)
        #expect(gap(.ms(10_006)) == false)
    }

    // MARK: Issue 3

    @Test("(a) cut between two events whose order differs in the two streams, and resumed on another replica")
    func crossedOrder() {
        for cut in 0...1 {
            var setting = Setting(floor: .ms(20_000))
            setting.write([("e1", 10_100, 10_103), ("e2", 10_101, 10_102)])
            setting.read()
            let first = setting.given(.ms(9000))
            #expect(Self.bodies(first) == ["e2", "e1"])
            // The other replica has them in its log.
            var other = Setting()
            other.redis = setting.redis
            other.read()
            #expect(Self.bodies(other.given(first[cut].id)) == [["e1"], []][cut])
        }
    }

    @Test("(b) an event whose global entry is written only after the replay comes once, through the log")
    func lateTwin() {
        var setting = Setting(floor: .ms(102))
        setting.write([("other", 40, 41)], channel: 1)
        setting.write([("e1", 100, nil)])
        setting.redis.now = 103
        var session = setting.session(.claimed(.ms(50)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.setGlobal(1, 105)
        setting.read()
        let given = session.drain(redis: setting.redis, log: setting.gateway.log)
        #expect(given == [.init(id: .ms(105), body: Array("e1".utf8), isFromLog: true)])
        #expect(setting.given(.ms(105)).isEmpty)
    }

    @Test("(b) the same where the global stream was trimmed: once, on one connection")
    func lateTwinTrimmed() {
        var setting = Setting(floor: .ms(102))
        setting.write([("e0", 90, 91)])
        setting.write([("e1", 100, nil)])
        setting.redis.global.trim(1)
        setting.redis.now = 103
        var session = setting.session(.claimed(.ms(50)))
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["e0", "e1"])
        setting.setGlobal(1, 105)
        setting.write([("e2", 106, 107)])
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["e2"])
    }

    @Test(
        "(c) equal events whose entries lie across the ID: the second is sent", arguments: [StreamID.zero, .ms(20_000)])
    func equalEvents(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("X", 10_000 - 1500, 10_000 - 900), ("X", 10_000 - 100, 10_050)])
        setting.read()
        let given = setting.given(.ms(10_000))
        #expect(Self.bodies(given) == ["X"] && Self.times(given) == [10_050])
    }

    @Test(
        "(d) an ID that is one event's global and another's channel ID is the former",
        arguments: [StreamID.zero, .ms(20_000)])
    func ambiguousID(floor: StreamID) {
        var setting = Setting(floor: floor)
        setting.write([("A", 10_100, 10_101), ("B", 10_101, 10_102)])
        setting.read()
        #expect(Self.bodies(setting.given(.ms(10_101))) == ["B"])
    }

    @Test("(d) also where the log has not read so far")
    func ambiguousIDAhead() {
        var setting = Setting()
        setting.write([("A", 10_100, 10_101), ("B", 10_101, 10_102)])
        var session = setting.session(.claimed(.ms(10_101)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["B"])
    }

    // MARK: Found by the campaign

    @Test("an event not yet written is owed by position, though its channel entry lies before the ID")
    func pendingBeforeThePosition() {
        var setting = Setting()
        setting.write([("A", 10_000, nil)])
        setting.write([("other", 10_001, 10_001)], channel: 1)
        setting.read()
        var session = setting.session(.claimed(.ms(10_001)))
        #expect(session.drain(redis: setting.redis, log: setting.gateway.log).isEmpty)
        setting.setGlobal(0, 10_005)
        setting.read()
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["A"])
    }

    @Test("what is trimmed while a round goes on counts as trimmed, not as still to come")
    func trimmedMeanwhile() {
        var setting = Setting(floor: .ms(10_010))
        setting.write([("A", 10_000, 10_005)])
        setting.redis.now = 10_011
        var session = setting.session(.claimed(.ms(9000)))
        while let request = session.request {
            if case .globalEntries(_, let through, _, _) = request, through > .ms(9000) { setting.redis.global.trim(1) }
            session.receive(
                setting.redis.answer(request, channel: 0, time: setting.redis.now), log: setting.gateway.log)
        }
        #expect(Self.bodies(session.drain(redis: setting.redis, log: setting.gateway.log)) == ["A"])
    }

    @Test("a client ahead of a log that lacks what was trimmed is given nothing again but near its ID")
    func aheadOfAHole() {
        var setting = Setting(floor: .ms(10_000))
        setting.write([("A", 9650, 9651), ("B", 9990, 9991), ("C", 10_099, 10_100), ("D", 19_999, 20_000)])
        setting.redis.global.trim(3)
        var log = setting.gateway.log
        func plan(_ resume: ResumePoint, _ exceptions: Exceptions) -> ReplayPlan? {
            var round = ReplayRound(
                channel: Self.channels[0], resume: resume, exceptions: exceptions, skewMilliseconds: 400, log: log)
            var step = round.start()
            while case .ask(let requests) = step {
                let answers = requests.map { setting.redis.answer($0, channel: 0, time: setting.redis.now) }
                step = round.receive(answers, log: log)
            }
            if case .plan(let plan) = step { return plan }
            return nil
        }
        // It has had all but D, and the log has not come so far.
        let first = plan(.claimed(.ms(10_100)), Exceptions())
        #expect(first?.sends.map { String(decoding: $0.body, as: UTF8.self) } == ["B", "C"])
        guard case .log(_, let place, let exceptions)? = first?.next, place == .ms(10_000) else {
            Issue.record("\(String(describing: first))")
            return
        }
        // Then the log is told that it never will.
        var index = BucketIndex(historyBytes: .max)
        log.begin(
            after: Break(
                common: .ms(10_000), floor: StreamID.ms(20_000).predecessor, lastID: .ms(10_000), isHole: true,
                after: nil,
                index: &index))
        let second = plan(.settled(.ms(10_000), frontier: nil), exceptions)
        // Those two were given by now, though their twins never came.
        #expect(second?.sends.map { String(decoding: $0.body, as: UTF8.self) } == ["D"])
    }

    @Test("a partner outside the narrow window does not hide the event's own, which lies before it")
    func partnerBehindTheWindow() {
        var setting = Setting(floor: .ms(10_100))
        setting.write([("X", 10_000, 10_080)])
        var session = setting.session(.claimed(.ms(9900)))
        for _ in 0..<6 {
            guard let request = session.request else { break }
            session.receive(
                setting.redis.answer(request, channel: 0, time: setting.redis.now), log: setting.gateway.log)
        }
        // An equal event, written after the channel's stream was read.
        setting.write([("X", 10_110, 10_120)])
        setting.read()
        let given = session.drain(redis: setting.redis, log: setting.gateway.log)
        #expect(Self.times(given) == [10_080, 10_120])
    }

    @Test("a log that lets go of the place of a plan before the cursor gets there costs nothing")
    func evictedBehindAPlan() {
        var setting = Setting(capacity: 1)
        setting.write([("A", 10_000, 10_001), ("B", 10_010, 10_011), ("C", 10_020, 10_021), ("D", 10_030, 10_031)])
        setting.gateway.read(1, redis: setting.redis, channels: Self.channels)
        setting.gateway.read(1, redis: setting.redis, channels: Self.channels)
        var session = setting.session(.claimed(.zero), skew: 2)
        while let request = session.request {
            session.receive(
                setting.redis.answer(request, channel: 0, time: setting.redis.now), log: setting.gateway.log)
        }
        let first = session.deliver(log: setting.gateway.log)
        setting.gateway.read(1, redis: setting.redis, channels: Self.channels)
        setting.gateway.read(1, redis: setting.redis, channels: Self.channels)
        let rest = session.drain(redis: setting.redis, log: setting.gateway.log)
        #expect(first.map { Self.bodies([$0]) } == ["A"] && Self.bodies(rest) == ["B", "C", "D"])
    }
}
