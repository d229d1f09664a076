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
            var busy = 0
        }
        private let state: Mutex<State>

        init(path: String) { state = Mutex(State(path: path)) }

        var path: String { state.withLock { $0.path } }
        func lead(to path: String) { state.withLock { $0.path = path } }
        func goOn() { state.withLock { $0.isPaused = false } }
        func stop() { state.withLock { $0.isStopped = true } }
        var isStopped: Bool { state.withLock { $0.isStopped } }

        /// Lets no producer begin another event, and waits until each has ended its last.
        func pause() throws {
            state.withLock { $0.isPaused = true }
            try eventually("the producers have ended their events", within: 60) { state.withLock { $0.busy } == 0 }
        }

        fileprivate func begin() -> Bool {
            state.withLock {
                guard !$0.isPaused, !$0.isStopped else { return false }
                $0.busy += 1
                return true
            }
        }

        fileprivate func end() { state.withLock { $0.busy -= 1 } }
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
                guard orders.begin() else {
                    FaultTests.pause(milliseconds: 2)
                    continue
                }
                let gap = random.oneIn(3) ? random.int(0...apart) : 0
                // A server that is no longer the one to write to is left between two events, as its clients do.
                if connection == nil || connectedTo != orders.path {
                    connectedTo = orders.path
                    connection = try? RESPConnection(path: connectedTo)
                }
                if let current = connection {
                    let padding = random.oneIn(8) ? random.int(0...2000) : 0
                    let lives = write(
                        current, ledger, channel: random.int(0...channels - 1), padding: padding, apart: gap)
                    if !lives { connection = nil }
                }
                orders.end()
                FaultTests.pause(milliseconds: connection == nil ? 20 : random.oneIn(10) ? 0 : random.int(0...rest))
            }
        }
    }

    /// Whether the connection is still good.
    private static func write(
        _ connection: RESPConnection, _ ledger: Ledger, channel: Int, padding: Int, apart: Int
    ) -> Bool {
        var event = Checker.Event(number: ledger.newNumber(), channel: channel)
        let data = eventData(event.number, channel: channel, padding: padding)
        var lives = true
        let first = add(connection, Streams.channel(channel), data)
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
        event.writtenAt = nowMilliseconds()
        ledger.record(event)
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
