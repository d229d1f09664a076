import Glibc

/// A moment after which a test gives up waiting. Waiting is always for a condition; the deadline only ends a hang.
public struct Deadline: Sendable {
    private let nanoseconds: UInt64

    /// - Parameter seconds: generous, since a loaded machine may be many times slower than a free one; under a sanitizer
    ///   they count four times.
    public init(seconds: Double = 20) {
        nanoseconds = Self.now() + UInt64(seconds * (Sanitizer.isActive ? 4e9 : 1e9))
    }

    private static func now() -> UInt64 { monotonicNanoseconds(CLOCK_MONOTONIC) }

    public var millisecondsLeft: Int32 {
        let now = Self.now()
        return now >= nanoseconds ? 0 : Int32(min((nanoseconds - now) / 1_000_000 + 1, 3_600_000))
    }

    public var isOver: Bool { Self.now() >= nanoseconds }
}

private func monotonicNanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Waits until the condition holds, looking every few milliseconds.
public func eventually(
    _ what: String, within seconds: Double = 20, _ condition: () throws -> Bool
) throws {
    let deadline = Deadline(seconds: seconds)
    while try !condition() {
        guard !deadline.isOver else { throw Failure("it did not come about within \(seconds) s that \(what)") }
        var pause = timespec(tv_sec: 0, tv_nsec: 2_000_000)
        nanosleep(&pause, nil)
    }
}
