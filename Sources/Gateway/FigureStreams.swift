import EventLoop
import Metrics
import ServerSentEvents

/// The event streams by which the console's pages are told the figures, once a second.
///
/// Not sessions: they are in no channel, and nothing is owed to them. One that takes no more for now is passed over, so a page
/// that does not read costs what its socket holds. Confined to its loop's thread.
final class FigureStreams {
    private unowned let loop: GatewayLoop
    private var streams: [Connection] = []
    private var isScheduled = false

    /// The most on one loop: pages are for people to look at.
    static let most = 32
    static let intervalMilliseconds: Int64 = 1000

    init(loop: GatewayLoop) { self.loop = loop }

    var isFull: Bool { streams.count >= Self.most }

    /// From the next figures on, until the connection is closed.
    func add(_ connection: Connection) {
        streams.append(connection)
        guard !isScheduled else { return }
        isScheduled = true
        tell()
    }

    func remove(_ connection: Connection) {
        streams.removeAll { $0 === connection }
    }

    private func tell() {
        guard !streams.isEmpty else {
            isScheduled = false
            return
        }
        loop.figures.collect { [weak self] in self?.tell($0) }
    }

    /// - Parameter snapshot: nil if a loop has not answered in time; the next one may.
    private func tell(_ snapshot: Snapshot?) {
        if let snapshot {
            let now = WallClock.nowMilliseconds()
            let text = EventStreamText.event(data: FiguresJSON.render(snapshot, timeMilliseconds: now))
            // A copy: one that fails is removed while they are gone through.
            for connection in streams where connection.canSend && connection.output.isEmpty { connection.send(text) }
        }
        loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.intervalMilliseconds)) { [unowned self] in
            tell()
        }
    }
}
