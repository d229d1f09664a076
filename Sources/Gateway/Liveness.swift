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
    /// When the oldest ping was sent that nothing was heard after; `distantFuture` when there is none.
    private var unansweredSince = MonotonicTime.distantFuture

    /// - Parameter phase: from 0 up to 1, where in the interval the first ping falls: drawn at random, it spreads the
    ///   pings of sockets that all came at once, as after a restart.
    init(now: MonotonicTime, limits: Limits, phase: Double) {
        let share = Int64(Double(limits.pingInterval) * min(max(phase, 0), 1))
        nextPing = Pace.next(share, after: now, interval: limits.pingInterval)
    }

    mutating func heard() { unansweredSince = .distantFuture }

    /// Call at ``nextDeadline(_:)`` or later.
    mutating func check(now: MonotonicTime, limits: Limits) -> Action {
        if unansweredSince.advanced(byMilliseconds: limits.responseTimeout) <= now { return .drop }
        guard nextPing <= now else { return .wait }
        // From now and not from the time it was due: a loop that was held up does not catch up with a burst.
        nextPing = Pace.next(limits.pingInterval, after: now, interval: limits.pingInterval)
        unansweredSince = min(unansweredSince, now)
        return .ping
    }

    func nextDeadline(_ limits: Limits) -> MonotonicTime {
        min(nextPing, unansweredSince.advanced(byMilliseconds: limits.responseTimeout))
    }
}

/// When connections that have nothing to do come up again: not each at its own moment, which would wake the loop for every
/// one, but some together, in 200 steps that spread them over the interval all the same.
enum Pace {
    private static let steps: Int64 = 200
    /// Above this (ms) the sockets of one step would be felt as a burst.
    private static let longestStep: Int64 = 250

    /// The step so many milliseconds after `now`, or the last one before; but not `now`.
    /// - Parameter interval: over which the connections are spread, in milliseconds.
    static func next(_ milliseconds: Int64, after now: MonotonicTime, interval: Int64) -> MonotonicTime {
        let exact = now.advanced(byMilliseconds: max(milliseconds, 1))
        // In whole units of what deadlines are met within: a shorter step gains nothing, and intervals that differ a little
        // have the same.
        let unit = ConnectionDeadlines.granularityMilliseconds
        let length = min(interval / steps, longestStep) / unit * unit
        guard length > 0 else { return exact }
        let rounded = exact.rounded(downToMilliseconds: length)
        return rounded > now ? rounded : rounded.advanced(byMilliseconds: length)
    }
}
