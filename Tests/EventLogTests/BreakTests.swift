import Testing

@testable import EventLog

/// Where the global stream does not go on where it was read to.
@Suite struct BreakTests {
    private static let channel = Channel(Array("alpha".utf8))
    private static let other = Channel(Array("beta".utf8))

    /// A log, and the reader's half of it.
    private struct Setting {
        var log: EventLog
        var index: BucketIndex
        var last: Break?

        init(capacity: Int = 1 << 20) {
            log = EventLog(capacity: capacity, floor: .ms(0))
            index = BucketIndex(historyBytes: capacity)
        }

        mutating func append(_ ids: [StreamID], of channel: Channel = BreakTests.channel, text: String = "e}") {
            var builder = BatchBuilder()
            for id in ids { builder.append(id: id, body: Array(text.utf8), channel: channel) }
            log.append(builder.seal(index: &index))
        }

        mutating func breakLog(common: StreamID, floor: StreamID? = nil) {
            let next = Break(
                common: common, floor: floor ?? common, lastID: log.lastID, isHole: floor != nil, after: last,
                index: &index)
            last = next
            log.begin(after: next)
        }
    }

    /// IDs in the order of the numbers, from a cursor on.
    private func ids(_ log: EventLog, after cursor: EventNumber) -> [StreamID] {
        var numbers: [EventNumber] = []
        _ = log.collect(Self.channel, after: cursor, into: &numbers)
        return numbers.compactMap { log.locate($0) }.map { $0.batch.entries[$0.index].id }
    }

    @Test("events from before and behind a break are both held, whatever their IDs")
    func bothStretches() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20), .ms(30)])
        setting.breakLog(common: .ms(15))
        setting.append([.ms(16), .ms(20)])
        #expect(ids(setting.log, after: 0) == [.ms(10), .ms(20), .ms(30), .ms(16), .ms(20)])
        #expect(setting.log.lastID == .ms(20) && setting.log.floor == .ms(15))
        #expect(setting.log.eventCount == 2 && setting.log.lastNumber == 6)
    }

    @Test("where IDs go on ascending behind it, those above what was read keep what they mean")
    func ascending() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20)])
        setting.breakLog(common: .ms(20), floor: .ms(50))
        #expect(setting.last?.renewsIDs == false)
        setting.append([.ms(60)])
        setting.breakLog(common: .ms(55))
        #expect(setting.last?.renewsIDs == true)
    }

    @Test("the break's own number is no event")
    func ownNumber() {
        var setting = Setting()
        setting.append([.ms(10)])
        setting.breakLog(common: .ms(10))
        #expect(setting.log.locate(2) == nil)
        setting.append([.ms(11)])
        #expect(setting.log.locate(2) == nil)
        #expect(setting.log.locate(3) != nil && setting.log.locate(1) != nil)
    }

    @Test("IDs are looked up behind the break")
    func lookUp() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20), .ms(30)])
        setting.breakLog(common: .ms(15))
        setting.append([.ms(16), .ms(20), .ms(40)])
        let log = setting.log
        #expect(log.number(atOrBefore: .ms(5)) == 4)
        #expect(log.number(atOrBefore: .ms(15)) == 4)
        #expect(log.number(atOrBefore: .ms(16)) == 5)
        #expect(log.number(atOrBefore: .ms(30)) == 6)
        #expect(log.number(atOrBefore: .max) == 7)
        // The same ID is the newer event's; one that only the older stretch has is that one's.
        #expect(log.place(.ms(20), of: Self.channel) == .event(6))
        #expect(log.place(.ms(30), of: Self.channel) == .event(3))
        #expect(log.place(.ms(10), of: Self.channel) == .event(1))
        #expect(log.place(.ms(17), of: Self.channel) == .unknown)
        #expect(log.event(.ms(20)).map { $0.batch.firstNumber } == 5)
        #expect(log.event(.ms(30)) == nil)
    }

    @Test(
        "a cursor before the break is given what lies before it, and then goes on from what both sides have in common")
    func outlook() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20)])
        setting.breakLog(common: .ms(20), floor: .ms(50))
        setting.append([.ms(60)])
        #expect(setting.log.outlook(after: 0, at: .ms(0)) == .held(through: 2))
        #expect(setting.log.outlook(after: 1, at: .ms(10)) == .held(through: 2))
        #expect(setting.log.outlook(after: 2, at: .ms(20)) == .elsewhere(.ms(20)))
        #expect(setting.log.outlook(after: 3, at: .ms(50)) == .held(through: 4))
    }

    @Test("what lay before a stream that was replaced and was let go of is gone")
    func gone() {
        var setting = Setting(capacity: 1)
        setting.append([.ms(10)])
        setting.append([.ms(20)])
        setting.append([.ms(30)])
        setting.breakLog(common: .ms(12))
        setting.append([.ms(13)])
        setting.append([.ms(14)])
        #expect(setting.log.outlook(after: 0, at: .ms(0)) == .gone)
        #expect(setting.log.outlook(after: 1, at: .ms(10)) == .gone)
        #expect(setting.log.outlook(after: 2, at: .ms(20)) == .gone)
        // It had everything there was before the break.
        #expect(setting.log.outlook(after: 3, at: .ms(30)) == .elsewhere(.ms(12), hadBefore: .ms(30)))
        #expect(setting.log.outlook(after: 4, at: .ms(12)) == .elsewhere(.ms(12)))
        #expect(setting.log.outlook(after: 5, at: .ms(13)) == .held(through: 6))
    }

    @Test("a stream that parts from the one before below all that is held is given from there on")
    func belowTheFloor() {
        var setting = Setting(capacity: 1)
        for time: UInt64 in [10, 20, 30] { setting.append([.ms(time)]) }
        #expect(setting.log.floor == .ms(20))
        setting.breakLog(common: .ms(12))
        #expect(setting.log.floor == .ms(12) && setting.log.lastID == .ms(12) && setting.log.reach == .ms(12))
        // Up to date, in the middle of what is held, behind it.
        #expect(setting.log.outlook(after: 3, at: .ms(30)) == .elsewhere(.ms(12), hadBefore: .ms(30)))
        #expect(setting.log.outlook(after: 2, at: .ms(20)) == .held(through: 3))
        #expect(setting.log.outlook(after: 1, at: .ms(10)) == .gone)
        #expect(setting.log.number(atOrBefore: .ms(12)) == 4)
        setting.append([.ms(13), .ms(25)])
        #expect(ids(setting.log, after: 4) == [.ms(13), .ms(25)])
        #expect(setting.log.outlook(after: 4, at: .ms(12)) == .held(through: 6))
        #expect(
            setting.log.history(of: Self.channel, after: .zero, through: .max).map(\.entry.id) == [.ms(13), .ms(25)])
    }

    @Test(
        "of two breaks only what lies between them and behind the second is kept, and places must mean the same behind both"
    )
    func twoBreaks() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20)])
        setting.breakLog(common: .ms(15))
        setting.append([.ms(16)])
        setting.breakLog(common: .ms(16))
        setting.append([.ms(17)])
        #expect(ids(setting.log, after: 0) == [.ms(16), .ms(17)])
        #expect(setting.log.outlook(after: 1, at: .ms(10)) == .elsewhere(.ms(10)))
        #expect(setting.log.outlook(after: 1, at: .ms(16)) == .gone)
        #expect(setting.log.outlook(after: 3, at: .ms(15)) == .held(through: 4))
        #expect(setting.log.locate(1) == nil)
    }

    @Test("what lies before holes is kept for what it tells, and given to nobody past one that it does not know of")
    func twoHoles() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20)])
        setting.breakLog(common: .ms(20), floor: .ms(50))
        setting.append([.ms(60)])
        setting.breakLog(common: .ms(60), floor: .ms(80))
        setting.append([.ms(90)])
        let log = setting.log
        #expect(
            log.history(of: Self.channel, after: .zero, through: .max).map(\.entry.id)
                == [.ms(10), .ms(20), .ms(60), .ms(90)])
        // Nobody goes on from there by the log alone.
        #expect(log.place(.ms(10), of: Self.channel) == .unknown && log.floor == .ms(80))
        #expect(log.place(.ms(60), of: Self.channel) == .event(4))
        for (cursor, place) in [(0, 0), (1, 10), (2, 20)] as [(EventNumber, UInt64)] {
            #expect(log.outlook(after: cursor, at: .ms(place)) == .elsewhere(.ms(place)))
        }
        #expect(log.outlook(after: 3, at: .ms(50)) == .held(through: 4))
        #expect(log.outlook(after: 4, at: .ms(60)) == .elsewhere(.ms(60)))
        #expect(log.outlook(after: 5, at: .ms(80)) == .held(through: 6))
    }

    @Test("what lay before a hole and was let go of is looked for in Redis: its place means the same behind it")
    func evictedBeforeAHole() {
        var setting = Setting(capacity: 1)
        setting.append([.ms(10)])
        setting.append([.ms(20)])
        setting.breakLog(common: .ms(20), floor: .ms(50))
        setting.append([.ms(60)])
        #expect(setting.log.outlook(after: 0, at: .ms(0)) == .elsewhere(.ms(0)))
        #expect(setting.log.outlook(after: 1, at: .ms(10)) == .elsewhere(.ms(10)))
    }

    @Test("a log that evicts across a break knows what is left")
    func eviction() {
        var setting = Setting(capacity: 2000)
        for id in 1...5 { setting.append([.ms(UInt64(id * 10))]) }
        setting.breakLog(common: .ms(25))
        for id in 6...40 { setting.append([.ms(UInt64(20 + id))]) }
        let held = ids(setting.log, after: 0)
        #expect(held.last == .ms(60) && held.count > 1 && held.count < 35)
        #expect(held == held.sorted())
        #expect(setting.log.floor < held[0] && setting.log.floorNumber == setting.log.heldNumber)
    }

    @Test("twins from before a hole are still known to those who read around it")
    func twinsAcrossAHole() {
        var setting = Setting()
        setting.append([.ms(10), .ms(20)])
        setting.append([.ms(21)], of: Self.other)
        setting.breakLog(common: .ms(21), floor: .ms(50))
        setting.append([.ms(60)])
        let known = setting.log.history(of: Self.channel, after: .ms(5), through: .ms(100)).map(\.entry.id)
        #expect(known == [.ms(10), .ms(20), .ms(60)])
        #expect(setting.log.reach < .ms(10))
        // What means something else behind the break is not.
        var another = Setting()
        another.append([.ms(10), .ms(20)])
        another.breakLog(common: .ms(15))
        another.append([.ms(60)])
        let common = another.log.history(of: Self.channel, after: .ms(5), through: .ms(100)).map(\.entry.id)
        #expect(common == [.ms(10), .ms(60)])
    }
}
