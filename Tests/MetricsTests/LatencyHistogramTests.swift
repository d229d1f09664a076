import Metrics
import Testing

@Suite("A histogram of latencies")
struct LatencyHistogramTests {
    private func bucket(_ microseconds: Int) -> Int? {
        var histogram = LatencyHistogram()
        histogram.record(microseconds: microseconds)
        return histogram.buckets.firstIndex { $0.count == 1 }
    }

    @Test("a bound belongs to its own bucket, what is above the last one to the last bucket")
    func bounds() {
        for (index, bound) in LatencyHistogram.bounds.enumerated() {
            #expect(bucket(bound) == index)
            #expect(bucket(bound + 1) == index + 1)
        }
        #expect(bucket(.max) == LatencyHistogram.bounds.count)
        #expect(LatencyHistogram.bounds == LatencyHistogram.bounds.sorted())
    }

    @Test("less than nothing counts as nothing", arguments: [0, -1, Int.min])
    func negative(microseconds: Int) {
        var histogram = LatencyHistogram()
        histogram.record(microseconds: microseconds, count: 3)
        #expect(histogram.buckets[0].count == 3)
        #expect(histogram.sum == 0)
    }

    @Test("counts and sums add up, over histograms and over time")
    func sums() {
        var first = LatencyHistogram()
        first.record(microseconds: 400, count: 2)
        first.record(microseconds: 40_000)
        #expect(first.count == 3)
        #expect(first.sum == 40_800)
        let earlier = first
        first.record(microseconds: 40_001, count: 5)
        var other = LatencyHistogram()
        other.record(microseconds: 400)
        first.add(other)
        #expect(first.count == 9)
        let since = first.since(earlier)
        #expect(since.count == 6)
        #expect(since.sum == 5 * 40_001 + 400)
        #expect(since.buckets[0].count == 1)
    }

    @Test("numbers beyond all measure do not end the process")
    func overflow() {
        var histogram = LatencyHistogram()
        histogram.record(microseconds: .max, count: .max)
        histogram.record(microseconds: .max, count: .max)
        #expect(histogram.buckets.last?.count != 0)
        histogram.add(histogram)
        _ = histogram.since(LatencyHistogram()).sum
    }
}
