import EventLog
import EventLoop
import Logging
import Metrics
import RedisStreams

/// Puts entries of the global stream into batches, and passes over those that are no events.
struct EventAssembler {
    private unowned let loop: GatewayLoop
    private var complaints = RateLimit(perSecond: 1)

    init(loop: GatewayLoop) { self.loop = loop }

    /// Appends the entry to the batch in the making, starting one if there is none.
    /// - Parameter data: its field `data`, nil if it has none.
    mutating func append(_ id: StreamID, _ data: UnsafeRawBufferPointer?, to batch: inout PendingBatch?) {
        guard let data else { return skip(id, "it has no field \"data\"") }
        let channel: BatchBuilder.ChannelSource
        switch EventJSON.scan(data) {
        case .event(let range):
            channel = .data(range)
        case .eventEscaped(let name):
            let target = batch ?? PendingBatch()
            batch = target
            return name.withUnsafeBytes { target.append(id: id, data: data, channel: .decoded($0)) }
        case .malformed(let malformation):
            return skip(id, malformation.description)
        }
        let target = batch ?? PendingBatch(capacity: data.count + 256)
        batch = target
        target.append(id: id, data: data, channel: channel)
    }

    /// Counts an entry that is no event, and complains of it now and then.
    mutating func skip(_ id: StreamID, _ reason: String) {
        loop.counters.eventsSkipped += 1
        guard let suppressed = complaints.admit(now: loop.now) else { return }
        loop.logger.warning(
            "skipped a malformed entry of the global stream",
            metadata: ["id": "\(id)", "problem": "\(reason)", "unreportedBefore": "\(suppressed)"])
    }
}

/// Lets so many things through in a second and counts the others.
struct RateLimit {
    private let perSecond: Int
    private var windowStart: MonotonicTime?
    private var admitted = 0
    private var suppressed = 0

    init(perSecond: Int) { self.perSecond = perSecond }

    /// How many were held back since the last one that was let through; nil when this one is held back too.
    mutating func admit(now: MonotonicTime) -> Int? {
        if let start = windowStart, now.milliseconds(since: start) < 1000 {
            guard admitted < perSecond else {
                suppressed += 1
                return nil
            }
        } else {
            windowStart = now
            admitted = 0
        }
        admitted += 1
        defer { suppressed = 0 }
        return suppressed
    }
}
