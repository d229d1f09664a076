import EventLoop

/// When an open socket has to end at the latest, and why: a decision without effects, from the times that are passed in.
struct Lifetime: Equatable {
    /// `.distantFuture` for one that may stay for ever.
    let end: MonotonicTime
    let isByAge: Bool

    var reason: CloseReason { isByAge ? .age : .expired }

    init(end: MonotonicTime, isByAge: Bool) {
        self.end = end
        self.isByAge = isByAge
    }

    /// - Parameters:
    ///   - expiresAt: when the token is no longer good, leeway included.
    ///   - maxAge: `maxConnectionAgeMs`; 0: no limit.
    ///   - share: from 0 up to 1, drawn at random: the age is up to a tenth less, so that sockets that came at once, as after
    ///     a restart, do not come back at once.
    init(now: MonotonicTime, expiresAt: MonotonicTime, maxAge: Int64, share: Double) {
        let early = Int64(Double(maxAge) / 10 * min(max(share, 0), 1))
        let byAge = maxAge > 0 ? now.advanced(byMilliseconds: maxAge - early) : .distantFuture
        self.init(end: min(byAge, expiresAt), isByAge: byAge < expiresAt)
    }
}
