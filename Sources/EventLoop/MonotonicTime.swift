import Glibc

/// A moment on the clock that never goes back (`CLOCK_MONOTONIC`). Its zero means nothing; only differences do.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since an arbitrary start.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Later than every moment that a clock can give.
    public static let distantFuture = MonotonicTime(nanoseconds: .max)

    public static func now() -> MonotonicTime {
        MonotonicTime(nanoseconds: nanosecondsOf(CLOCK_MONOTONIC))
    }

    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The moment so many milliseconds later (earlier when negative). Stops at the ends of the range instead of
    /// overflowing, so `Int64.max` milliseconds from now is `distantFuture`.
    public func advanced(byMilliseconds milliseconds: Int64) -> MonotonicTime {
        let (distance, tooFar) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow) = nanoseconds.addingReportingOverflow(distance)
        if tooFar || overflow { return MonotonicTime(nanoseconds: milliseconds < 0 ? .min : .max) }
        return MonotonicTime(nanoseconds: sum)
    }

    /// The last whole multiple of so many milliseconds (at least 1) at or before this moment.
    public func rounded(downToMilliseconds milliseconds: Int64) -> MonotonicTime {
        let (step, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !tooLong else { return MonotonicTime(nanoseconds: nanoseconds < 0 ? .min : 0) }
        let past = nanoseconds % step
        let (multiple, overflow) = nanoseconds.subtractingReportingOverflow(past < 0 ? past + step : past)
        return MonotonicTime(nanoseconds: overflow ? .min : multiple)
    }

    /// Whole milliseconds from `earlier` to this moment, rounded towards zero; negative when `earlier` is later.
    public func milliseconds(since earlier: MonotonicTime) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        if overflow { return (nanoseconds < 0 ? Int64.min : Int64.max) / 1_000_000 }
        return difference / 1_000_000
    }
}

/// The time of day, for what is written down or compared with other machines; never for intervals.
public enum WallClock {
    /// Milliseconds since 1970-01-01 00:00 UTC (`CLOCK_REALTIME`).
    public static func nowMilliseconds() -> Int64 {
        nanosecondsOf(CLOCK_REALTIME) / 1_000_000
    }
}

private func nanosecondsOf(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    // Cannot fail for the two clocks above: both exist in every Linux kernel, and `time` is writable.
    _ = clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
