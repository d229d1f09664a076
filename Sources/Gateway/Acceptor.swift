import EventLoop
import Logging
import Metrics

/// Takes new connections from the loop's listening socket.
final class Acceptor: ReadinessHandler {
    private unowned let loop: GatewayLoop
    private let listener: Listener
    private let port: Connection.Port
    private var registration: Registration?
    /// Out of descriptors: the listener is not watched, or it would wake the loop without end.
    private(set) var isPaused = false

    /// Connections taken in one turn: enough to empty a usual queue, few enough that those who are in are served.
    private static let acceptsPerTurn = 64
    /// A descriptor may be freed by someone else than a connection; then this is how long it takes to be noticed.
    private static let retryMilliseconds: Int64 = 200
    private var complaints = RateLimit(perSecond: 1)

    init(loop: GatewayLoop, listener: Listener, port: Connection.Port = .main) {
        self.loop = loop
        self.listener = listener
        self.port = port
    }

    func resume() {
        isPaused = false
        if let registration {
            loop.events.modify(registration, interest: .read)
            return
        }
        do {
            registration = try loop.events.register(listener.descriptor, interest: .read, handler: self)
        } catch {
            loop.logger.critical("the listening socket cannot be watched, no connection will be accepted: \(error)")
        }
    }

    func handle(_ ready: Ready) {
        for _ in 0..<Self.acceptsPerTurn {
            switch listener.accept() {
            case .accepted(let stream, let peer):
                loop.add(stream, peer: peer, port: port)
            case .wouldBlock:
                return
            case .outOfDescriptors:
                return pause()
            case .failed(let error):
                if let suppressed = complaints.admit(now: loop.now) {
                    loop.logger.warning(
                        "accepting a connection failed: \(error)", metadata: ["unreportedBefore": "\(suppressed)"])
                }
                return
            }
        }
    }

    func descriptorWasFreed() {
        if isPaused { resume() }
    }

    private func pause() {
        guard !isPaused, let registration else { return }
        isPaused = true
        loop.counters.acceptPauses += 1
        loop.events.modify(registration, interest: [])
        if complaints.admit(now: loop.now) != nil {
            loop.logger.warning(
                "out of file descriptors: no connection is accepted until one is closed; raise the limit (ulimit -n, LimitNOFILE)"
            )
        }
        _ = loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.retryMilliseconds)) { [weak self] in
            if let self, isPaused { resume() }
        }
    }
}
