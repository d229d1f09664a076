import EventLoop

/// When an event stream that has nothing to say says so: a decision without effects, driven by the time passed in.
struct Heartbeat {
    /// When the next is due, if nothing else is written before.
    private(set) var due: MonotonicTime
    /// This stream's own: `pingSocketsIntervalMs` less up to a tenth.
    private let interval: Int64

    /// - Parameters:
    ///   - interval: `pingSocketsIntervalMs`.
    ///   - share: from 0 up to 1, drawn at random: it spreads the heartbeats of streams that came at once, or were all
    ///     given the same event.
    init(now: MonotonicTime, interval: Int64, share: Double) {
        self.interval = max(interval - Int64(Double(interval) / 10 * min(max(share, 0), 1)), 1)
        due = Pace.next(self.interval, after: now, interval: self.interval)
    }

    /// Something was written.
    mutating func wrote(now: MonotonicTime) { due = Pace.next(interval, after: now, interval: interval) }

    /// Whether to write a comment now; then the next is due an interval later.
    mutating func isDue(now: MonotonicTime) -> Bool {
        guard due <= now else { return false }
        wrote(now: now)
        return true
    }
}
