/// Counts of values, in buckets that are never wider than 1/64 of what they hold: percentiles of latencies in constant
/// memory, however many there were.
///
/// The layout is HdrHistogram's: below 128 a bucket for each value, then 64 for each doubling.
struct Histogram: Sendable {
    /// How many values were recorded.
    private(set) var count: UInt64 = 0
    /// The largest of them, exactly; 0 without any.
    private(set) var maximum: UInt64 = 0
    private var buckets = [UInt64](repeating: 0, count: bucketCount)

    private static let bucketCount = index(of: .max) + 1

    /// Adds a value.
    mutating func record(_ value: UInt64) {
        buckets[Self.index(of: value)] += 1
        count += 1
        maximum = max(maximum, value)
    }

    /// Adds all values of another.
    mutating func merge(_ other: Histogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        count += other.count
        maximum = max(maximum, other.maximum)
    }

    /// The least value that at least this share of all values does not exceed, rounded up to its bucket's end; 0 without
    /// any value.
    /// - Parameter share: 0 to 1; 0.99 gives the 99th percentile.
    func percentile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let rank = max(UInt64((share * Double(count)).rounded(.up)), 1)
        var seen: UInt64 = 0
        for (index, bucket) in buckets.enumerated() where bucket > 0 {
            seen += bucket
            if seen >= rank { return min(Self.highest(in: index), maximum) }
        }
        return maximum
    }

    private static func index(of value: UInt64) -> Int {
        let shift = max(64 - value.leadingZeroBitCount - 7, 0)
        return shift * 64 + Int(value >> UInt64(shift))
    }

    private static func highest(in index: Int) -> UInt64 {
        let shift = max(index / 64 - 1, 0)
        let base = UInt64(index - shift * 64)
        return base << UInt64(shift) | ((1 << UInt64(shift)) - 1)
    }
}
