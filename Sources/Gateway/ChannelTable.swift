import EventLog

/// A channel and its subscribers on one loop.
final class ChannelMembers {
    let channel: Channel
    /// In no order; each subscriber knows its place, so that leaving costs the same for one tab and for ten thousand.
    private(set) var subscribers: [Subscriber] = []
    /// How many of them are event streams.
    private var eventStreamCount = 0
    /// How many are WebSockets with compression.
    private var compressedCount = 0
    /// Indices of this channel's events in the batch that is being delivered.
    var pending: [Int] = []
    /// Numbers of all this channel's events in the log, kept while someone lags far behind: what lets a slow reader go on
    /// from its place without walking the channel's chain from its end each time. Nil otherwise.
    var backlog: [EventNumber]?
    /// Another channel whose name has the same hash.
    fileprivate var next: ChannelMembers?

    init(channel: Channel) { self.channel = channel }

    /// Adds an event to the backlog, if one is kept, and now and then drops what the log no longer holds from it.
    /// - Parameter floor: the log's `floorNumber`.
    func extendBacklog(_ number: EventNumber, floor: EventNumber) {
        guard backlog != nil else { return }
        backlog?.append(number)
        // At each power of two: the dropping then costs no more than the appending did.
        if let kept = backlog, kept.count >= 1024, kept.count & (kept.count - 1) == 0 {
            backlog = kept.filter { $0 > floor }
        }
    }

    func has(_ encoding: Encoding) -> Bool {
        switch encoding {
        case .webSocket: eventStreamCount + compressedCount < subscribers.count
        case .compressedWebSocket: compressedCount > 0
        case .eventStream: eventStreamCount > 0
        }
    }

    private func count(_ encoding: Encoding, _ change: Int) {
        switch encoding {
        case .webSocket: break
        case .compressedWebSocket: compressedCount += change
        case .eventStream: eventStreamCount += change
        }
    }

    func add(_ subscriber: Subscriber) {
        count(subscriber.encoding, 1)
        subscriber.memberIndex = subscribers.count
        subscribers.append(subscriber)
    }

    func remove(_ subscriber: Subscriber) {
        let index = subscriber.memberIndex
        guard subscribers.indices.contains(index), subscribers[index] === subscriber else { return }
        count(subscriber.encoding, -1)
        let last = subscribers.removeLast()
        if last !== subscriber {
            subscribers[index] = last
            last.memberIndex = index
        }
    }
}

/// The channels somebody on this loop listens to, by hash and then by name.
struct ChannelTable {
    private var members: [ChannelHash: ChannelMembers] = [:]
    private(set) var count = 0

    /// The channel's members, made if there are none yet.
    mutating func join(_ channel: Channel) -> ChannelMembers {
        var candidate = members[channel.hash]
        while let here = candidate {
            if here.channel.name == channel.name { return here }
            candidate = here.next
        }
        let made = ChannelMembers(channel: channel)
        made.next = members[channel.hash]
        members[channel.hash] = made
        count += 1
        return made
    }

    /// Who listens to this event's channel.
    func listeners(of batch: Batch, at index: Int) -> ChannelMembers? {
        var candidate = members[batch.entries[index].channelHash]
        while let here = candidate {
            if batch.belongs(index, to: here.channel) { return here }
            candidate = here.next
        }
        return nil
    }

    /// Forgets channels with nobody on them, and backlogs nobody needs. Returns how many channels went.
    mutating func collectGarbage() -> Int {
        var removed = 0
        for (hash, first) in members {
            var kept: ChannelMembers?
            var candidate: ChannelMembers? = first
            while let here = candidate {
                candidate = here.next
                if here.subscribers.isEmpty {
                    removed += 1
                } else {
                    if here.backlog != nil, !here.subscribers.contains(where: { $0.isLagging }) { here.backlog = nil }
                    here.next = kept
                    kept = here
                }
            }
            members[hash] = kept
        }
        count -= removed
        return removed
    }
}
