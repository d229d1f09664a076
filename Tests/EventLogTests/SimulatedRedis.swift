import EventLog

/// What a producer wrote, as only the test knows it.
struct SimulatedEvent {
    var channel: Int
    var body: [UInt8]
    var channelID: StreamID
    /// Nil until the producer's second write.
    var globalID: StreamID?

    var data: [UInt8] { [UInt8(ascii: "{")] + body }
}

/// A Redis stream: entries in order, of which the first may have been trimmed.
struct SimulatedStream {
    struct Stored {
        var id: StreamID
        var event: Int
    }

    private(set) var entries: [Stored] = []
    private(set) var lastGenerated = StreamID.zero
    private(set) var isTrimmed = false

    /// `XADD` with an automatic ID.
    mutating func add(_ event: Int, clock: UInt64) -> StreamID {
        lastGenerated =
            clock > lastGenerated.milliseconds
            ? StreamID(milliseconds: clock, sequence: 0) : lastGenerated.successor
        entries.append(Stored(id: lastGenerated, event: event))
        return lastGenerated
    }

    /// `XADD` with a given ID.
    mutating func add(_ event: Int, id: StreamID) {
        precondition(id > lastGenerated)
        lastGenerated = id
        entries.append(Stored(id: id, event: event))
    }

    /// `XTRIM`.
    mutating func trim(_ count: Int) {
        guard count > 0, !entries.isEmpty else { return }
        entries.removeFirst(min(count, entries.count))
        isTrimmed = true
    }

    /// Whether the entry was there and is not any more.
    func isRemoved(_ id: StreamID) -> Bool { isTrimmed && id < entries.first?.id ?? .max }

    func range(_ from: StreamID, _ through: StreamID) -> ArraySlice<Stored> {
        let low = entries.firstIndex { $0.id >= from } ?? entries.count
        let end = entries[low...].firstIndex { $0.id > through } ?? entries.count
        return entries[low..<max(low, end)]
    }
}

/// Two kinds of streams and a clock, as they look to a `ReplayRound`.
struct SimulatedRedis {
    var now: UInt64 = 1_000_000
    /// How far the clock of the channels' streams is ahead of the global stream's.
    var channelClockLead: Int64 = 0
    var events: [SimulatedEvent] = []
    var global = SimulatedStream()
    var channels: [SimulatedStream]
    /// What the facts say of an entry's size: large ones make small pages.
    var sampleBytes = 300

    init(channels: Int) { self.channels = .init(repeating: SimulatedStream(), count: channels) }

    /// A producer's first write.
    mutating func writeToChannel(_ channel: Int, body: String) -> Int {
        let event = events.count
        let clock = UInt64(Int64(now) + channelClockLead)
        let id = channels[channel].add(event, clock: clock)
        events.append(SimulatedEvent(channel: channel, body: [UInt8](body.utf8), channelID: id, globalID: nil))
        return event
    }

    /// And its second.
    mutating func writeToGlobal(_ event: Int) {
        events[event].globalID = global.add(event, clock: now)
    }

    /// Both writes with given IDs, in milliseconds or whole; no global one for a producer that has not got so far.
    @discardableResult
    mutating func add(_ channel: Int, _ body: String, channelID: StreamID, globalID: StreamID?) -> Int {
        let event = events.count
        channels[channel].add(event, id: channelID)
        events.append(SimulatedEvent(channel: channel, body: [UInt8](body.utf8), channelID: channelID, globalID: nil))
        if let globalID { setGlobal(event, globalID) }
        return event
    }

    mutating func setGlobal(_ event: Int, _ id: StreamID) {
        global.add(event, id: id)
        events[event].globalID = id
        now = max(now, id.milliseconds)
    }

    func facts(_ stream: SimulatedStream, time: UInt64) -> StreamFacts {
        if stream.lastGenerated == .zero { return .missing(serverMilliseconds: time) }
        return StreamFacts(
            lastGenerated: stream.lastGenerated, first: stream.entries.first?.id, trimmed: stream.isTrimmed,
            sampleBytes: stream.entries.isEmpty ? 0 : sampleBytes, serverMilliseconds: time)
    }

    /// - Parameters:
    ///   - time: what `TIME` said, which is asked before `XINFO STREAM`.
    ///   - millisecondsSinceArrival: how long ago the client came.
    func answer(
        _ request: ReplayRound.Request, channel: Int, time: UInt64, millisecondsSinceArrival: UInt64 = 0
    ) -> ReplayRound.Answer {
        switch request {
        case .globalFacts:
            var facts = facts(global, time: time)
            facts.millisecondsSinceArrival = millisecondsSinceArrival
            return .facts(facts)
        case .channelFacts:
            return .facts(facts(channels[channel], time: time))
        case .channelEntries(let from, let through, let count, _):
            return answer(channels[channel].range(from, through), channel: channel, count: count)
        case .globalEntries(let from, let through, let count, _):
            return answer(global.range(from, through), channel: channel, count: count)
        }
    }

    private func answer(_ range: ArraySlice<SimulatedStream.Stored>, channel: Int, count: Int) -> ReplayRound.Answer {
        let page = range.prefix(count)
        let own = page.filter { events[$0.event].channel == channel }
        return .entries(
            own.map { HistoryEntry(id: $0.id, body: events[$0.event].body) },
            last: page.count == count ? page.last?.id : nil)
    }
}
