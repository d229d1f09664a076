import Locks
import TestSupport

/// Writes events without pause, as producers do: first to the channel's stream, then to the global one, with a while in
/// between at times. What becomes of a write that got no answer is noted as unknown.
final class LoadProducer: Sendable {
    /// What all producers of a run are told.
    final class Orders: Sendable {
        private struct State {
            var path: String
            var isPaused = true
            var isStopped = false
            /// How many are in the middle of an event, by the server they write it to.
            var busy: [String: Int] = [:]
            /// The last life of the global stream that a server which is no longer the primary had part in.
            var lastLives: [String: Int] = [:]
        }
        private let state: Mutex<State>

        init(path: String) { state = Mutex(State(path: path)) }

        /// - Parameter lastOfOld: the last life of the global stream that is the old server's; what goes to it from now on, since
        ///   nobody told it that it is no longer the primary, is of that one at most.
        func lead(to path: String, lastOfOld: Int? = nil) {
            state.withLock {
                $0.lastLives[$0.path] = lastOfOld
                $0.lastLives[path] = nil
                $0.path = path
            }
        }

        /// Nil for a server that is the primary.
        fileprivate func lastLife(of path: String) -> Int? { state.withLock { $0.lastLives[path] } }

        func goOn() { state.withLock { $0.isPaused = false } }
        func stop() { state.withLock { $0.isStopped = true } }
        var isStopped: Bool { state.withLock { $0.isStopped } }

        /// Lets no producer begin another event, and waits until each has ended its last.
        func pause() throws {
            state.withLock { $0.isPaused = true }
            try eventually("the producers have ended their events", within: 60) {
                state.withLock { $0.busy.values.allSatisfy { $0 == 0 } }
            }
        }

        /// Waits until no producer is in the middle of an event on this server, which is no longer led to.
        func waitUntilLeft(_ path: String) throws {
            try eventually("the producers have left \(path)", within: 60) {
                state.withLock { $0.busy[path, default: 0] } == 0
            }
        }

        /// The Unix socket of the server that the event is to be written to; nil: there is to be none.
        fileprivate func begin() -> String? {
            state.withLock {
                guard !$0.isPaused, !$0.isStopped else { return nil }
                $0.busy[$0.path, default: 0] += 1
                return $0.path
            }
        }

        fileprivate func end(_ path: String) { state.withLock { $0.busy[path, default: 0] -= 1 } }
    }

    /// - Parameters:
    ///   - rest: the longest pause between two events, in milliseconds.
    ///   - apart: the longest pause between the two writes of one.
    static func start(_ orders: Orders, ledger: Ledger, channels: Int, seed: UInt64, rest: Int, apart: Int) {
        _ = Background { _ in
            var random = SplitMix64(seed: seed)
            var connection: RESPConnection?
            var connectedTo = ""
            while !orders.isStopped {
                guard let path = orders.begin() else {
                    FaultTests.pause(milliseconds: 2)
                    continue
                }
                let gap = random.oneIn(3) ? random.int(0...apart) : 0
                // A server that is no longer the one to write to is left between two events, as its clients do.
                if connection == nil || connectedTo != path {
                    connectedTo = path
                    connection = try? RESPConnection(path: path)
                }
                if let current = connection {
                    let padding = random.oneIn(8) ? random.int(0...2000) : 0
                    var event = Checker.Event(number: ledger.newNumber(), channel: random.int(0...channels - 1))
                    let lives = write(&event, current, ledger, padding: padding, apart: gap)
                    if let last = orders.lastLife(of: path) {
                        event.epochs = min(event.epochs.lowerBound, last)...min(event.epochs.upperBound, last)
                    }
                    event.writtenAt = nowMilliseconds()
                    ledger.record(event)
                    if !lives { connection = nil }
                }
                orders.end(path)
                FaultTests.pause(milliseconds: connection == nil ? 20 : random.oneIn(10) ? 0 : random.int(0...rest))
            }
        }
    }

    /// Whether the connection is still good.
    private static func write(
        _ event: inout Checker.Event, _ connection: RESPConnection, _ ledger: Ledger, padding: Int, apart: Int
    ) -> Bool {
        let data = eventData(event.number, channel: event.channel, padding: padding)
        var lives = true
        let first = add(connection, Streams.channel(event.channel), data)
        event.epochs = ledger.epoch...ledger.epoch
        switch first {
        case .id(let id):
            event.channelID = id
            FaultTests.pause(milliseconds: apart)
            let before = ledger.epoch
            switch add(connection, Streams.global, data) {
            case .id(let id): event.globalID = id
            case .refused: break
            case .unknown: lives = false
            }
            event.epochs = before...ledger.epoch
        case .refused: break
        case .unknown: lives = false
        }
        return lives
    }

    private enum Outcome {
        case id(EntryID)
        case refused
        case unknown
    }

    private static func add(_ connection: RESPConnection, _ stream: String, _ data: String) -> Outcome {
        guard let reply = try? connection.command(["XADD", stream, "*", "data", data]) else { return .unknown }
        guard case .bulk = reply, let id = EntryID(reply.text) else { return .refused }
        return .id(id)
    }
}
