import EventLoop
import Testing

@Suite("Monotonic time")
struct MonotonicTimeTests {
    @Test("the clock never goes back")
    func monotonic() {
        var last = MonotonicTime.now()
        for _ in 0..<1000 {
            let now = MonotonicTime.now()
            #expect(now >= last)
            last = now
        }
    }

    @Test(
        "milliseconds are added and stop at the ends of the range",
        arguments: [
            (0, 5, 5_000_000), (7, -1, -999_993), (0, Int64.max, Int64.max), (0, Int64.min, Int64.min),
            (Int64.max, 1, Int64.max), (Int64.max - 1, 1, Int64.max), (Int64.min, -1, Int64.min),
        ] as [(Int64, Int64, Int64)])
    func advanced(start: Int64, milliseconds: Int64, expected: Int64) {
        #expect(MonotonicTime(nanoseconds: start).advanced(byMilliseconds: milliseconds).nanoseconds == expected)
    }

    @Test(
        "differences are rounded towards zero and do not overflow",
        arguments: [
            (1_999_999, 0, 1), (0, 1_999_999, -1), (5, 5, 0), (Int64.max, Int64.min, Int64.max / 1_000_000),
            (Int64.min, Int64.max, Int64.min / 1_000_000),
        ] as [(Int64, Int64, Int64)])
    func difference(later: Int64, earlier: Int64, expected: Int64) {
        let difference = MonotonicTime(nanoseconds: later).milliseconds(since: MonotonicTime(nanoseconds: earlier))
        #expect(difference == expected)
    }

    @Test("the wall clock counts from 1970")
    func wallClock() {
        // 2024-01-01 and 2100-01-01: a clock in other units is far outside.
        #expect((1_704_067_200_000..<4_102_444_800_000).contains(WallClock.nowMilliseconds()))
    }
}
