import Testing

@testable import EventLog

@Suite("Gaps")
struct GapTests {
    /// Entries of others were removed from the global stream unread; this channel's stream has lost nothing.
    @Test(
        "where nothing was ever removed from the channel's stream, a hole is told as one, and another stream as another",
        arguments: [true, false])
    func wholeChannel(isHole: Bool) {
        func id(_ milliseconds: UInt64) -> StreamID { StreamID(milliseconds: milliseconds, sequence: 0) }
        var index = BucketIndex(historyBytes: 1 << 20)
        var log = EventLog(capacity: 1 << 20, floor: id(100_000))
        let hole = Break(
            common: id(100_000), floor: id(200_000), lastID: id(100_000), isHole: isHole, after: nil,
            index: &index)
        #expect(!hole.renewsIDs)
        log.begin(after: hole)
        var round = ReplayRound(
            channel: Channel(Array("alpha".utf8)), resume: .settled(id(100_000), frontier: nil), skewMilliseconds: 1000,
            log: log)
        // What a client is known to miss of a channel that had no stream yet, and what is then said of its first event.
        func plan(_ channel: StreamFacts, _ entries: [HistoryEntry]) -> ReplayPlan? {
            let global = StreamFacts(
                lastGenerated: id(200_000), first: nil, trimmed: true, sampleBytes: 100, serverMilliseconds: 900_000)
            var step = round.start()
            while case .ask(let requests) = step {
                step = round.receive(
                    requests.map {
                        switch $0 {
                        case .globalFacts: .facts(global)
                        case .channelFacts: .facts(channel)
                        case .channelEntries: .entries(entries, last: nil)
                        case .globalEntries: .entries([], last: nil)
                        }
                    }, log: log)
            }
            if case .plan(let plan) = step { return plan }
            return nil
        }
        let body = Array("{\"channel_id\": \"alpha\"}".utf8)
        let event = body.withUnsafeBytes { HistoryEntry(id: id(150_000), data: $0) }
        let first = plan(
            StreamFacts(lastGenerated: id(150_000), first: id(150_000), trimmed: false, sampleBytes: 30), [event])
        #expect(first?.sends.count == 1)
        #expect(first?.gap?.cause == (isHole ? .hole : .replaced))
    }
}
