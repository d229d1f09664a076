import EventLoop
import Metrics

/// Gathers the figures of all loops on one of them, without making any loop wait: each answers in its next turn.
///
/// Confined to its loop's thread.
final class FiguresCollector {
    /// Nil: some loop did not answer in time.
    typealias Use = (Snapshot?) -> Void

    private unowned let loop: GatewayLoop
    /// Of the loops besides this one.
    private let peers: [Mailbox<LoopMessage>]
    private let deadlineMilliseconds: Int64
    /// Which round of asking is under way, or was last.
    private var round: UInt64 = 0
    private var isAsking = false
    private var outstanding = 0
    private var sum = Snapshot()
    private var asked: [Use] = []
    /// Who came while others were being answered: those figures are from before they asked.
    private var next: [Use] = []
    private var timer: TimerToken?

    /// A loop that has not come round by then is stuck, or has ended.
    static let deadlineMilliseconds: Int64 = 5000

    init(
        loop: GatewayLoop, peers: [Mailbox<LoopMessage>],
        deadlineMilliseconds: Int64 = FiguresCollector.deadlineMilliseconds
    ) {
        self.loop = loop
        self.peers = peers
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// Asks all loops; `use` is called once, possibly at once.
    func collect(_ use: @escaping Use) {
        guard !isAsking else { return next.append(use) }
        ask([use])
    }

    private func ask(_ uses: [Use]) {
        asked = uses
        isAsking = true
        round += 1
        sum = loop.snapshot()
        outstanding = peers.count
        guard outstanding > 0 else { return finish(sum) }
        let mailbox = loop.mailbox
        for peer in peers {
            peer.post(.figures { [round] snapshot in mailbox.post(.collected(snapshot, round: round)) })
        }
        let deadline = loop.now.advanced(byMilliseconds: deadlineMilliseconds)
        timer = loop.events.schedule(at: deadline) { [unowned self] in
            timer = nil
            finish(nil)
        }
    }

    /// A loop's answer.
    func receive(_ snapshot: Snapshot, round: UInt64) {
        // One that comes too late belongs to nobody.
        guard isAsking, round == self.round else { return }
        sum.add(snapshot)
        outstanding -= 1
        if outstanding == 0 { finish(sum) }
    }

    private func finish(_ snapshot: Snapshot?) {
        if let timer { loop.events.cancel(timer) }
        timer = nil
        isAsking = false
        var snapshot = snapshot
        snapshot?.process = ProcessFigures(of: loop.context)
        let uses = asked
        asked = []
        for use in uses { use(snapshot) }
        // One of them may have begun a round by itself.
        guard !isAsking, !next.isEmpty else { return }
        let waiting = next
        next = []
        ask(waiting)
    }
}
