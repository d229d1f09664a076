import Configuration
import EventLog
import EventLoop
import Metrics

/// What the reader hands to the logs of all loops: batches and breaks, numbered, and told to all in the same order. Keeps
/// the trail of what was read. Lives on the reader's loop.
final class LogFeed {
    private unowned let loop: GatewayLoop
    private let peers: [Mailbox<LoopMessage>]
    private var index: BucketIndex
    private var lastBreak: Break?
    private(set) var trail = ReadTrail(floor: .zero)

    init(loop: GatewayLoop, peers: [Mailbox<LoopMessage>]) {
        self.loop = loop
        self.peers = peers
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
        fill.forEachBatch { append($0) }
    }

    func append(_ batch: PendingBatch) {
        let sealed = batch.seal(index: &index)
        trail.append(sealed)
        broadcast(.batch(sealed))
    }

    /// The stream does not go on where it was read to.
    func breakLog(common: StreamID, floor: StreamID) {
        let next = Break(common: common, floor: floor, lastID: loop.log.lastID, after: lastBreak, index: &index)
        lastBreak = next
        trail.breakOff(after: common)
        loop.counters.streamBreaks += 1
        broadcast(.logBroken(next))
    }
}
