import Testing

@testable import EventLog

/// What an ID means that was claimed before a break, and lies above what the streams have in common.
@Suite("An ID that was claimed before a break")
struct ClaimedIDTests {
    private static let channel = Channel(Array("a".utf8))
    private static let other = Channel(Array("b".utf8))
    private static let skew: Int64 = 400

    /// A log that has broken, and the streams that are there now.
    private struct Setting {
        let common: StreamID
        private(set) var log = EventLog(capacity: 1 << 20, floor: .ms(1000))
        private var index = BucketIndex(historyBytes: 1 << 20)
        var redis = SimulatedRedis(channels: 2)

        /// - Parameter lost: the last that was read of the stream before.
        init(common: StreamID, lost: StreamID) {
            self.common = common
            redis.now = 0
            redis.add(1, "both", channelID: common, globalID: common)
            append(common, "both", of: ClaimedIDTests.other)
            append(lost, "lost", of: ClaimedIDTests.other)
            log.begin(
                after: Break(common: common, floor: common, lastID: lost, isHole: false, after: nil, index: &index))
        }

        private mutating func append(_ id: StreamID, _ body: String, of channel: Channel) {
            var builder = BatchBuilder()
            builder.append(id: id, body: Array(body.utf8), channel: channel)
            log.append(builder.seal(index: &index))
        }

        mutating func write(_ body: String, channelID: StreamID, globalID: StreamID?) {
            redis.add(0, body, channelID: channelID, globalID: globalID)
            if let globalID { append(globalID, body, of: ClaimedIDTests.channel) }
        }

        mutating func writeTwin(_ event: Int, _ body: String, _ globalID: StreamID) {
            redis.setGlobal(event, globalID)
            append(globalID, body, of: ClaimedIDTests.channel)
        }

        /// What the round for an ID comes to.
        func plan(
            _ id: StreamID, _ exceptions: Exceptions = Exceptions(), millisecondsSinceArrival: UInt64 = 0
        ) -> ReplayPlan? {
            var round = ReplayRound(
                channel: ClaimedIDTests.channel, resume: .claimed(id), exceptions: exceptions,
                skewMilliseconds: ClaimedIDTests.skew, arrival: common, common: common, log: log)
            var step = round.start()
            while case .ask(let requests) = step {
                let answers = requests.map {
                    redis.answer($0, channel: 0, time: redis.now, millisecondsSinceArrival: millisecondsSinceArrival)
                }
                step = round.receive(answers, log: log)
            }
            if case .plan(let plan) = step { return plan }
            return nil
        }

        /// What the client is sent of the log.
        /// - Parameter later: the setting that it goes on in; nil: this one.
        func given(
            _ id: StreamID, _ exceptions: Exceptions = Exceptions(), millisecondsSinceArrival: UInt64 = 0,
            thenIn later: Setting? = nil
        ) -> [StreamID]? {
            let later = later ?? self
            let plan = plan(id, exceptions, millisecondsSinceArrival: millisecondsSinceArrival)
            guard let plan, plan.sends.isEmpty else { return nil }
            switch plan.next {
            case .log(let cursor, _, let exceptions): return later.events(after: cursor, exceptions)
            case .again(.settled(let place, _), let exceptions):
                return later.events(after: log.number(atOrBefore: place), exceptions)
            case .again: return nil
            }
        }

        private func events(after cursor: EventNumber, _ exceptions: Exceptions) -> [StreamID] {
            var exceptions = exceptions
            var numbers: [EventNumber] = []
            _ = log.collect(ClaimedIDTests.channel, after: cursor, into: &numbers)
            return numbers.compactMap { log.locate($0) }
                .filter { !exceptions.skips(in: $0.batch, at: $0.index) }
                .map { $0.batch.entries[$0.index].id }
        }
    }

    @Test("one of the stream that is there now is a place in it, whatever was read before the break")
    func found() {
        var setting = Setting(common: .ms(10_000), lost: .ms(12_000))
        setting.write("A", channelID: .ms(10_300), globalID: .ms(10_301))
        setting.write("B", channelID: .ms(10_600), globalID: .ms(10_601))
        #expect(setting.given(.ms(10_301)) == [.ms(10_601)])
        // As its channel's stream has it.
        #expect(setting.given(.ms(10_300)) == [.ms(10_601)])
    }

    @Test(
        "one that was lost leaves the client where the streams part, also where the new one was trimmed past it",
        arguments: [nil, 1, 2])
    func lost(kept: Int?) {
        var setting = Setting(common: .ms(10_000), lost: .ms(12_000))
        setting.write("A", channelID: .ms(10_300), globalID: .ms(10_301))
        setting.write("B", channelID: .ms(10_600), globalID: .ms(10_601))
        setting.write("C", channelID: .ms(13_000), globalID: .ms(13_001))
        setting.redis.now = 13_100
        if let kept { setting.redis.global.trim(kept) }
        let all: [StreamID] = [.ms(10_301), .ms(10_601), .ms(13_001)]
        #expect(setting.given(.ms(11_900)) == all)
        // It lay in the future of the new stream's clock when the client came.
        #expect(setting.given(.ms(11_900), millisecondsSinceArrival: 2100) == all)
    }

    @Test(
        "of the stream before a lost ID says what was had, but not beyond what any clock has come to",
        arguments: [StreamID.ms(11_900), .ms(99_000_000)])
    func hadBefore(lost: StreamID) {
        var setting = Setting(common: .ms(10_000), lost: .ms(12_000))
        setting.write("A", channelID: .ms(10_300), globalID: .ms(10_301))
        setting.redis.now = 13_100
        guard case .again(.settled(let place, _), let exceptions)? = setting.plan(lost)?.next else {
            Issue.record("\(String(describing: setting.plan(lost)))")
            return
        }
        #expect(place == .ms(10_000))
        #expect(exceptions.orphansThrough == min(lost, StreamID.ms(13_100).endShifted(by: Self.skew)))
    }

    @Test("an event whose twin was awaited before the break is passed over once", arguments: [false, true])
    func awaited(isTwinRead: Bool) {
        var setting = Setting(common: .ms(9500), lost: .ms(9900))
        let id = StreamID.ms(10_000)
        setting.write("X", channelID: id, globalID: nil)
        let event = setting.redis.events.count - 1
        var exceptions = Exceptions()
        exceptions.awaited = [.init(body: Array("X".utf8), after: setting.common, until: .ms(10_400))]
        if isTwinRead { setting.writeTwin(event, "X", .ms(10_020)) }
        setting.redis.now = 10_030
        var later = setting
        if !isTwinRead { later.writeTwin(event, "X", .ms(10_020)) }
        later.write("X", channelID: .ms(10_200), globalID: .ms(10_210))
        // Asked before the later events were written, and followed into them.
        #expect(setting.given(id, exceptions, thenIn: later) == [.ms(10_210)])
    }
}
