/// A hashed timing wheel (Varghese and Lauck, 1987, scheme 6): many deadlines, each an opaque token, in O(1) each.
///
/// A deadline belongs to the slot of its tick modulo the number of slots; one that lies beyond a whole turn of the
/// wheel is passed over until its turn comes. There is no removal: whoever is called checks whether its token (an
/// index with a generation, say) still means anything, and if its deadline has moved, gives the new one.
///
/// Memory: 24 bytes for each deadline that waits, at the most ever reached.
public struct DeadlineWheel: Sendable {
    private struct Node {
        var token: UInt64
        var deadline: MonotonicTime
        /// The next node of the slot or of the free list; `none` ends it.
        var next: Int32
    }

    private static let none: Int32 = -1

    private let granularity: Int64
    private let start: MonotonicTime
    private let slotMask: Int64
    private var heads: [Int32]
    /// A bit for each slot that holds anything, so that empty slots cost next to nothing.
    private var occupied: [UInt64]
    private var nodes: [Node] = []
    private var free: Int32 = Self.none
    /// The tick of the last pass: all before it have been passed completely.
    private var cursor: Int64 = 0

    /// How many deadlines wait.
    public private(set) var count = 0

    /// The most that ever waited at once, for which there is memory.
    var capacityUsed: Int { nodes.count }

    /// - Parameters:
    ///   - granularityMilliseconds: the length of a tick, at least 1. A token expires never early, and at most so
    ///     much late if one wakes at `nextWake`.
    ///   - slots: ticks in a turn of the wheel; rounded up to a power of two of at least 64. Best is a turn that is
    ///     longer than the usual deadline.
    ///   - start: the present; no later pass may be before it.
    public init(granularityMilliseconds: Int64, slots: Int, start: MonotonicTime) {
        precondition(granularityMilliseconds >= 1 && granularityMilliseconds <= 1_000_000_000)
        precondition(slots >= 1 && slots <= 1 << 24)
        var size = 64
        while size < slots { size *= 2 }
        granularity = granularityMilliseconds * 1_000_000
        self.start = start
        slotMask = Int64(size - 1)
        heads = Array(repeating: Self.none, count: size)
        occupied = Array(repeating: 0, count: size / 64)
    }

    /// Adds a deadline; one that is past expires in the next pass. The same token may be in the wheel several times.
    public mutating func insert(_ token: UInt64, at deadline: MonotonicTime) {
        let index: Int32
        if free != Self.none {
            index = free
            free = nodes[Int(index)].next
            nodes[Int(index)] = Node(token: token, deadline: deadline, next: Self.none)
        } else {
            index = Int32(nodes.count)
            nodes.append(Node(token: token, deadline: deadline, next: Self.none))
        }
        count += 1
        link(index)
    }

    /// Takes out every token whose deadline is at or before `now` and calls `body` with it, in no particular order.
    /// Costs what expires plus the slots passed (plus, once per turn of the wheel, each deadline beyond a turn).
    ///
    /// `body` may not touch the wheel, which is being changed; see `expire(through:rescheduling:)`.
    public mutating func expire(
        through now: MonotonicTime, _ body: (_ token: UInt64, _ deadline: MonotonicTime) -> Void
    ) {
        expire(through: now) { token, deadline in
            body(token, deadline)
            return nil
        }
    }

    /// As above, but a token for which `body` returns a time goes back with this as its deadline: if that is past
    /// too, it expires in the next pass, not in this one.
    public mutating func expire(
        through now: MonotonicTime, rescheduling body: (_ token: UInt64, _ deadline: MonotonicTime) -> MonotonicTime?
    ) {
        let last = max(tick(now), cursor)
        let steps = min(last - cursor, slotMask) + 1
        var again = Self.none
        var offset: Int64 = 0
        while let distance = distanceToOccupied(from: cursor + offset), offset + distance < steps {
            offset += distance
            sweep(Int((cursor + offset) & slotMask), now, &again, body)
            offset += 1
        }
        cursor = last
        while again != Self.none {
            let index = again
            again = nodes[Int(index)].next
            link(index)
        }
    }

    /// When to call `expire` next: the end of the first tick that holds anything, or `nil` when nothing waits. A pass
    /// then may find only deadlines of later turns; it never finds nothing twice for the same time.
    public var nextWake: MonotonicTime? {
        guard let distance = distanceToOccupied(from: cursor) else { return nil }
        let (offset, tooLong) = (cursor + distance + 1).multipliedReportingOverflow(by: granularity)
        let (time, tooLate) = start.nanoseconds.addingReportingOverflow(offset)
        return tooLong || tooLate ? .distantFuture : MonotonicTime(nanoseconds: time)
    }

    private mutating func sweep(
        _ slot: Int, _ now: MonotonicTime, _ again: inout Int32,
        _ body: (UInt64, MonotonicTime) -> MonotonicTime?
    ) {
        var kept = Self.none
        var index = heads[slot]
        while index != Self.none {
            let node = nodes[Int(index)]
            if node.deadline > now {
                nodes[Int(index)].next = kept
                kept = index
            } else if let deadline = body(node.token, node.deadline) {
                nodes[Int(index)].deadline = deadline
                nodes[Int(index)].next = again
                again = index
            } else {
                nodes[Int(index)].next = free
                free = index
                count -= 1
            }
            index = node.next
        }
        heads[slot] = kept
        if kept == Self.none { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
    }

    private mutating func link(_ index: Int32) {
        let slot = Int(max(tick(nodes[Int(index)].deadline), cursor) & slotMask)
        nodes[Int(index)].next = heads[slot]
        heads[slot] = index
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
    }

    private func tick(_ time: MonotonicTime) -> Int64 {
        let (distance, overflow) = time.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        if overflow { return time < start ? 0 : Int64.max / granularity }
        return max(distance, 0) / granularity
    }

    /// Steps from the slot of `tick` to the next one that holds anything, at most a turn on.
    private func distanceToOccupied(from tick: Int64) -> Int64? {
        guard count > 0 else { return nil }
        let first = Int(tick & slotMask)
        let words = occupied.count
        let head = occupied[first >> 6] & (~0 << UInt64(first & 63))
        if head != 0 { return Int64((first & ~63) + head.trailingZeroBitCount - first) }
        for step in 1...words {
            let index = ((first >> 6) + step) % words
            guard occupied[index] != 0 else { continue }
            let slot = index * 64 + occupied[index].trailingZeroBitCount
            return Int64(slot - first) & slotMask
        }
        return nil
    }
}
