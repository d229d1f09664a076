import EventLog

/// Batches are taken into a full log, which lets go of as many. A step is an event.
struct LogAppendPath: HotPath {
    private var log: EventLog
    private var index: BucketIndex
    private var batches: [Batch] = []

    init() {
        let bytes = 2 << 20
        log = EventLog(capacity: bytes, floor: .zero)
        index = BucketIndex(historyBytes: bytes)
        for start in stride(from: 0, to: 20_000, by: 500) {
            batches.append(Sample.builder(start..<start + 500, channels: 100).seal(index: &index))
        }
    }

    mutating func walk() -> Int {
        // Half of them each time: an event comes but once.
        let count = batches.count / 2
        for batch in batches.prefix(count) { log.append(batch) }
        batches.removeFirst(count)
        return count * 500
    }
}
