import EventLoop

/// The deadlines of a loop's connections: a flat table by descriptor, and one timer for the nearest of them.
final class ConnectionDeadlines {
    private unowned let loop: GatewayLoop
    private var table: DeadlineTable
    private var timer: (token: TimerToken, at: MonotonicTime)?
    /// Kept to be used again.
    private var due: [Int] = []

    /// Deadlines are met within this many milliseconds. Finer would only cost turns of the loop.
    static let granularityMilliseconds: Int64 = 10

    init(loop: GatewayLoop) {
        self.loop = loop
        table = DeadlineTable(granularityMilliseconds: Self.granularityMilliseconds, start: loop.now)
    }

    /// Sees to it that the connection with this descriptor is looked at when that time has come, and not before.
    func set(_ descriptor: Int32, to time: MonotonicTime) {
        table.set(Int(descriptor), to: time)
        arm()
    }

    /// The descriptor is about to be closed.
    func clear(_ descriptor: Int32) { table.clear(Int(descriptor)) }

    private func arm() {
        guard let wake = table.nextWake else { return }
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
        var due: [Int] = []
        swap(&due, &self.due)
        table.takeDue(at: now, into: &due)
        for descriptor in due {
            // Set again since: by what was done for one before it.
            guard !table.isSet(descriptor), let connection = loop.connection(descriptor: descriptor) else { continue }
            connection.checkDeadline(now)
            // Its last words do not go out, and it has set no other deadline: it is looked at once more.
            if connection.phase != .closed, !table.isSet(descriptor) { table.set(descriptor, to: now) }
        }
        due.removeAll(keepingCapacity: true)
        swap(&due, &self.due)
    }
}
