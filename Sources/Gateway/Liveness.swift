import EventLoop

/// When to ping a peer and when to give it up: a decision without effects, driven by the time that is passed in.
///
/// Any bytes from the peer are a sign of life. A ping that could not be written because the socket is blocked counts as
/// sent: a peer that does not read cannot answer, and is dropped like one that is gone.
struct Liveness {
    struct Limits: Equatable {
        /// `pingSocketsIntervalMs`
        var pingInterval: Int64
        /// `socketResponseTimeoutMs`
        var responseTimeout: Int64
    }

    enum Action: Equatable {
        case wait
        case ping
        case drop
    }

    private var nextPing: MonotonicTime
    /// When the oldest ping was sent that nothing was heard after.
    private var unansweredSince: MonotonicTime?

    /// - Parameter phase: from 0 up to 1, where in the interval the first ping falls: drawn at random, it spreads the
    ///   pings of sockets that all came at once, as after a restart.
    init(now: MonotonicTime, limits: Limits, phase: Double) {
        let share = Int64(Double(limits.pingInterval) * min(max(phase, 0), 1))
        nextPing = now.advanced(byMilliseconds: max(share, 1))
    }

    mutating func heard() { unansweredSince = nil }

    /// Call at ``nextDeadline(_:)`` or later.
    mutating func check(now: MonotonicTime, limits: Limits) -> Action {
        if let since = unansweredSince, since.advanced(byMilliseconds: limits.responseTimeout) <= now { return .drop }
        guard nextPing <= now else { return .wait }
        // From now and not from the time it was due: a loop that was held up does not catch up with a burst.
        nextPing = now.advanced(byMilliseconds: limits.pingInterval)
        if unansweredSince == nil { unansweredSince = now }
        return .ping
    }

    func nextDeadline(_ limits: Limits) -> MonotonicTime {
        guard let since = unansweredSince else { return nextPing }
        return min(nextPing, since.advanced(byMilliseconds: limits.responseTimeout))
    }
}
