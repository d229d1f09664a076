internal import DequeModule

/// The last events of the global stream, in memory: a bounded ring of batches, with an index by channel.
///
/// Usually one stretch of the stream without a gap. After a ``Break`` there are two: what was read before it is still
/// given to those who have not had it, what IDs mean is told by the stretch behind it. Stretches with nothing but holes between
/// them, where entries were removed unread, stay for what they tell.
///
/// A value confined to one thread; every loop has its own view, the batches in it are shared. All views of a process
/// are given the same batches in the same order, so an event has the same number in each.
public struct EventLog: Sendable {
    private var batches: Deque<Batch> = []
    private var index: BucketIndex
    private var bytes = 0
    private let capacity: Int

    /// Every event of the global stream with an ID above this one, and not above ``lastID``, is in the log.
    public private(set) var floor: StreamID
    /// The number of the last event at or below ``floor``: a cursor here has nothing before it to fetch.
    public private(set) var floorNumber: EventNumber = 0
    /// How far the global stream was read.
    public private(set) var lastID: StreamID

    /// The last break there was, whether or not anything from before it is still held.
    public private(set) var lastBreak: Break?
    /// Every event with a number above this one is in memory.
    public private(set) var heldNumber: EventNumber = 0
    /// The lowest ID that the stretch before the break can be asked for.
    private var floorBeforeBreak = StreamID.zero

    /// - Parameters:
    ///   - capacity: bytes of batches kept (`historyBytes`); at least the newest batch is always kept.
    ///   - floor: the position in the global stream from which on everything will be appended.
    ///   - lastID: how far the global stream was read already; the floor itself if nothing else is said. Above the last
    ///     event that will be appended where the stream's last entries were removed.
    public init(capacity: Int, floor: StreamID, lastID: StreamID? = nil) {
        self.capacity = capacity
        self.floor = floor
        self.lastID = max(lastID ?? floor, floor)
        index = BucketIndex(historyBytes: capacity)
    }

    public var lastNumber: EventNumber { index.nextNumber - 1 }
    public var firstNumber: EventNumber { floorNumber + 1 }
    public var isEmpty: Bool { batches.isEmpty }
    public var eventCount: Int { Int(lastNumber - floorNumber) }
    /// The ID of the oldest event that is held.
    public var oldestID: StreamID? { batches.first?.entries.first?.id }
    /// Bytes held by the batches.
    public var footprint: Int { bytes }

    /// Appends a batch that was sealed with an index equal to this log's, and lets go of the oldest beyond the capacity.
    public mutating func append(_ batch: Batch) {
        precondition(
            batch.firstNumber == index.nextNumber, "batches are appended in the order in which they were sealed")
        if eventCount == 0, let first = batch.entries.first?.id, first <= floor {
            // A stream that did not exist begins below the time at which it was looked for: a clock was set back, or the
            // IDs are a producer's own. Nothing lies between.
            floor = first.predecessor
            lastID = floor
        }
        index.follow(batch)
        bytes += batch.footprint
        if let last = batch.entries.last { lastID = max(lastID, last.id) }
        batches.append(batch)
        while bytes > capacity, batches.count > 1 { dropOldest() }
    }

    private mutating func dropOldest() {
        guard let oldest = batches.popFirst() else { return }
        bytes -= oldest.footprint
        heldNumber = oldest.lastNumber
        let last = oldest.entries.last?.id
        if let lastBreak, oldest.lastNumber < lastBreak.number {
            floorBeforeBreak = last ?? floorBeforeBreak
        } else {
            floorNumber = oldest.lastNumber
            floor = last ?? floor
        }
    }

    /// Begins a new stretch. Of those before only one is kept, and what lay before it with nothing but holes between.
    public mutating func begin(after break: Break) {
        precondition(`break`.number == index.nextNumber, "a break has the next number, as a batch has")
        if let older = lastBreak, older.renewsIDs {
            while let oldest = batches.first, oldest.lastNumber < older.number { dropOldest() }
            heldNumber = max(heldNumber, older.number)
        }
        floorBeforeBreak = lastBreak?.renewsIDs == false ? min(floorBeforeBreak, floor) : floor
        _ = index.skip()
        lastBreak = `break`
        floorNumber = `break`.number
        floor = `break`.floor
        lastID = `break`.floor
    }

    /// Where an event lies, or nil when the log no longer (or not yet) holds it, or the number is a break's.
    public func locate(_ number: EventNumber) -> (batch: Batch, index: Int)? {
        guard number > heldNumber, number <= lastNumber, !batches.isEmpty else { return nil }
        var low = batches.startIndex
        var high = batches.endIndex - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if batches[middle].firstNumber <= number { low = middle } else { high = middle - 1 }
        }
        let batch = batches[low]
        guard number >= batch.firstNumber, number <= batch.lastNumber else { return nil }
        return (batch, Int(number - batch.firstNumber))
    }

    /// The number of the last event whose ID is not above `id`; ``floorNumber`` when all events are above it. Events from
    /// before a break do not count.
    public func number(atOrBefore id: StreamID) -> EventNumber {
        number(atOrBefore: id, in: firstBatchAfterBreak..<batches.count) ?? floorNumber
    }

    private func number(atOrBefore id: StreamID, in range: Range<Int>) -> EventNumber? {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = (low + high) / 2
            if let first = batches[middle].entries.first, first.id <= id { low = middle + 1 } else { high = middle }
        }
        guard low > range.lowerBound else { return nil }
        let batch = batches[low - 1]
        var first = 0
        var end = batch.count
        while first < end {
            let middle = (first + end) / 2
            if batch.entries[middle].id <= id { first = middle + 1 } else { end = middle }
        }
        return batch.firstNumber + EventNumber(first) - 1
    }

    private var firstBatchAfterBreak: Int {
        guard let lastBreak, let first = batches.first, first.firstNumber < lastBreak.number else { return 0 }
        var low = 0
        var high = batches.count
        while low < high {
            let middle = (low + high) / 2
            if batches[middle].firstNumber < lastBreak.number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// What a walk back along a channel's chain came to.
    public enum Walk: Equatable, Sendable {
        case complete
        /// `limit` steps were not enough; what was gathered so far is the newest part.
        case limitReached
    }

    /// Appends the numbers of the channel's events above `after`, oldest first, to `numbers`.
    /// - Parameter limit: how many links of the chain are followed at the most (other channels of the bucket count too).
    public func collect(
        _ channel: Channel, after: EventNumber, limit: Int = .max, into numbers: inout [EventNumber]
    ) -> Walk {
        let start = numbers.count
        defer { numbers[start...].reverse() }
        let lowest = max(after, heldNumber)
        var number = index.head(channel.hash)
        var steps = 0
        var here: (batch: Batch, index: Int)?
        while number > lowest {
            guard steps < limit else { return .limitReached }
            steps += 1
            if let batch = here?.batch, number >= batch.firstNumber {
                here = (batch, Int(number - batch.firstNumber))
            } else {
                here = locate(number)
            }
            guard let place = here else { break }
            if place.batch.belongs(place.index, to: channel) { numbers.append(number) }
            number = place.batch.entries[place.index].previous
        }
        return .complete
    }

    /// Where the ID stands that a client brought, as far as the log alone can tell.
    public enum Place: Equatable, Sendable {
        /// The ID of this very channel's event with that number: everything up to it was had (rule 1).
        case event(EventNumber)
        /// Not this channel's, or not in the log: Redis has to be asked.
        case unknown
    }

    /// - Parameter onlyBehindBreak: whether what was read before a break does not count.
    public func place(_ id: StreamID, of channel: Channel, onlyBehindBreak: Bool = false) -> Place {
        let first = firstBatchAfterBreak
        // Before a break the same ID may have been another event's: the newer one is the likelier.
        for range in [first..<batches.count, 0..<(onlyBehindBreak ? 0 : first)] {
            guard let number = number(atOrBefore: id, in: range), let (batch, index) = locate(number),
                batch.entries[index].id == id, batch.belongs(index, to: channel)
            else { continue }
            // From before another break nobody can go on to here by the log alone.
            return number > lastBreak?.before?.number ?? 0 ? .event(number) : .unknown
        }
        return .unknown
    }

    /// The event of the global stream with this ID, whatever its channel.
    public func event(_ id: StreamID) -> (batch: Batch, index: Int)? {
        guard let (batch, index) = locate(number(atOrBefore: id)), batch.entries[index].id == id else { return nil }
        return (batch, index)
    }

    /// The lowest ID above which events can be looked up, though between them and ``floor`` some may be missing.
    var reach: StreamID {
        guard let lastBreak, let first = batches.first, first.firstNumber < lastBreak.number else { return floor }
        return min(floorBeforeBreak, lastBreak.common)
    }

    /// The channel's events with an ID above `after` and not above `through`, oldest first, with their bodies copied.
    /// Below ``floor`` those that are known from before a break, as far as IDs still mean the same.
    /// - Parameter limit: bytes of bodies after which no further event is added.
    func history(of channel: Channel, after: StreamID, through: StreamID, limit: Int = .max) -> [(
        number: EventNumber, entry: HistoryEntry
    )] {
        var bytes = 0
        let first = firstBatchAfterBreak
        var lowest = number(atOrBefore: after)
        if first > 0, after < floor { lowest = number(atOrBefore: after, in: 0..<first) ?? heldNumber }
        var numbers: [EventNumber] = []
        _ = collect(channel, after: lowest, into: &numbers)
        var found: [(number: EventNumber, entry: HistoryEntry)] = []
        for number in numbers {
            guard let (batch, index) = locate(number) else { continue }
            let id = batch.entries[index].id
            if let lastBreak, number < lastBreak.number, id > lastBreak.common { continue }
            if id > through || bytes >= limit { break }
            bytes += batch.body(index).count
            found.append((number, HistoryEntry(id: id, body: [UInt8](batch.body(index)))))
        }
        return found
    }
}
