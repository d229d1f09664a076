import EventLoop

/// The deadlines of a loop's connections: one wheel, one timer, one token for each connection.
///
/// A connection whose deadline moves later keeps its token and is put back when it comes up; only a deadline that moves
/// nearer makes a new one. Tokens of closed connections die when they come up.
final class ConnectionDeadlines {
    private unowned let loop: GatewayLoop
    private var wheel: DeadlineWheel
    private var timer: (token: TimerToken, at: MonotonicTime)?

    /// Deadlines are met within this many milliseconds. Finer would only cost turns of the loop.
    static let granularityMilliseconds: Int64 = 10

    init(loop: GatewayLoop) {
        self.loop = loop
        wheel = DeadlineWheel(
            granularityMilliseconds: Self.granularityMilliseconds, slots: 4096, start: loop.now)
    }

    /// Sees to it that the connection is looked at when its deadline has come.
    func schedule(_ connection: Connection) {
        if let scheduled = connection.scheduledFor, scheduled <= connection.deadline { return }
        connection.scheduledFor = connection.deadline
        wheel.insert(connection.token, at: connection.deadline)
        arm()
    }

    private func arm() {
        guard let wake = wheel.nextWake else { return }
        if let timer {
            guard wake < timer.at else { return }
            loop.events.cancel(timer.token)
        }
        let token = loop.events.schedule(at: wake) { [unowned self] in
            timer = nil
            expire()
            arm()
        }
        timer = (token, wake)
    }

    private func expire() {
        let now = loop.now
        var due: [UInt64] = []
        wheel.expire(through: now) { token, _ in due.append(token) }
        for token in due {
            guard let connection = loop.connection(token: token), let scheduled = connection.scheduledFor,
                scheduled <= now
            else { continue }
            connection.scheduledFor = nil
            if connection.deadline <= now { connection.checkDeadline(now) }
            if connection.phase != .closed { schedule(connection) }
        }
    }
}
