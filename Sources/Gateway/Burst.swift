import EventLoop

/// Whether to read on before delivering what was read: while more is waiting than one reply holds, a write that carries
/// several events to a socket costs little more than one that carries a single one.
///
/// Decides only; what is held back is its user's.
struct Burst {
    /// Nothing that was read waits longer than this for what comes behind it.
    static let maximumMilliseconds: Int64 = 10
    /// Bytes of events that are delivered together at the most, but for the last reply's.
    static let maximumBytes = 2 * 1024 * 1024
    /// A loop that takes longer than this to deliver one reply would only be held up longer by several.
    static let longDelivery: Int64 = 50

    private var start: MonotonicTime?
    private var wasLong = false

    /// A reply that Redis has cut at its count was read.
    /// - Parameter bytes: what is held back by now.
    /// - Returns: whether the next reply is to be waited for.
    mutating func goesOn(bytes: Int, now: MonotonicTime) -> Bool {
        let begun = start ?? now
        start = begun
        return !wasLong && bytes < Self.maximumBytes && now.milliseconds(since: begun) < Self.maximumMilliseconds
    }

    /// What was held back, if anything was, was delivered.
    mutating func delivered(inMilliseconds milliseconds: Int64) {
        start = nil
        wasLong = milliseconds > Self.longDelivery
    }
}
