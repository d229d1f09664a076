/// How many things took how long: a count and a sum for each of a fixed row of buckets.
///
/// Plain numbers, confined to one thread; to record is a short search and two additions.
public struct LatencyHistogram: Sendable, Equatable {
    /// The longest that falls into each bucket but the last, in microseconds: 0.5 ms to 30 s. The last bucket takes
    /// whatever took longer.
    public static let bounds = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000, 30_000_000,
    ]

    /// What fell between two bounds.
    public struct Bucket: Sendable, Equatable {
        /// How many.
        public fileprivate(set) var count = 0
        /// How long all of them took together, in microseconds.
        public fileprivate(set) var sum = 0
    }

    /// One for each of the ``bounds``, and the last.
    public private(set) var buckets = [Bucket](repeating: Bucket(), count: bounds.count + 1)

    /// Nothing recorded yet.
    public init() {}

    /// How many were recorded.
    public var count: Int { buckets.reduce(0) { $0 + $1.count } }

    /// How long all of them took together, in microseconds.
    public var sum: Int { buckets.reduce(0) { $0 &+ $1.sum } }

    /// Records that so many things took so long each.
    /// - Parameter microseconds: less than 0 counts as 0: the clock that it began by may be ahead of the one that it ended by.
    public mutating func record(microseconds: Int, count: Int = 1) {
        let microseconds = max(microseconds, 0)
        var index = 0
        while index < Self.bounds.count, microseconds > Self.bounds[index] { index += 1 }
        buckets[index].count &+= count
        // Wraps rather than trap: an ID may lie millions of years back.
        buckets[index].sum &+= microseconds &* count
    }

    /// Adds another's counts.
    public mutating func add(_ other: LatencyHistogram) {
        for index in buckets.indices {
            buckets[index].count &+= other.buckets[index].count
            buckets[index].sum &+= other.buckets[index].sum
        }
    }

    /// What was recorded since an earlier state of this histogram.
    public func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
        var difference = self
        for index in buckets.indices {
            difference.buckets[index].count &-= earlier.buckets[index].count
            difference.buckets[index].sum &-= earlier.buckets[index].sum
        }
        return difference
    }
}
