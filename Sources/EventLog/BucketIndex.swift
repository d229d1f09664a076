/// The last event of each bucket of channels: the heads of the chains that run backwards through the log.
///
/// A channel's events are found by walking its bucket's chain, so a table of fixed size serves any number of channels.
/// The reader keeps one to number events and link batches; each loop keeps one beside its view of the log.
public struct BucketIndex: Sendable {
    private var heads: [EventNumber]
    private let mask: UInt64
    public private(set) var nextNumber: EventNumber = 1

    /// - Parameter historyBytes: what the log may hold. About one bucket for each KiB of it keeps chains short: a
    ///   bucket's head costs 8 bytes, and a channel has several events of some 350 bytes.
    public init(historyBytes: Int) {
        var buckets = 1024
        while buckets < historyBytes / 1024 && buckets < 1 << 20 { buckets *= 2 }
        heads = [EventNumber](repeating: 0, count: buckets)
        mask = UInt64(buckets - 1)
    }

    private func bucket(_ hash: ChannelHash) -> Int { Int(truncatingIfNeeded: hash.value & mask) }

    /// The last event of the channel's bucket (perhaps another channel's), 0 if there was none.
    public func head(_ hash: ChannelHash) -> EventNumber { heads[bucket(hash)] }

    /// Numbers the events that come next, and links each with the one before it in its bucket.
    mutating func link(_ entries: inout [Entry]) {
        for position in entries.indices {
            let bucket = bucket(entries[position].channelHash)
            entries[position].previous = heads[bucket]
            heads[bucket] = nextNumber
            nextNumber += 1
        }
    }

    /// Uses up a number for no event: a place in the log that no cursor on an event can be at.
    public mutating func skip() -> EventNumber {
        defer { nextNumber += 1 }
        return nextNumber
    }

    /// Takes over the numbers of a batch that was sealed with an equal index.
    mutating func follow(_ batch: Batch) {
        for entry in batch.entries {
            heads[bucket(entry.channelHash)] = nextNumber
            nextNumber += 1
        }
    }
}
