/// How long to wait before the next try: doubling, with full jitter, at most five seconds.
///
/// Full jitter, because all gateways lose a restarted Redis in the same moment.
public struct Backoff: Sendable {
    private let base: UInt64
    private let cap: UInt64
    /// The longest wait before the next try.
    private var limit: UInt64

    /// - Parameters: milliseconds; the first try waits up to `base`, no try longer than `cap`.
    public init(base: UInt64 = 50, cap: UInt64 = 5000) {
        self.cap = min(max(cap, 1), UInt64(Int32.max))
        self.base = min(max(base, 1), self.cap)
        limit = self.base
    }

    /// Milliseconds to wait before the next try.
    /// - Parameter random: any number, each as likely as the other.
    public mutating func next(random: UInt64) -> Int {
        defer { limit = min(limit * 2, cap) }
        // From 1, so that a server that refuses at once is not asked in a tight loop.
        return Int(1 + random % limit)
    }

    /// After a success.
    public mutating func reset() { limit = base }
}
