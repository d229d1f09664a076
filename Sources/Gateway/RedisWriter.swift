internal import DequeModule
import EventLoop
import RedisStreams

/// Writes to Redis, over a connection of the loop's own that is made when it is first needed: not behind the range reads of
/// replays, and none where nothing is ever written.
///
/// What was sent once is never sent again by itself: whether it was done is then not known. Confined to its loop's thread.
final class RedisWriter: RedisLinkUser {
    enum Outcome {
        /// A reply to each command.
        case answered([Reply])
        /// Redis is away, and has heard nothing of it.
        case notSent
        /// The connection was lost before the answer: it may have been done or not.
        case unknown
    }

    /// Takes the outcome. Returns why the answer cannot be used, if so: then the connection is made anew.
    typealias Completion = (Outcome) -> String?

    private struct Pending {
        var question: RedisQuestion
        var done: Completion
    }

    private enum State {
        /// Nothing was ever to be written.
        case idle
        /// For the first time: what is to be written waits for it.
        case connecting
        case ready
        /// It failed, and is tried again.
        case away
    }

    private unowned let loop: GatewayLoop
    private lazy var router = RedisRouter(loop: loop, purpose: "writes", user: self)
    private var state = State.idle
    private var waiting: [Pending] = []
    /// Asked, in the order of the answers.
    private var asked: Deque<Pending> = []
    /// Called when Redis is reached again after it was away.
    var whenBack: (() -> Void)?

    init(loop: GatewayLoop) { self.loop = loop }

    /// Goes from a server that is no longer the primary to the one that is.
    func leave(_ old: NodeAddress, for new: NodeAddress) { router.leave(old, for: new) }

    /// Has Redis do the commands, which are for one key. The completion is called once, perhaps before this returns.
    func write(_ commands: [Command], _ done: @escaping Completion) {
        write([Pending(question: RedisQuestion(commands), done: done)])
    }

    /// Has Redis do many commands, each for a key of its own, together. The completion is called for each.
    func write(each commands: [Command], _ done: @escaping Completion) {
        write(commands.map { Pending(question: RedisQuestion([$0]), done: done) })
    }

    private func write(_ pending: [Pending]) {
        switch state {
        case .idle:
            state = .connecting
            waiting += pending
            router.connect()
        case .connecting:
            waiting += pending
        case .ready:
            ask(pending)
        case .away:
            for pending in pending { _ = pending.done(.notSent) }
        }
    }

    private func ask(_ pending: [Pending]) {
        asked.append(contentsOf: pending)
        router.ask(pending.map(\.question))
    }

    // MARK: Link

    func linkIsReady() {
        let wasAway = state == .away
        state = .ready
        let waited = waiting
        waiting = []
        if !waited.isEmpty { ask(waited) }
        if wasAway { whenBack?() }
    }

    func linkReceived() {
        while let question = router.nextAnswered() {
            guard let pending = asked.popFirst() else { return router.fail("an answer came that nobody waits for") }
            if let complaint = pending.done(.answered(question.replies)) { return router.fail(complaint) }
            router.answered()
        }
    }

    func linkWasLost() {
        state = .away
        let lost = Array(asked) + waiting
        asked.removeAll()
        waiting = []
        for pending in lost { _ = pending.done(pending.question.wasSent ? .unknown : .notSent) }
    }
}
