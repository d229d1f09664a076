/// The events that were read last, by ID and hash: how it is told where another primary's stream and what was read part.
///
/// Beside the log, since a log may be small: what a primary had not passed on when it died is in the trail though
/// the log has let go of it. A ring of at most ``capacity`` marks of 24 bytes. Confined to the reader's thread.
public struct ReadTrail: Sendable {
    private struct Mark {
        var id: StreamID
        var hash: UInt64
    }

    /// What a second of replication's delay holds at 16,000 events a second.
    public static let maximumCount = 16_384
    static var bytesOfMark: Int { MemoryLayout<Mark>.stride }

    public let capacity: Int
    /// Every event that was read with an ID above this one is in the trail.
    public private(set) var floor: StreamID
    public private(set) var count = 0
    /// How many of them were read since the last break: those are of the stream that is read now.
    public private(set) var countSinceBreak = 0
    /// A ring once it has ``capacity`` marks, ascending by ID from ``first`` on.
    private var marks: [Mark] = []
    private var first = 0
    private let seed: (UInt64, UInt64)

    /// - Parameter floor: everything that is read from now on has an ID above it.
    public init(floor: StreamID, capacity: Int = maximumCount) {
        precondition(capacity > 0, "a trail has room for a mark")
        self.capacity = capacity
        self.floor = floor
        seed = (.random(in: .min ... .max), .random(in: .min ... .max))
    }

    /// The events of a batch were read.
    public mutating func append(_ batch: Batch) {
        for (index, entry) in batch.entries.enumerated() { append(entry.id, batch.body(index)) }
    }

    private mutating func append(_ id: StreamID, _ body: UnsafeRawBufferPointer) {
        // A stream that begins anew may begin below what was read: what was there above it is of no use.
        if id <= newestID ?? floor { forget(above: id.predecessor) }
        let mark = Mark(id: id, hash: BodyHash.hash(body, seed: seed))
        let next = slot(count)
        if count == capacity {
            floor = marks[first].id
            first = slot(1)
        } else {
            count += 1
        }
        countSinceBreak = min(countSinceBreak + 1, capacity)
        if next == marks.count { marks.append(mark) } else { marks[next] = mark }
    }

    /// Whether an event with this ID was read, with these very bytes.
    /// - Parameter data: a valid JSON object, as the producer wrote it.
    public func has(_ id: StreamID, _ data: UnsafeRawBufferPointer) -> Bool {
        let position = countThrough(id) - 1
        guard position >= 0 else { return false }
        let mark = marks[slot(position)]
        guard mark.id == id else { return false }
        return HistoryEntry(id: id, data: data).body.withUnsafeBytes { BodyHash.hash($0, seed: seed) } == mark.hash
    }

    /// The stream does not go on where it was read to, and has nothing in common with that above an ID. What was read up to
    /// there is kept, whichever stream comes next: a primary that had not heard of a deletion may bring the old one back.
    public mutating func breakOff(after common: StreamID) {
        forget(above: common)
        countSinceBreak = 0
    }

    private mutating func forget(above id: StreamID) {
        count = countThrough(id)
        countSinceBreak = min(countSinceBreak, count)
        floor = min(floor, id)
    }

    private var newestID: StreamID? { count > 0 ? marks[slot(count - 1)].id : nil }

    private func slot(_ position: Int) -> Int {
        let sum = first + position
        return sum < capacity ? sum : sum - capacity
    }

    /// How many marks have an ID not above this one.
    private func countThrough(_ id: StreamID) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if marks[slot(middle)].id <= id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A hash of all of a text's bytes: products of words, whose halves are mixed as wyhash does, in two chains that do not
/// wait for each other. The seed is the process's own, so that nobody outside can choose texts that collide.
enum BodyHash {
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: (UInt64, UInt64)) -> UInt64 {
        var hash = seed.0 ^ UInt64(bytes.count)
        var other = seed.1
        var offset = 0
        while bytes.count - offset >= 32 {
            hash = mix(word(bytes, offset) ^ seed.1, word(bytes, offset + 8) ^ hash)
            other = mix(word(bytes, offset + 16) ^ seed.1, word(bytes, offset + 24) ^ other)
            offset += 32
        }
        hash = mix(hash ^ seed.1, other ^ seed.0)
        while bytes.count - offset >= 8 {
            hash = mix(word(bytes, offset) ^ seed.1, hash)
            offset += 8
        }
        // The length is in the hash already, so zeros before the rest are no other text.
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return mix(rest ^ seed.1, hash)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
