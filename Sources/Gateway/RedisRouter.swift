import Configuration
internal import DequeModule
import EventLoop
import RedisStreams

/// Asks Redis questions and gives the answers in the order of asking, wherever the keys are.
///
/// Of a single Redis it is one connection. In a cluster it follows `MOVED` and `ASK` with a connection to each node that
/// was named, and remembers which slot is where. Whoever uses it sees one link: ready, lost, answers in order. Confined to
/// its loop's thread.
final class RedisRouter {
    private unowned let loop: GatewayLoop
    private let purpose: String
    private weak var user: (any RedisLinkUser)?
    /// Redis as the settings say: a cluster's other nodes are heard of here.
    private lazy var home = RedisLane(loop: loop, router: self, purpose: purpose, address: nil)
    /// The other nodes that were ever named; those that are gone are closed.
    private var lanes: [NodeAddress: RedisLane] = [:]
    /// Slots that are elsewhere than at home, as far as is known.
    private var nodes: [UInt16: NodeAddress] = [:]
    /// Asked and not yet handed on, in the order of asking.
    private var pending: Deque<RedisQuestion> = []
    /// The question whose answer was handed on last.
    private var last: RedisQuestion?
    /// After a node was lost: until then nothing is asked, since home may name it again and again.
    private var pause: TimerToken?
    private var backoff = Backoff()

    /// - Parameter purpose: for the log.
    init(loop: GatewayLoop, purpose: String, user: any RedisLinkUser) {
        self.loop = loop
        self.purpose = purpose
        self.user = user
    }

    func connect() { home.open() }

    /// Asks another server than this one.
    func leave(_ old: NodeAddress, for new: NodeAddress) { home.link.leave(old, for: new) }

    /// Whether questions may be asked.
    var isReady: Bool { home.link.isReady && pause == nil }

    /// Asks. Only while ready; the user is told when that ends.
    func ask(_ questions: [RedisQuestion]) {
        // All of them first: what is lost on the way is told once, and of all.
        pending.append(contentsOf: questions)
        var rest = questions[...]
        while let first = rest.first {
            let lane = lane(for: first)
            let run = rest.prefix { self.lane(for: $0) === lane }
            rest = rest.dropFirst(run.count)
            lane.ask(run.filter { !$0.isDropped })
        }
    }

    /// The next question in the order of asking, if it was answered.
    func nextAnswered() -> RedisQuestion? {
        guard let question = pending.first, question.isComplete else { return nil }
        last = question
        return pending.removeFirst()
    }

    /// The answer that was handed on last is good.
    func answered() {
        backoff.reset()
        last?.lane?.link.answered()
        // To name the right node is what they were there for: many a node never does anything else.
        for lane in last?.guides ?? [] { lane.link.answered() }
        last = nil
    }

    /// The answer that was handed on last cannot be used: who gave it is asked again later.
    func fail(_ complaint: String) {
        let lane = last?.lane ?? home
        last = nil
        lane.fail(complaint)
    }

    /// What this one has answered is out of date: it is looked up anew who is to be asked.
    func leave(_ lane: RedisLane, _ complaint: String) {
        last = nil
        lane.link.distrust()
        lane.fail(complaint)
    }

    private func lane(for question: RedisQuestion) -> RedisLane {
        guard !nodes.isEmpty, let key = question.key, let address = nodes[ClusterSlot.of(key)] else { return home }
        return lane(at: address)
    }

    private func lane(at address: NodeAddress) -> RedisLane {
        if let lane = lanes[address] { return lane }
        let lane = RedisLane(loop: loop, router: self, purpose: purpose, address: address)
        lanes[address] = lane
        return lane
    }

    // MARK: Lanes

    func laneIsReady(_ lane: RedisLane) {
        if lane === home { user?.linkIsReady() }
    }

    /// All replies to a question are there.
    func answered(_ question: RedisQuestion, by lane: RedisLane) {
        if let redirection = question.redirection {
            guard question.hops < RedisLocator.maximumHops else {
                return lane.link.fail("the cluster's nodes name each other for the slot \(redirection.slot)")
            }
            let asked = lane.address?.host ?? loop.context.settings.redis.host
            let address = redirection.address(asked: asked)
            if !redirection.isOnce { nodes[redirection.slot] = address }
            question.reset(isAsking: redirection.isOnce, guide: lane)
            return self.lane(at: address).ask([question])
        }
        question.isComplete = true
        if pending.first?.isComplete == true { user?.linkReceived() }
    }

    /// A connection is gone. If answers were owed over it the user is told that all are lost: it asks again.
    func lost(_ lane: RedisLane, owed: Bool) {
        if let address = lane.address {
            // Home is to be asked anew who has its slots.
            nodes = nodes.filter { $0.value != address }
            lane.close()
            guard owed else { return }
            if pause == nil {
                let delay = Int64(backoff.next(random: UInt64.random(in: .min ... .max)))
                pause = loop.events.schedule(at: loop.now.advanced(byMilliseconds: delay)) { [weak self] in
                    self?.pause = nil
                    self?.user?.linkIsReady()
                }
            }
        }
        for question in pending { question.isDropped = true }
        pending.removeAll()
        user?.linkWasLost()
    }
}
