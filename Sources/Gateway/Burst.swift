import EventLoop

/// Whether to read on before delivering what was read: while more is waiting than one reply holds, a write that carries
/// several events to a socket costs little more than one that carries a single one.
///
/// Decides only; what is held back is its user's.
struct Burst {
    /// So long it is waited for the next reply to begin.
    static let patienceMilliseconds: Int64 = 10
    /// Nothing that was read is held back for longer, though Redis may be in the middle of a reply.
    static let maximumMilliseconds: Int64 = 50
    /// Bytes of events that are delivered together at the most, but for the last reply's.
    static let maximumBytes = 2 * 1024 * 1024
    /// With fewer deliveries than this there is nothing to be saved.
    static let fewDeliveries = 200
    /// A loop that hands out more than this at once would only be kept longer from all else by several replies, and where
    /// so many listen to each event, its writes carry many anyway.
    static let manyDeliveries = 20_000

    private var start: MonotonicTime?
    private var isWorthIt = false

    /// A reply that Redis has cut at its count was read.
    /// - Parameter bytes: what is held back by now.
    /// - Returns: whether the next reply is to be waited for, ``patienceMilliseconds`` at first.
    mutating func goesOn(bytes: Int, now: MonotonicTime) -> Bool {
        start = start ?? now
        return isWorthIt && bytes < Self.maximumBytes && hasTime(now)
    }

    /// The patience is at its end: whether to have more.
    /// - Parameter isArriving: some of the next reply is there.
    func waitsOn(isArriving: Bool, now: MonotonicTime) -> Bool { isArriving && hasTime(now) }

    private func hasTime(_ now: MonotonicTime) -> Bool {
        now.milliseconds(since: start ?? now) < Self.maximumMilliseconds
    }

    /// What was held back, if anything was, was delivered.
    mutating func delivered(_ count: Int) {
        start = nil
        isWorthIt = (Self.fewDeliveries...Self.manyDeliveries).contains(count)
    }
}
