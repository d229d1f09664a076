/// Finds out which entry of the channel's stream and which of the global stream are the same event.
enum TwinPairing {
    /// One event, as far as the two streams show it. At least one of the two IDs is there.
    struct Item: Equatable {
        var channelID: StreamID?
        var globalID: StreamID?
        /// Its number, when it is in the log.
        var number: EventNumber?
        var body: [UInt8]
    }

    /// The entries of one body in both streams, as indices.
    private struct Equals {
        var channel: [Int] = []
        var global: [Int] = []
    }

    /// Pairs equal bodies whose IDs lie at most `skew` milliseconds apart, the k-th with the k-th.
    ///
    /// Taking for each global entry, in ascending order, the earliest channel entry that is still free does that where
    /// both lists begin with the same event. They need not: either may have lost its oldest entries. Then everything is
    /// moved by one, and what has no partner stands at the upper end, where it can only be right for an entry whose
    /// partner is still to come. So a gap that cannot be right there is moved down to the lower end.
    ///
    /// - Parameters:
    ///   - channel: ascending.
    ///   - global: ascending.
    ///   - mayLackGlobal: whether a channel entry's partner may be too young to be in `global`.
    ///   - mayLackChannel: whether a global entry's partner may lie beyond the end of `channel`.
    ///   - removedThrough: the partners of channel entries up to this ID may have been removed from the global stream.
    ///     Where equal entries crowd, such an entry is not paired with one whose own partner may not have been seen:
    ///     better one too many than one too few.
    static func pair(
        channel: [HistoryEntry], global: [(number: EventNumber?, entry: HistoryEntry)], skew: Int64,
        mayLackGlobal: (StreamID) -> Bool, mayLackChannel: (StreamID) -> Bool, removedThrough: StreamID? = nil
    ) -> [Item] {
        var groups: [BodyKey: Equals] = [:]
        for (index, entry) in channel.enumerated() {
            groups[BodyKey(entry.body), default: Equals()].channel.append(index)
        }
        for (index, known) in global.enumerated() { groups[BodyKey(known.entry.body)]?.global.append(index) }

        /// The channel entry of each global one.
        var partner = [Int?](repeating: nil, count: global.count)
        var paired = [Bool](repeating: false, count: channel.count)
        for group in groups.values {
            let matches = matches(
                channel: group.channel.map { channel[$0].id }, global: group.global.map { global[$0].entry.id },
                skew: skew, mayLackGlobal: mayLackGlobal, mayLackChannel: mayLackChannel, removedThrough: removedThrough
            )
            for (position, match) in matches.enumerated() {
                guard let match else { continue }
                partner[group.global[position]] = group.channel[match]
                paired[group.channel[match]] = true
            }
        }

        var items: [Item] = []
        items.reserveCapacity(channel.count + global.count)
        for (index, known) in global.enumerated() {
            items.append(
                Item(
                    channelID: partner[index].map { channel[$0].id }, globalID: known.entry.id, number: known.number,
                    body: known.entry.body))
        }
        for (index, entry) in channel.enumerated() where !paired[index] {
            items.append(Item(channelID: entry.id, globalID: nil, number: nil, body: entry.body))
        }
        return items
    }

    /// For each global ID the index of its channel ID.
    private static func matches(
        channel: [StreamID], global: [StreamID], skew: Int64, mayLackGlobal: (StreamID) -> Bool,
        mayLackChannel: (StreamID) -> Bool, removedThrough: StreamID?
    ) -> [Int?] {
        func isCrowded(_ ids: [StreamID], _ index: Int) -> Bool {
            index > 0 && ids[index - 1].endShifted(by: 2 * skew) >= ids[index]
                || index + 1 < ids.count && ids[index].endShifted(by: 2 * skew) >= ids[index + 1]
        }
        var channelOf = [Int?](repeating: nil, count: global.count)
        var globalOf = [Int?](repeating: nil, count: channel.count)
        func reaches(_ channelIndex: Int, _ globalIndex: Int) -> Bool {
            channel[channelIndex].endShifted(by: skew) >= global[globalIndex]
                && channel[channelIndex] <= global[globalIndex].endShifted(by: skew)
        }
        var free = 0
        for index in global.indices {
            while free < channel.count, channel[free].endShifted(by: skew) < global[index] { free += 1 }
            if let removedThrough, mayLackChannel(global[index]) {
                while free < channel.count, channel[free] <= removedThrough,
                    isCrowded(channel, free) || isCrowded(global, index)
                { free += 1 }
            }
            guard free < channel.count, reaches(free, index) else { continue }
            channelOf[index] = free
            globalOf[free] = index
            free += 1
        }
        guard channel.count + global.count > 2 else { return channelOf }
        // Pairs do not cross, so if the nearest one below cannot be taken over, none further down can.
        var below = channel.count
        for index in channel.indices.reversed() {
            if below >= index { below = index - 1 }
            guard globalOf[index] == nil, !mayLackGlobal(channel[index]) else { continue }
            while below >= 0, globalOf[below] == nil { below -= 1 }
            guard below >= 0, let taken = globalOf[below], reaches(index, taken) else { continue }
            channelOf[taken] = index
            globalOf[index] = taken
            globalOf[below] = nil
        }
        below = global.count
        for index in global.indices.reversed() {
            if below >= index { below = index - 1 }
            guard channelOf[index] == nil, !mayLackChannel(global[index]) else { continue }
            while below >= 0, channelOf[below] == nil { below -= 1 }
            guard below >= 0, let taken = channelOf[below], reaches(taken, index) else { continue }
            channelOf[index] = taken
            channelOf[below] = nil
        }
        return channelOf
    }
}
