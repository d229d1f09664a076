import EventLoop
import WebSocket

/// What is spoken on an open connection, and when it must speak by itself.
enum Session {
    case webSocket(Liveness)
    case eventStream(Heartbeat)
    /// Waits for events until then.
    case poll(until: MonotonicTime)

    /// When to look at it next.
    func nextDeadline(_ limits: Liveness.Limits) -> MonotonicTime {
        switch self {
        case .webSocket(let liveness): liveness.nextDeadline(limits)
        case .eventStream(let heartbeat): heartbeat.due
        case .poll(let until): until
        }
    }

    /// Bytes came from the peer: of a WebSocket a sign of life.
    mutating func heard() {
        guard case .webSocket(var liveness) = self else { return }
        liveness.heard()
        self = .webSocket(liveness)
    }

    /// Events were written: an event stream then needs no heartbeat for a while.
    mutating func wrote(now: MonotonicTime) {
        guard case .eventStream(var heartbeat) = self else { return }
        heartbeat.wrote(now: now)
        self = .eventStream(heartbeat)
    }
}
