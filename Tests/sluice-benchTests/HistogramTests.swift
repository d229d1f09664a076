import Testing

@testable import sluice_bench

@Suite("The histogram of latencies")
struct HistogramTests {
    @Test("small values are exact")
    func small() {
        var histogram = Histogram()
        for value in 1...100 { histogram.record(UInt64(value)) }
        #expect(histogram.percentile(0.5) == 50)
        #expect(histogram.percentile(0.99) == 99)
        #expect(histogram.percentile(1) == 100)
        #expect(histogram.percentile(0) == 1)
        #expect(histogram.maximum == 100)
    }

    @Test("without values all is 0")
    func empty() {
        #expect(Histogram().percentile(0.5) == 0)
        #expect(Histogram().maximum == 0)
    }

    @Test("a value is never reported smaller, nor larger by more than 1/64")
    func precision() {
        var value: UInt64 = 1
        while value < UInt64.max / 3 {
            var histogram = Histogram()
            histogram.record(value)
            histogram.record(.max)
            let found = histogram.percentile(0.5)
            #expect(found >= value && found - value <= value / 64)
            value = value * 3 / 2 + 1
        }
    }

    @Test("the largest value is exact, and the top of the range fits")
    func maximum() {
        var histogram = Histogram()
        histogram.record(1_234_567)
        #expect(histogram.percentile(0.999) == 1_234_567)
        histogram.record(.max)
        #expect(histogram.percentile(1) == .max)
    }

    @Test("two histograms are one")
    func merging() {
        var left = Histogram()
        var right = Histogram()
        for value in 1...50 { left.record(UInt64(value)) }
        for value in 51...100 { right.record(UInt64(value)) }
        left.merge(right)
        #expect(left.count == 100)
        #expect(left.percentile(0.75) == 75)
    }
}
