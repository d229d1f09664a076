package import EventLog

/// A channel and its subscribers on one loop.
package final class ChannelMembers {
    let channel: Channel
    /// In no order; each subscriber knows its place, so that leaving costs the same for one tab and for ten thousand.
    private(set) var subscribers: [Subscriber] = []
    /// How many of them are event streams.
    private var eventStreamCount: Int32 = 0
    /// How many are WebSockets with compression.
    private var compressedCount: Int32 = 0
    private var pollCount: Int32 = 0
    /// ``Presence`` has it on its wheel.
    var isPresent = false
    /// It was polled since ``Presence`` looked at it last.
    var wasPolled = false
    /// This channel's events among those that are being delivered: their first and last place in ``Arrivals``; -1: none.
    var firstArrival: Int32 = -1
    var lastArrival: Int32 = -1
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
        case .webSocket: Int(eventStreamCount &+ compressedCount &+ pollCount) < subscribers.count
        case .compressedWebSocket: compressedCount > 0
        case .eventStream: eventStreamCount > 0
        case .poll: pollCount > 0
        }
    }

    private func count(_ encoding: Encoding, _ change: Int32) {
        switch encoding {
        case .webSocket: break
        case .compressedWebSocket: compressedCount += change
        case .eventStream: eventStreamCount += change
        case .poll: pollCount += change
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
///
/// Open addressing, since most events are for channels that nobody here listens to: that is told by one or two words of a
/// table that is at most two thirds full.
package struct ChannelTable {
    /// The hash of the channels in each place; ``free`` where there are none.
    private var hashes: [UInt64] = [UInt64](repeating: free, count: smallest)
    private var members: [ChannelMembers?] = [ChannelMembers?](repeating: nil, count: smallest)
    private var used = 0
    package private(set) var count = 0

    package init() {}

    private static let free: UInt64 = 0
    private static let smallest = 64

    /// A hash that would look like a free place is another one: names decide in the end.
    private static func key(_ hash: ChannelHash) -> UInt64 { hash.value == free ? 1 : hash.value }

    /// The place of the hash, or the free one where it belongs.
    @inline(__always)
    private func place(of key: UInt64) -> Int {
        let mask = hashes.count - 1
        var place = Int(truncatingIfNeeded: key) & mask
        while hashes[place] != key, hashes[place] != Self.free { place = (place + 1) & mask }
        return place
    }

    /// The channel's members, made if there are none yet.
    package mutating func join(_ channel: Channel) -> ChannelMembers {
        var place = place(of: Self.key(channel.hash))
        var candidate = members[place]
        while let here = candidate {
            if here.channel.name == channel.name { return here }
            candidate = here.next
        }
        let made = ChannelMembers(channel: channel)
        count += 1
        if let first = members[place] {
            made.next = first
        } else {
            if 3 * (used + 1) > 2 * hashes.count {
                rebuild(count: hashes.count * 2)
                place = self.place(of: Self.key(channel.hash))
            }
            used += 1
        }
        hashes[place] = Self.key(channel.hash)
        members[place] = made
        return made
    }

    /// Who listens to this event's channel.
    /// - Parameter hash: the event's.
    @inline(__always)
    package func listeners(of batch: Batch, at index: Int, _ hash: ChannelHash) -> ChannelMembers? {
        let place = place(of: Self.key(hash))
        guard hashes[place] != Self.free else { return nil }
        var candidate = members[place]
        while let here = candidate {
            if batch.belongs(index, to: here.channel) { return here }
            candidate = here.next
        }
        return nil
    }

    /// Forgets channels with nobody on them, and backlogs nobody needs. Returns how many channels went.
    mutating func collectGarbage() -> Int {
        var removed = 0
        for place in members.indices {
            var kept: ChannelMembers?
            var candidate = members[place]
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
            members[place] = kept
        }
        count -= removed
        if removed > 0 {
            used = members.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
            var size = hashes.count
            while size > Self.smallest, 3 * used < size / 2 { size /= 2 }
            rebuild(count: size)
        }
        return removed
    }

    /// Puts what there is into tables of another size, without the places that have become free.
    private mutating func rebuild(count: Int) {
        let (oldHashes, oldMembers) = (hashes, members)
        hashes = [UInt64](repeating: Self.free, count: count)
        members = [ChannelMembers?](repeating: nil, count: count)
        for (hash, first) in zip(oldHashes, oldMembers) where first != nil {
            let place = place(of: hash)
            hashes[place] = hash
            members[place] = first
        }
    }
}
