/// One deadline for each of many small numbers, such as descriptors: a flat table of four bytes each, which is swept.
///
/// To set, move or clear a deadline is one store. A sweep looks at every place, many at a time, which is cheap because it
/// is done only when a deadline has come, and deadlines that need not be exact can be made to fall together.
public struct DeadlineTable: Sendable {
    private static let none = UInt32.max
    /// Places that are looked at as one: their least deadline tells whether any of them is due.
    private static let blockCount = 64

    private let granularity: Int64
    private let start: MonotonicTime
    /// The tick at whose beginning each deadline has passed.
    private var ticks: [UInt32] = []
    /// No deadline is before this tick.
    private var earliest = Self.none

    /// - Parameters:
    ///   - granularityMilliseconds: the length of a tick, at least 1. A deadline comes up never early, and at most so
    ///     much late if one sweeps at `nextWake`.
    ///   - start: the present.
    public init(granularityMilliseconds: Int64, start: MonotonicTime) {
        precondition(granularityMilliseconds >= 1 && granularityMilliseconds <= 1_000_000_000)
        granularity = granularityMilliseconds * 1_000_000
        self.start = start
    }

    /// Sets the deadline of `index`, or moves it. One that is past comes up in the next sweep; `.distantFuture` is none.
    /// One further away than 2³² ticks (more than a year, with ticks of 10 ms) comes up after so many: whoever is told
    /// looks whether it has come.
    public mutating func set(_ index: Int, to deadline: MonotonicTime) {
        while ticks.count <= index { ticks.append(Self.none) }
        guard deadline != .distantFuture else {
            ticks[index] = Self.none
            return
        }
        let tick = tick(of: deadline)
        ticks[index] = tick
        earliest = min(earliest, tick)
    }

    /// Takes the deadline of `index` away, if it has one.
    public mutating func clear(_ index: Int) {
        if ticks.indices.contains(index) { ticks[index] = Self.none }
    }

    /// Whether `index` has a deadline.
    public func isSet(_ index: Int) -> Bool { ticks.indices.contains(index) && ticks[index] != Self.none }

    /// Takes the deadlines away that have come, and appends whose they were, in ascending order.
    public mutating func takeDue(at now: MonotonicTime, into due: inout [Int]) {
        let past = passedTicks(now)
        guard earliest <= past else { return }
        var least = Self.none
        ticks.withUnsafeMutableBufferPointer { ticks in
            var first = 0
            while first < ticks.count {
                let end = min(first + Self.blockCount, ticks.count)
                var leastHere = Self.none
                for index in first..<end { leastHere = min(leastHere, ticks[index]) }
                if leastHere <= past {
                    leastHere = Self.none
                    for index in first..<end {
                        if ticks[index] <= past {
                            ticks[index] = Self.none
                            due.append(index)
                        } else {
                            leastHere = min(leastHere, ticks[index])
                        }
                    }
                }
                least = min(least, leastHere)
                first = end
            }
        }
        earliest = least
    }

    /// When to sweep next; nil when there is no deadline. A sweep then may find nothing, if the deadline was moved or
    /// cleared, but not twice for the same time.
    public var nextWake: MonotonicTime? {
        guard earliest != Self.none else { return nil }
        let (nanoseconds, overflow) = start.nanoseconds.addingReportingOverflow(Int64(earliest) * granularity)
        return overflow ? .distantFuture : MonotonicTime(nanoseconds: nanoseconds)
    }

    /// Rounded up: when that tick begins, the deadline has passed.
    private func tick(of deadline: MonotonicTime) -> UInt32 {
        guard deadline > start else { return 0 }
        let (distance, overflow) = deadline.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        guard !overflow else { return Self.none - 1 }
        let (whole, rest) = distance.quotientAndRemainder(dividingBy: granularity)
        return UInt32(min(whole + (rest > 0 ? 1 : 0), Int64(Self.none - 1)))
    }

    /// The last tick that has begun.
    private func passedTicks(_ now: MonotonicTime) -> UInt32 {
        guard now > start else { return 0 }
        let (distance, overflow) = now.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return overflow ? Self.none - 1 : UInt32(min(distance / granularity, Int64(Self.none - 1)))
    }
}
