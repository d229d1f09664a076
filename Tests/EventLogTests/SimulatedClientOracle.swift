@testable import EventLog

/// A client, what it is owed, and what it got.
struct SimulatedClient {
    let channel: Int
    private(set) var hasBegun = false
    private(set) var lastID = StreamID.zero
    var gateway: Int?
    var session: SimulatedSession?

    /// Events it has had, from us or before.
    private var had: Set<Int> = []
    /// Among them those it had from the polling endpoint, in the channel stream's order.
    private var polled: Set<Int> = []
    /// Events that nothing in Redis can show it has had, or not.
    private var mayRepeat: Set<Int> = []
    /// Events it was given while their entries in the global stream were still to come.
    private var early: Set<Int> = []
    /// Events nobody had to give it.
    private var excused: Set<Int> = []
    private var repeated: [Int] = []
    private var wasGivenAnID = false
    private var lastIsChannelID = false
    /// This connection's resume points that the global stream had been trimmed past.
    private var doubtful: [(id: StreamID, removedThrough: StreamID)] = []
    /// The same of all its connections: an event too many among equal ones shows only at the last of them.
    private var allDoubtful: [(id: StreamID, removedThrough: StreamID)] = []
    private var highestGlobal = StreamID.zero
    /// The first ID the global stream held when the last plan was made.
    private var firstAtPlan = StreamID.zero
    private var passedOver: [StreamID] = []

    init(channel: Int) { self.channel = channel }

    private func own(_ redis: SimulatedRedis) -> [Int] {
        redis.events.indices.filter { redis.events[$0].channel == channel }
    }

    // MARK: Where it begins

    mutating func begin(from id: StreamID, _ redis: SimulatedRedis) {
        hasBegun = true
        lastID = id
        let own = own(redis)
        let byChannel = Set(own.filter { redis.events[$0].channelID <= id })
        let byPosition = Set(own.filter { redis.events[$0].globalID.map { $0 <= id } ?? false })
        let isChannelID = own.contains { redis.events[$0].channelID == id }
        let isGlobalID = own.contains { redis.events[$0].globalID == id }
        switch (isChannelID, isGlobalID) {
        case (true, true):
            // Nothing tells an ID of the channel's stream from the same ID of the global one: it counts as the latter.
            had = byChannel.union(byPosition)
            mayRepeat = byChannel.symmetricDifference(byPosition)
        case (true, false):
            had = byChannel
            polled = byChannel
        case (false, _):
            had = byPosition
        }
    }

    // MARK: Connections

    mutating func connect(_ redis: SimulatedRedis, log: EventLog, skew: Int64, channels: [Channel]) {
        session = SimulatedSession(
            channelIndex: channel, channel: channels[channel], skew: skew, resume: .claimed(lastID), log: log)
        highestGlobal = .zero
        doubtful = []
        noteDoubt(redis, log: log)
        noteAmbiguousClaim(redis)
        noteNow(redis)
    }

    /// A polled ID whose entry was trimmed cannot be told from a point in time, one that an event of the channel has in
    /// the global stream, too, not from that event's, and a point in time not from a channel ID that equals it. The same
    /// goes for an ID of the channel that a replay gave out: where another process still has an event with that ID in
    /// its log, it counts as that event's (rule 1).
    private mutating func noteAmbiguousClaim(_ redis: SimulatedRedis) {
        guard !wasGivenAnID || lastIsChannelID else { return }
        let own = own(redis)
        let isChannelID = own.contains { redis.events[$0].channelID == lastID }
        let isGlobalID = own.contains { redis.events[$0].globalID == lastID }
        let isRemoved = redis.channels[channel].isRemoved(lastID)
        // Where the channel's stream has lost one of several equal events, which of the others an ID of it covers may
        // be seen wrong by one.
        let lost = Set(
            own.filter { redis.channels[channel].isRemoved(redis.events[$0].channelID) }.map { redis.events[$0].body })
        mayRepeat.formUnion(polled.filter { lost.contains(redis.events[$0].body) })
        guard lastIsChannelID ? isGlobalID : polled.isEmpty ? isChannelID : isGlobalID || isRemoved else { return }
        for event in own {
            let byPosition = redis.events[event].globalID.map { $0 <= lastID } ?? false
            guard byPosition != (redis.events[event].channelID <= lastID) else { continue }
            mayRepeat.insert(event)
            excused.insert(event)
        }
    }

    /// An ID from the future means "from now on": which moment now is lies within the replay.
    private mutating func noteNow(_ redis: SimulatedRedis) {
        guard !wasGivenAnID, polled.isEmpty else { return }
        let isFuture = lastID > redis.global.lastGenerated
        let written = own(redis).filter { redis.events[$0].globalID.map { isFuture || $0 <= lastID } ?? false }
        for event in written where had.insert(event).inserted || isFuture { mayRepeat.insert(event) }
    }

    private mutating func noteDoubt(_ redis: SimulatedRedis, log: EventLog) {
        // A stream that was never written looks like one that was deleted.
        guard let session, redis.global.isTrimmed || redis.global.lastGenerated == .zero else { return }
        let first = redis.global.entries.first?.id ?? redis.global.lastGenerated.successor
        let removedThrough = min(redis.global.entries.first?.id ?? .max, log.floor.successor)
        allDoubtful.append((session.resume.id, removedThrough))
        if session.resume.id < first { doubtful.append((session.resume.id, removedThrough)) }
    }

    mutating func receive(_ answer: ReplayRound.Answer, _ redis: SimulatedRedis, log: EventLog) {
        session?.receive(answer, log: log)
        if session?.request == nil, redis.global.isTrimmed { firstAtPlan = redis.global.entries.first?.id ?? .max }
        noteDoubt(redis, log: log)
        noteAmbiguousClaim(redis)
        noteNow(redis)
    }

    mutating func wasCut(_ redis: SimulatedRedis) {
        passedOver += session?.passedOver ?? []
        session = nil
        gateway = nil
        mayRepeat.formUnion(early)
        guard wasGivenAnID else { return }
        // What it had beyond the position that its new ID names is known to nobody any more.
        mayRepeat.formUnion(polled.filter { redis.events[$0].globalID.map { $0 > lastID } ?? true })
    }

    // MARK: Events

    enum Outcome {
        case new
        case repeated
        case repeatedEqual
        case wrong(String)
    }

    mutating func take(_ delivery: SimulatedSession.Delivery, _ redis: SimulatedRedis, skew: Int) -> Outcome {
        lastID = delivery.id
        wasGivenAnID = true
        // Its channel entry lies at most the skew before the ID under which an event is given.
        let equal = own(redis).filter { event in
            let id = redis.events[event].channelID.milliseconds
            return redis.events[event].body == delivery.body && id + UInt64(skew) + 1 >= delivery.id.milliseconds
                && id <= delivery.id.milliseconds + 3 * UInt64(skew) + 2
        }
        // An ID that was gone from the global stream is the channel's, if it is one of its.
        let isGlobal = delivery.isFromLog || delivery.id >= firstAtPlan
        let underChannel = equal.first { redis.events[$0].channelID == delivery.id }
        let underGlobal = isGlobal ? equal.first { redis.events[$0].globalID == delivery.id } : nil
        // Equal events cannot be told apart: any of them that was not had is as good as another.
        let exact = underGlobal ?? underChannel
        let preferred = exact.flatMap { !had.contains($0) || isAllowedTwice($0, redis, skew: UInt64(skew)) ? $0 : nil }
        guard let event = preferred ?? equal.first(where: { !had.contains($0) }) ?? exact ?? equal.first else {
            return .wrong("was given \(delivery.id), which is no event of its channel near that ID")
        }

        let isUnique = own(redis).filter { redis.events[$0].body == delivery.body }.count == 1
        if underGlobal != nil {
            guard delivery.isFromLog || underChannel == nil else { return record(event, delivery, redis, skew: skew) }
            if delivery.id <= highestGlobal, !had.contains(event) {
                return .wrong("was given \(delivery.id) behind \(highestGlobal)")
            }
            highestGlobal = max(highestGlobal, delivery.id)
        } else if isUnique, !had.contains(event), !excused.contains(event), let id = redis.events[event].globalID,
            id < highestGlobal
        {
            return .wrong("was given \(delivery.id), globally \(id), behind \(highestGlobal)")
        }
        return record(event, delivery, redis, skew: skew)
    }

    private mutating func record(
        _ event: Int, _ delivery: SimulatedSession.Delivery, _ redis: SimulatedRedis, skew: Int
    ) -> Outcome {
        lastIsChannelID = redis.events[event].globalID != delivery.id && !delivery.isFromLog
        let underNeither =
            redis.events[event].globalID != delivery.id && redis.events[event].channelID != delivery.id
        // Given under an ID that says no more than the one before: cut here, the client gets it again.
        if underNeither { mayRepeat.insert(event) }
        // Given early, because it may have been removed: once its place has come, a later ID says that it was not had.
        let isEarly = !delivery.isFromLog && redis.events[event].globalID.map { !redis.global.isRemoved($0) } ?? true
        if isEarly, redis.events[event].globalID != delivery.id { early.insert(event) }
        if had.insert(event).inserted { return .new }
        if isAllowedTwice(event, redis, skew: UInt64(skew)) {
            repeated.append(event)
            return .repeated
        }
        if isOneOfEquals(event, redis, skew: UInt64(skew)) { return .repeatedEqual }
        return .wrong("was given event \(event) again, as \(delivery.id)")
    }

    /// Nothing could tell that it was had, or it lies within the skew of an ID that the global stream was trimmed past.
    private func isAllowedTwice(_ event: Int, _ redis: SimulatedRedis, skew: UInt64) -> Bool {
        if mayRepeat.contains(event) { return true }
        let event = redis.events[event]
        return doubtful.contains { doubt in
            [event.channelID, event.globalID].contains { id in
                guard let id else { return false }
                // A place before an ID ends in the millisecond before it.
                return max(id, doubt.id).milliseconds - min(id, doubt.id).milliseconds <= skew + 1
            }
        }
    }

    /// Among equal events near the first that the global stream still holds, one that was removed and one that is yet
    /// to come look alike, and a later round may see more of them than an earlier one did: then there may be one too
    /// many, or one too few. It takes equal bytes within the skew, and the global stream trimmed to there meanwhile.
    private func isOneOfEquals(_ event: Int, _ redis: SimulatedRedis, skew: UInt64) -> Bool {
        allDoubtful.contains { doubt in
            own(redis).contains { other in
                guard other != event, redis.events[other].body == redis.events[event].body else { return false }
                let removed = doubt.removedThrough.milliseconds
                return [redis.events[other].channelID, redis.events[other].globalID].contains { id in
                    guard let id = id?.milliseconds else { return false }
                    return max(id, removed) - min(id, removed) <= 2 * skew
                }
            }
        }
    }

    // MARK: Judgement

    mutating func excuse(_ redis: SimulatedRedis, floor: StreamID) -> Int {
        let before = excused.count
        for event in own(redis) where !had.contains(event) {
            guard redis.channels[channel].isRemoved(redis.events[event].channelID) else { continue }
            if let id = redis.events[event].globalID, id <= floor { excused.insert(event) }
        }
        return excused.count - before
    }

    /// Equal events that were not told apart where nothing can. Not judged any more.
    mutating func lostEquals(_ redis: SimulatedRedis, skew: Int) -> Int {
        let lost = own(redis).filter { event in
            !had.contains(event) && !excused.contains(event) && isOneOfEquals(event, redis, skew: UInt64(skew))
        }
        excused.formUnion(lost)
        return lost.count
    }

    func missing(_ redis: SimulatedRedis) -> Int? {
        // One of several equal events may have been taken for another that was repeated or not owed any more.
        var spare = repeated + had.intersection(excused)
        return own(redis).first { event in
            guard !had.contains(event), !excused.contains(event) else { return false }
            guard let taken = spare.firstIndex(where: { redis.events[$0].body == redis.events[event].body }) else {
                return true
            }
            spare.remove(at: taken)
            return false
        }
    }

    /// An awaited event that was trimmed after all, and an equal one that was taken for it: the count is one short.
    mutating func passedOverForAnother(_ redis: SimulatedRedis) -> Int {
        passedOver += session?.passedOver ?? []
        let lost = own(redis).filter { event in
            !had.contains(event) && redis.events[event].globalID.map { passedOver.contains($0) } ?? false
        }
        excused.formUnion(lost)
        return lost.count
    }
}
