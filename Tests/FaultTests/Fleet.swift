import Glibc
import Locks
import TestSupport

/// Dozens of clients on one thread.
final class Fleet: Sendable {
    private struct State {
        var clients: [FleetClient]
        var ports: [UInt16]
        var isCalm = true
        var isStopped = false
        var hasEnded = false
    }

    private let state: Mutex<State>

    init(_ clients: [FleetClient], ports: [UInt16]) {
        state = Mutex(State(clients: clients, ports: ports))
        _ = Background { [self] _ in
            var chunk = [UInt8](repeating: 0, count: 65536)
            while turn(&chunk) {}
        }
    }

    /// The clients, as they stand.
    var clients: [FleetClient] { state.withLock { $0.clients } }

    /// Calm clients stay, and those that are away come back.
    func setCalm(_ isCalm: Bool) { state.withLock { $0.isCalm = isCalm } }

    func turnOver(keeping number: Int) {
        state.withLock { state in
            for index in state.clients.indices { state.clients[index].turnOver(keeping: number) }
        }
    }

    func resetSights() {
        state.withLock { state in
            for index in state.clients.indices { state.clients[index].resetSights() }
        }
    }

    /// Ends its thread and closes all sockets.
    func stop() throws {
        state.withLock { $0.isStopped = true }
        try eventually("the clients have ended") { state.withLock { $0.hasEnded } }
    }

    private func turn(_ chunk: inout [UInt8]) -> Bool {
        // Polled outside the lock: only this thread opens and closes these sockets.
        var requests = state.withLock { state in
            state.clients.map { pollfd(fd: $0.interest == 0 ? -1 : $0.descriptor, events: $0.interest, revents: 0) }
        }
        _ = poll(&requests, nfds_t(requests.count), 5)
        let now = nowMilliseconds()
        return state.withLock { state in
            if state.isStopped {
                for index in state.clients.indices { state.clients[index].end() }
                state.hasEnded = true
                return false
            }
            for index in state.clients.indices {
                if requests[index].revents != 0 { state.clients[index].handle(now, chunk: &chunk) }
                state.clients[index].tick(now, ports: state.ports, isCalm: state.isCalm)
            }
            return true
        }
    }
}
