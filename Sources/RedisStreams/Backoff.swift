/// How long to wait before the next try: doubling, with full jitter, at most five seconds.
///
/// Full jitter, because all gateways lose a restarted Redis in the same moment.
public struct Backoff: Sendable {
    private let base: UInt64
    private let cap: UInt64
    private var attempt: UInt64 = 0

    /// - Parameters: milliseconds; the first try waits up to `base`, no try longer than `cap`.
    public init(base: UInt64 = 50, cap: UInt64 = 5000) {
        self.base = max(base, 1)
        self.cap = max(cap, 1)
    }

    /// Milliseconds to wait before the next try.
    /// - Parameter random: any number, each as likely as the other.
    public mutating func next(random: UInt64) -> Int {
        let limit = min(base << min(attempt, 20), cap)
        attempt += 1
        // From 1, so that a server that refuses at once is not asked in a tight loop.
        return Int(1 + random % limit)
    }

    /// After a success.
    public mutating func reset() { attempt = 0 }
}
