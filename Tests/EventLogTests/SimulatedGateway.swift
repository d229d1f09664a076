import EventLog

/// A process with a log, and the reader that fills it.
struct SimulatedGateway {
    private(set) var log: EventLog
    private var index: BucketIndex
    private var readThrough: StreamID

    /// Starts as `StreamReader` does: pins the last ID and reads `entries` of what lies before it.
    init(redis: SimulatedRedis, channels: [Channel], capacity: Int, entries: Int) {
        let isMissing = redis.global.lastGenerated == .zero
        let through =
            isMissing ? StreamID(milliseconds: redis.now, sequence: 0).predecessor : redis.global.lastGenerated
        let filled = redis.global.entries.suffix(entries)
        var floor = filled.first?.id.predecessor ?? through
        if filled.count == redis.global.entries.count, !redis.global.isTrimmed, !isMissing { floor = .zero }
        self.init(capacity: capacity, floor: floor, through: through)
        append(filled, redis: redis, channels: channels)
        readThrough = through
    }

    /// Starts with an empty log that speaks for what comes after `floor`.
    init(capacity: Int, floor: StreamID, through: StreamID? = nil) {
        log = EventLog(capacity: capacity, floor: floor, lastID: through)
        index = BucketIndex(historyBytes: capacity)
        readThrough = floor
    }

    /// Reads up to `count` entries on, as one batch.
    mutating func read(_ count: Int, redis: SimulatedRedis, channels: [Channel]) {
        append(redis.global.range(readThrough.successor, .max).prefix(count), redis: redis, channels: channels)
    }

    var lastRead: StreamID { readThrough }

    private mutating func append(
        _ entries: ArraySlice<SimulatedStream.Stored>, redis: SimulatedRedis, channels: [Channel]
    ) {
        guard let last = entries.last else { return }
        var builder = BatchBuilder()
        for entry in entries {
            let event = redis.events[entry.event]
            builder.append(id: entry.id, body: event.body, channel: channels[event.channel])
        }
        log.append(builder.seal(index: &index))
        readThrough = last.id
    }
}

extension EventLog {
    /// The ID that a cursor on this number stands for, as the gateway has it.
    func id(at number: EventNumber) -> StreamID {
        guard let (batch, index) = locate(number) else { return number >= lastNumber ? lastID : floor }
        return batch.entries[index].id
    }
}
