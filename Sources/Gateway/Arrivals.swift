import EventLog

/// The events of some batches that somebody here listens to, by channel: each channel's are a list within one table, so that
/// no event costs an allocation.
///
/// A scratch value of the loop, filled anew for each use.
struct Arrivals {
    struct Event {
        /// Which of the batches, and where in it.
        fileprivate(set) var batch: Int32
        fileprivate(set) var index: Int32
        /// The channel's next event in the table, -1 if there is none.
        fileprivate(set) var next: Int32 = -1
    }

    private(set) var events: [Event] = []
    /// The channels in the order of their first events.
    private(set) var channels: [ChannelMembers] = []

    mutating func add(_ members: ChannelMembers, batch: Int, index: Int) {
        let place = Int32(truncatingIfNeeded: events.count)
        events.append(Event(batch: Int32(truncatingIfNeeded: batch), index: Int32(truncatingIfNeeded: index)))
        if members.firstArrival < 0 {
            members.firstArrival = place
            channels.append(members)
        } else {
            events[Int(members.lastArrival)].next = place
        }
        members.lastArrival = place
    }

    /// Forgets them all.
    mutating func removeAll() {
        for members in channels { members.firstArrival = -1 }
        channels.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: events.capacity <= Self.kept)
    }

    /// A burst's table is not kept for ever.
    private static let kept = 16 * 1024
}
