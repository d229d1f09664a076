/// An event of a replay, and where it stands.
struct ReplayEvent {
    /// What is known of its entry in the global stream.
    enum Twin {
        /// There it is.
        case known
        /// Not removed, and not written or not read yet.
        case pending
        /// Removed: it stood before everything that is left.
        case trimmed
        /// Either of the two.
        case ambiguous
        /// Neither of them: the producer ended between its two writes.
        case none
    }

    var item: TwinPairing.Item
    var twin: Twin
    /// The place in the order that counts: the global stream's, as far as it is known; what was removed from it before
    /// everything that is left of it.
    var key: StreamID

    /// For an event without a known twin: all it has.
    var channelID: StreamID { item.channelID ?? .zero }

    func isInLog(above floor: StreamID) -> Bool { item.number != nil && key > floor }

    /// Ties have no order but that what was removed goes first.
    static func precedes(_ a: ReplayEvent, _ b: ReplayEvent) -> Bool {
        if a.key != b.key { return a.key < b.key }
        let aIsKnown = a.twin == .known
        let bIsKnown = b.twin == .known
        return aIsKnown == bIsKnown ? a.channelID < b.channelID : bIsKnown
    }
}

extension ReplayRound {
    /// The first ID from which on the global stream is known whole, from Redis or from the log, if it may have lost
    /// entries: what was removed stood before it.
    var frontier: StreamID? {
        isGlobalTrimmed ? min(globalFacts.first ?? .max, floor.successor) : nil
    }

    /// The events of what this round covers, in their order.
    func events(log: borrowing EventLog) -> [ReplayEvent] {
        let frontier = frontier
        let removedThrough = frontier.map { $0.endShifted(by: skew) }
        var events: [ReplayEvent] = []
        for item in paired(log: log) {
            let channelID = item.channelID ?? .zero
            if let globalID = item.globalID {
                events.append(ReplayEvent(item: item, twin: .known, key: globalID))
                continue
            }
            let mayStillCome = mayStillCome(channelID, log: log)
            if let frontier, let removedThrough, channelID <= removedThrough {
                // A stream that is not there has lost nothing that is owed: it is yet to begin, or was deleted.
                let undecided: ReplayEvent.Twin = isGlobalMissing ? .pending : .ambiguous
                events.append(
                    ReplayEvent(
                        item: item, twin: mayStillCome ? undecided : .trimmed,
                        key: min(channelID, frontier.predecessor)))
            } else {
                events.append(ReplayEvent(item: item, twin: mayStillCome ? .pending : .none, key: channelID))
            }
        }
        events.sort(by: ReplayEvent.precedes)
        return events
    }
}
