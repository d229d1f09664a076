import Locks
import TestSupport

/// Asks a gateway's `/ready` all the time, and adds up how long it said no.
final class ReadyWatch: Sendable {
    struct Figures: Sendable {
        /// Milliseconds of 503.
        var unready = 0
        /// Milliseconds in which nobody answered.
        var down = 0
        var isReady = true
    }

    private let figures = Mutex(Figures())
    private let stopped = Mutex(false)

    init(port: UInt16) {
        _ = Background { [weak self] _ in
            var last = nowMilliseconds()
            while let watch = self, !watch.stopped.withLock({ $0 }) {
                let status = Self.ask(port)
                let now = nowMilliseconds()
                watch.figures.withLock {
                    $0.isReady = status == 200
                    if status == 503 { $0.unready += now - last }
                    if status == nil { $0.down += now - last }
                }
                last = now
                pause(milliseconds: 20)
            }
        }
    }

    deinit { stop() }

    var now: Figures { figures.withLock { $0 } }

    func reset() { figures.withLock { $0 = Figures() } }

    func stop() { stopped.withLock { $0 = true } }

    private static func ask(_ port: UInt16) -> Int? {
        guard let socket = try? TestSocket.connect(port: port),
            (try? socket.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) != nil
        else { return nil }
        return (try? HTTPAnswer.read(from: socket))?.status
    }
}
