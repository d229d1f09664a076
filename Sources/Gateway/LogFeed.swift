import Configuration
import EventLog
import EventLoop
import Metrics

/// What the reader hands to the logs of all loops: batches and breaks, numbered, and told to all in the same order. Keeps
/// the trail of what was read. Lives on the reader's loop.
final class LogFeed {
    private unowned let loop: GatewayLoop
    private let peers: [Mailbox<LoopMessage>]
    /// One for each of the peers.
    private let backlogs: [LoopBacklog]
    private var index: BucketIndex
    private var lastBreak: Break?
    private(set) var trail = ReadTrail(floor: .zero)

    init(loop: GatewayLoop, peers: [Mailbox<LoopMessage>]) {
        self.loop = loop
        self.peers = peers
        backlogs = peers.map { _ in LoopBacklog(historyBytes: loop.context.settings.historyBytes) }
        index = BucketIndex(historyBytes: loop.context.settings.historyBytes)
    }

    /// Tells all loops.
    func broadcast(_ message: LoopMessage) {
        loop.receive(message)
        for peer in peers { peer.post(message) }
    }

    /// The logs begin with what was there at the start.
    func open(_ fill: LogFill) {
        broadcast(.logOpened(floor: fill.floor, lastID: fill.through))
        index = BucketIndex(historyBytes: loop.context.settings.historyBytes)
        lastBreak = nil
        trail = ReadTrail(floor: fill.floor)
        fill.forEachBatch { append([$0]) }
    }

    /// To be delivered together.
    func append(_ batches: [PendingBatch]) {
        let sealed = batches.map { $0.seal(index: &index) }
        for batch in sealed { trail.append(batch) }
        let bytes = sealed.reduce(0) { $0 + $1.footprint }
        for (peer, backlog) in zip(peers, backlogs) {
            backlog.add(bytes)
            peer.post(.batches(sealed, LoopDebt(backlog: backlog, bytes: bytes, reader: loop.mailbox)))
        }
        // Last, so that the others are at it meanwhile.
        loop.receive(.batches(sealed, .none))
    }

    /// Whether a loop is so far behind that nothing more is to be read now. Then ``LoopMessage/loopHasCaughtUp`` will come.
    var isAhead: Bool { backlogs.contains { $0.mustBeAwaited() } }

    /// The stream does not go on where it was read to.
    /// - Parameter isHole: entries were removed from it; if not, another one is in its place.
    func breakLog(common: StreamID, floor: StreamID, isHole: Bool) {
        let next = Break(
            common: common, floor: floor, lastID: loop.log.lastID, isHole: isHole, after: lastBreak, index: &index)
        lastBreak = next
        trail.breakOff(after: common)
        loop.counters.streamBreaks += 1
        broadcast(.logBroken(next))
    }
}
