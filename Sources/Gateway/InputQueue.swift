import DequeModule
import EventLoop
import Metrics

/// Connections whose turn is to come. A few of them are told so every so often: however many there are, and however much they
/// want, the others wait no longer than for that.
///
/// Confined to its loop's thread; owned by the loop.
final class InputQueue {
    /// What they wait for.
    enum Purpose {
        /// To be read from, having sent more than is taken at a time. A turn is about a hundred microseconds at the most (1 KiB
        /// of pings, 4 requests), so that floods have a fifth of the loop's time.
        case flood
        /// To go on with a TLS handshake, of which one is some 300 microseconds: one in a turn of the loop, with all others
        /// in between, and no pause, since clients that come back all at once are no flood.
        case handshake
    }

    private unowned let loop: GatewayLoop
    private let purpose: Purpose
    private var waiting = Deque<Registration>()
    private var isScheduled = false

    private static let floodsAtATime = 2
    private static let floodIntervalMilliseconds: Int64 = 1

    init(loop: GatewayLoop, _ purpose: Purpose) {
        self.loop = loop
        self.purpose = purpose
    }

    /// Lets a connection wait for its turn: it is not watched until then, and then told once (``Connection/takeTurn()``).
    func add(_ connection: Connection) {
        if purpose == .flood { loop.counters.inputsDeferred += 1 }
        waiting.append(connection.registration)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        switch purpose {
        case .flood:
            let next = loop.now.advanced(byMilliseconds: Self.floodIntervalMilliseconds)
            _ = loop.events.schedule(at: next) { [unowned self] in serve(Self.floodsAtATime) }
        case .handshake:
            // The next turn does not sleep then.
            loop.events.atEndOfTurn { [unowned self] in serve(1) }
        }
    }

    private func serve(_ count: Int) {
        isScheduled = false
        for _ in 0..<min(waiting.count, count) {
            let registration = waiting.removeFirst()
            // It may be gone, and its descriptor another's.
            guard let connection = loop.connection(descriptor: Int(registration.descriptor)),
                connection.registration == registration
            else { continue }
            connection.takeTurn()
        }
        if !waiting.isEmpty { schedule() }
    }
}
