import EventLog
import Testing

@testable import RedisStreams

/// Whether the stream is still the one that was read.
@Suite struct StreamContinuityTests {
    private static func id(_ milliseconds: UInt64) -> StreamID { StreamID(milliseconds: milliseconds, sequence: 0) }

    private static func info(
        length: UInt64, last: UInt64, first: UInt64?, added: UInt64?, data: String? = nil
    ) -> StreamInfo {
        StreamInfo(
            length: length, lastGeneratedID: id(last), firstEntryID: first.map(id),
            lastEntryID: length > 0 ? id(last) : nil, lastEntryData: data.map { Array($0.utf8) }, entriesAdded: added,
            maxDeletedEntryID: nil)
    }

    /// A stream of three entries, 10, 20 and 30, of which all were read, the last two after the start.
    private static func read(added: UInt64? = 1) -> StreamContinuity {
        var continuity = StreamContinuity(info(length: 1, last: 10, first: 10, added: added, data: "a"))
        for milliseconds: UInt64 in [20, 30] {
            continuity.read(id(milliseconds))
            continuity.anchor(id(milliseconds), Array("e\(milliseconds)".utf8))
        }
        return continuity
    }

    @Test("the last entry that was read is the anchor, at the start the one that was there")
    func anchors() {
        let start = StreamContinuity(Self.info(length: 1, last: 10, first: 10, added: 1, data: "a"))
        #expect(start.anchor == .init(id: Self.id(10), data: Array("a".utf8)))
        #expect(Self.read().anchor == .init(id: Self.id(30), data: Array("e30".utf8)))
        #expect(Self.read().lastID == Self.id(30))
        #expect(StreamContinuity(nil).anchor == nil && StreamContinuity(nil).lastID == .zero)
        // Its last entry was deleted: the one before it was read, too.
        let deleted = StreamContinuity(
            StreamInfo(
                length: 1, lastGeneratedID: Self.id(20), firstEntryID: Self.id(10), lastEntryID: Self.id(10),
                lastEntryData: [1], entriesAdded: 2, maxDeletedEntryID: Self.id(20)))
        #expect(deleted.anchor == .init(id: Self.id(10), data: [1]) && deleted.lastID == Self.id(20))
    }

    @Test("an entry without data is an anchor too: what has data, or other bytes, is another one")
    func withoutData() {
        var continuity = Self.read()
        continuity.read(Self.id(40))
        continuity.anchor(Self.id(40), nil)
        #expect(continuity.anchor == .init(id: Self.id(40), data: nil))
        #expect(StreamContinuity(Self.info(length: 1, last: 10, first: 10, added: 1)).anchor != nil)
        let data: [[UInt8]?] = [nil, [], [1], [2], [1, 2]]
        for mine in data {
            let anchor = StreamContinuity.Anchor(id: Self.id(1), data: mine)
            for other in data {
                let holds = other?.withUnsafeBytes { anchor.holds($0) } ?? anchor.holds(nil)
                #expect(holds == (mine == other))
            }
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var info: StreamInfo?
        var verdict: StreamContinuity.Verdict
        /// For Redis before 7.
        var withoutCounts: StreamContinuity.Verdict
        var testDescription: String { name }

        init(
            _ name: String, _ info: StreamInfo?, _ verdict: StreamContinuity.Verdict,
            withoutCounts: StreamContinuity.Verdict? = nil
        ) {
            self.name = name
            self.info = info
            self.verdict = verdict
            self.withoutCounts = withoutCounts ?? verdict
        }
    }

    static let cases = [
        Case("trimmed, all read", info(length: 0, last: 30, first: nil, added: 3), .continues),
        Case(
            "trimmed, what is left is all that is new", info(length: 2, last: 50, first: 40, added: 5), .continues,
            withoutCounts: .hole(floor: id(40).predecessor)),
        Case(
            "trimmed, one unread entry with it", info(length: 1, last: 50, first: 50, added: 5),
            .hole(floor: id(50).predecessor)),
        Case("emptied, with unread entries", info(length: 0, last: 50, first: nil, added: 5), .hole(floor: id(50))),
        Case("its entries begin before", info(length: 2, last: 40, first: 20, added: 4), .differs(from: id(30))),
        Case("it has not come so far", info(length: 2, last: 25, first: 10, added: 2), .differs(from: id(25))),
        Case(
            "it is empty and has not come so far", info(length: 0, last: 5, first: nil, added: 1),
            .replaced(common: id(30), floor: id(1000).predecessor)),
        Case("gone, the clock ahead", nil, .replaced(common: id(30), floor: id(1000).predecessor)),
        Case(
            "written anew with later IDs", info(length: 4, last: 90, first: 60, added: 4),
            .hole(floor: id(60).predecessor)),
    ]

    @Test("how the stream stands decides", arguments: cases)
    func verdicts(_ one: Case) {
        #expect(Self.read().judge(one.info, serverMilliseconds: 1000) == one.verdict)
        var old = one.info
        old?.entriesAdded = nil
        #expect(Self.read(added: nil).judge(old, serverMilliseconds: 1000) == one.withoutCounts)
    }

    @Test("gone, and the clock behind what was read: what comes may have lower IDs")
    func goneWithClockBehind() {
        #expect(
            Self.read().judge(nil, serverMilliseconds: 15)
                == .replaced(common: Self.id(15).predecessor, floor: Self.id(15).predecessor))
    }

    @Test("a stream that was missing and still is, or was written since, continues")
    func missing() {
        var continuity = StreamContinuity(nil)
        #expect(continuity.judge(nil, serverMilliseconds: 1000) == .continues)
        #expect(
            continuity.judge(Self.info(length: 2, last: 50, first: 40, added: 2), serverMilliseconds: 1000)
                == .continues)
        let trimmed = Self.info(length: 1, last: 50, first: 50, added: 2)
        let verdict = continuity.judge(trimmed, serverMilliseconds: 1000)
        #expect(verdict == .hole(floor: Self.id(50).predecessor))
        continuity.accept(verdict, trimmed)
        #expect(continuity.lastID == Self.id(50).predecessor)
        continuity.read(Self.id(50))
        #expect(
            continuity.judge(Self.info(length: 0, last: 50, first: nil, added: 2), serverMilliseconds: 1) == .continues)
    }

    @Test("after a hole the counts hold again")
    func countsAfterAHole() {
        var continuity = Self.read()
        let info = Self.info(length: 2, last: 60, first: 50, added: 10)
        continuity.accept(continuity.judge(info, serverMilliseconds: 1000), info)
        #expect(continuity.lastID == Self.id(50).predecessor)
        continuity.read(Self.id(50))
        continuity.read(Self.id(60))
        #expect(
            continuity.judge(Self.info(length: 0, last: 60, first: nil, added: 10), serverMilliseconds: 1000)
                == .continues)
        #expect(
            continuity.judge(Self.info(length: 0, last: 70, first: nil, added: 11), serverMilliseconds: 1000)
                == .hole(floor: Self.id(70)))
    }

    @Test(
        "behind a hole reading begins at the first entry, which is the anchor; if that goes before it was read, at the end"
    )
    func trimmedFasterThanRead() {
        for added: UInt64? in [10, nil] {
            var continuity = Self.read(added: added.map { _ in 1 })
            let info = Self.info(length: 2, last: 60, first: 50, added: added)
            let verdict = continuity.judge(info, serverMilliseconds: 1000)
            #expect(verdict == .hole(floor: Self.id(50).predecessor))
            continuity.accept(verdict, info)
            #expect(continuity.anchor?.id == Self.id(50) && continuity.lastID == Self.id(50).predecessor)

            let later = Self.info(length: 2, last: 80, first: 70, added: added.map { $0 + 2 }, data: "last")
            let again = continuity.judge(later, serverMilliseconds: 1000)
            #expect(again == .hole(floor: Self.id(80)))
            continuity.accept(again, later)
            #expect(continuity.anchor == .init(id: Self.id(80), data: Array("last".utf8)))
            // All that was read, which is nothing, was removed: nothing is missing.
            let emptied = Self.info(length: 0, last: 80, first: nil, added: added.map { $0 + 2 })
            #expect(continuity.judge(emptied, serverMilliseconds: 1000) == .continues)

            var reading = continuity
            reading.read(Self.id(90))
            #expect(
                reading.judge(
                    Self.info(length: 1, last: 120, first: 110, added: added.map { $0 + 5 }), serverMilliseconds: 1000)
                    == .hole(floor: Self.id(110).predecessor))
        }
    }

    @Test("a stream that took another's place is taken once, also before Redis 7", arguments: [2, nil])
    func replacedOnce(added: UInt64?) {
        var gone = Self.read(added: added.map { _ in 1 })
        gone.accept(gone.judge(nil, serverMilliseconds: 1000), nil)
        #expect(gone.anchor == nil)
        let anew = Self.info(length: 2, last: 1010, first: 1005, added: added)
        #expect(gone.judge(anew, serverMilliseconds: 1010) == .continues)
        #expect(gone.hasAllBehind(anew, isRead: false))
        gone.accept(.continues, anew)
        #expect(gone.anchor?.id == Self.id(1005) && gone.lastID == .zero)
    }

    @Test("where there was no entry, what was removed behind it is told by the counts, and by IDs below it")
    func withoutAnchor() {
        func emptied(_ added: UInt64?) -> StreamContinuity {
            var continuity = Self.read(added: added)
            let info = Self.info(length: 0, last: 30, first: nil, added: added.map { $0 + 2 })
            continuity.accept(continuity.judge(info, serverMilliseconds: 1000), info)
            return continuity
        }
        #expect(emptied(1).anchor == nil && emptied(1).lastID == Self.id(30))
        let infos: [(info: StreamInfo?, isThere: Bool, isThereWithoutCounts: Bool)] = [
            (Self.info(length: 0, last: 30, first: nil, added: 3), true, true),
            (Self.info(length: 2, last: 50, first: 40, added: 5), true, true),
            // However many were read of them.
            (Self.info(length: 1, last: 50, first: 50, added: 5), false, true),
            (Self.info(length: 0, last: 50, first: nil, added: 5), false, false),
            // As many as there should be, but it begins below.
            (Self.info(length: 4, last: 50, first: 20, added: 7), false, false),
            (nil, false, false),
        ]
        for (info, isThere, isThereWithoutCounts) in infos {
            #expect(emptied(1).hasAllBehind(info, isRead: false) == isThere)
            var old = info
            old?.entriesAdded = nil
            #expect(emptied(nil).hasAllBehind(old, isRead: false) == isThereWithoutCounts)
        }
        #expect(StreamContinuity(nil).hasAllBehind(nil, isRead: false))
        // It was there, and is gone again.
        #expect(!StreamContinuity(nil).hasAllBehind(nil, isRead: true))
        #expect(StreamContinuity(nil).hasAllBehind(Self.info(length: 2, last: 20, first: 10, added: 2), isRead: false))
        #expect(!StreamContinuity(nil).hasAllBehind(Self.info(length: 1, last: 20, first: 20, added: 2), isRead: false))
    }

    @Test("the search decides from where a stream that differs is read")
    func afterTheSearch() {
        let continuity = Self.read()
        // The newest entry up to what was read is ours: only later ones were deleted, or lost.
        #expect(
            continuity.judge(
                Self.info(length: 3, last: 90, first: 10, added: 3), common: Self.id(20), isNewest: true,
                known: .zero, knownCount: 3) == .continues)
        // The same, and what comes next may have an ID that was read.
        #expect(
            continuity.judge(
                Self.info(length: 2, last: 20, first: 10, added: 2), common: Self.id(20), isNewest: true,
                known: .zero, knownCount: 3) == .replaced(common: Self.id(20), floor: Self.id(20)))
        // Others lie between.
        #expect(
            continuity.judge(
                Self.info(length: 3, last: 25, first: 10, added: 3), common: Self.id(20), isNewest: false,
                known: .zero, knownCount: 3) == .replaced(common: Self.id(20), floor: Self.id(20)))
        // Nothing in common, and nothing was there before what is known: another stream, from its beginning.
        let another = Self.info(length: 2, last: 6, first: 5, added: 2)
        #expect(
            continuity.judge(another, common: nil, isNewest: false, known: Self.id(9), knownCount: 3)
                == .replaced(common: Self.id(5).predecessor, floor: Self.id(5).predecessor))
        // Nothing in common, but it is old: it is the same where nothing is known any more.
        var long = StreamContinuity(Self.info(length: 100, last: 1000, first: 10, added: 500, data: "x"))
        long.read(Self.id(1010))
        #expect(
            long.judge(
                Self.info(length: 100, last: 1005, first: 10, added: 501), common: nil, isNewest: false,
                known: Self.id(1000), knownCount: 1) == .replaced(common: Self.id(1000), floor: Self.id(1000)))
    }

    @Test("a stream that begins as it did is the same, however much another primary lacks of it")
    func sameBeginning() {
        var continuity = StreamContinuity(Self.info(length: 5, last: 50, first: 10, added: 5, data: "x"))
        continuity.read(Self.id(60))
        #expect(
            continuity.judge(
                Self.info(length: 2, last: 20, first: 10, added: 2), common: nil, isNewest: false,
                known: Self.id(50), knownCount: 1) == .replaced(common: Self.id(20), floor: Self.id(20)))
        #expect(
            continuity.judge(
                Self.info(length: 2, last: 20, first: 15, added: 2), common: nil, isNewest: false,
                known: Self.id(50), knownCount: 1)
                == .replaced(common: Self.id(15).predecessor, floor: Self.id(15).predecessor))
    }

    @Test("another stream is read from its beginning, a shortened one from the last common entry")
    func whereReadingGoesOn() {
        var continuity = Self.read()
        let another = Self.info(length: 2, last: 6, first: 5, added: 2)
        let floor = Self.id(5).predecessor
        continuity.accept(.replaced(common: floor, floor: floor), another)
        #expect(continuity.lastID == .zero && continuity.anchor?.id == Self.id(5))
        var shortened = Self.read()
        let found = StreamContinuity.Anchor(id: Self.id(20), data: [1])
        shortened.accept(
            .replaced(common: Self.id(20), floor: Self.id(20)), Self.info(length: 3, last: 25, first: 10, added: 3),
            isAfterSearch: true, found: found)
        #expect(shortened.lastID == Self.id(20) && shortened.anchor == found)
    }
}
