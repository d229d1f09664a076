import DequeModule
import EventLoop
import Metrics

/// Connections that send more than is taken of one at a time. A few of them are read from every so often, a little each:
/// however many there are, and however much they send, the others wait no longer than for that, and the loop has most of its
/// time for them.
///
/// Confined to its loop's thread; owned by the loop.
final class InputQueue {
    private unowned let loop: GatewayLoop
    private var waiting = Deque<Registration>()
    private var isScheduled = false

    /// A turn of a connection is about a hundred microseconds at the most (1 KiB of pings, 4 requests), so that floods have a
    /// fifth of the loop's time.
    private static let servedAtATime = 2
    private static let intervalMilliseconds: Int64 = 1

    init(loop: GatewayLoop) { self.loop = loop }

    /// Lets a connection wait for its turn: it is not watched until then, and then told once (``Connection/takeTurn()``).
    func add(_ connection: Connection) {
        loop.counters.inputsDeferred += 1
        waiting.append(connection.registration)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        _ = loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.intervalMilliseconds)) { [unowned self] in
            isScheduled = false
            serve()
            if !waiting.isEmpty { schedule() }
        }
    }

    private func serve() {
        for _ in 0..<min(waiting.count, Self.servedAtATime) {
            let registration = waiting.removeFirst()
            // It may be gone, and its descriptor another's.
            guard let connection = loop.connection(descriptor: Int(registration.descriptor)),
                connection.registration == registration
            else { continue }
            connection.takeTurn()
        }
    }
}
