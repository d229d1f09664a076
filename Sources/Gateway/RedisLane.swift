internal import DequeModule
import EventLog
import RedisStreams

/// Commands for one key (or for any node) that are answered by one node, in one go, and moved to another node together.
///
/// Confined to its loop's thread.
final class RedisQuestion {
    let commands: [Command]
    /// In the order of the commands. Of a range query only a refusal.
    private(set) var replies: [Reply] = []
    /// What a range query was answered with.
    private(set) var entries: ReplayRound.Answer?
    private var range: RangeReader?
    /// Where it was asked last.
    fileprivate(set) weak var lane: RedisLane?
    /// Some server may have it, or have done it.
    fileprivate(set) var wasSent = false
    /// Who named another node, in turn.
    private(set) var guides: [RedisLane] = []
    /// How often a node has named another.
    var hops: Int { guides.count }
    /// Nobody waits for the answer any more; it comes all the same.
    var isDropped = false
    /// All replies are there, and none names another node.
    var isComplete = false
    private var isAsking = false
    private var received = 0

    init(_ commands: [Command]) { self.commands = commands }

    /// A range query: its answer is taken as it arrives.
    init(_ command: Command, range: RangeReader) {
        commands = [command]
        self.range = range
    }

    /// The key that decides on the node.
    var key: [UInt8]? { commands.lazy.compactMap(\.key).first }

    /// Forgets what was answered: it will be asked at another node.
    /// - Parameters:
    ///   - isAsking: the slot is only on its way there, which each command must say that it knows.
    ///   - guide: who named that node.
    func reset(isAsking: Bool, guide: RedisLane) {
        self.isAsking = isAsking
        guides.append(guide)
        received = 0
        replies = []
        entries = nil
    }

    fileprivate var toSend: [Command] { isAsking ? commands.flatMap { [.asking, $0] } : commands }

    fileprivate enum Taken {
        case needMore
        /// Further replies are to come.
        case more
        case all
        /// Not a reply: a sentence.
        case failed(String)
    }

    /// Takes the next reply.
    fileprivate func take(_ incoming: ReplyReader) -> Taken {
        let isAcknowledgement = isAsking && received % 2 == 0
        if !isAcknowledgement, range != nil {
            switch range?.next(incoming) {
            case .needMore, nil: return .needMore
            case .answer(let answer): entries = answer
            case .refused(let error): replies.append(.error(error.text))
            case .protocolError(let text): return .failed(text)
            }
        } else {
            switch incoming.nextReply() {
            case .needMore: return .needMore
            case .protocolError(let text): return .failed(text)
            case .reply(let reply): if !isAcknowledgement { replies.append(reply) }
            }
        }
        received += 1
        return received == (isAsking ? 2 : 1) * commands.count ? .all : .more
    }

    /// The other node that one of the answers names.
    var redirection: ServerError.Redirection? {
        replies.lazy.compactMap { $0.errorText.flatMap { ServerError($0).redirection } }.first
    }
}

/// A connection to one node, and the questions whose answers it owes. Confined to its loop's thread.
final class RedisLane: RedisLinkUser {
    /// nil: Redis as the settings say.
    let address: NodeAddress?
    private unowned let router: RedisRouter
    private unowned let loop: GatewayLoop
    private let purpose: String
    private(set) lazy var link = RedisLink(loop: loop, purpose: purpose, node: address, user: self)
    /// Asked, and answered in this order.
    private var asked: Deque<RedisQuestion> = []
    /// To be asked once the connection stands.
    private var waiting: Deque<RedisQuestion> = []
    private var isOpen = false
    /// An answer it gave is of no use: whoever has it asks again.
    private var isUnfit = false

    /// How long Redis may be silent while an answer is owed.
    private static let silenceMilliseconds: Int64 = 5000

    /// - Parameter purpose: for the log.
    init(loop: GatewayLoop, router: RedisRouter, purpose: String, address: NodeAddress?) {
        self.loop = loop
        self.purpose = purpose
        self.router = router
        self.address = address
    }

    func open() {
        guard !isOpen else { return }
        isOpen = true
        link.connect()
    }

    /// Ends the connection until ``open()``.
    func close() {
        isOpen = false
        link.close()
    }

    /// An answer that this node gave cannot be used. That it may have been all that the node owed, or the connection gone
    /// since, changes nothing for who waits for it.
    func fail(_ complaint: String) {
        guard link.isReady else { return router.lost(self, owed: true) }
        isUnfit = true
        link.fail(complaint)
    }

    /// Asks them all in one go.
    func ask(_ questions: [RedisQuestion]) {
        guard !questions.isEmpty else { return }
        for question in questions { question.lane = self }
        open()
        guard link.isReady else { return waiting.append(contentsOf: questions) }
        asked.append(contentsOf: questions)
        for question in questions { question.wasSent = true }
        link.send(silence: Self.silenceMilliseconds) { output in
            for question in questions {
                for command in question.toSend { output.append(contentsOf: command.bytes) }
            }
        }
    }

    // MARK: Link

    func linkIsReady() {
        // A connection that breaks while it is written to puts an end to them all.
        if link.isReady {
            // Not by Array(_:), which writes to a global of Swift's own where the deque is empty: ThreadSanitizer minds.
            let waited = waiting.map { $0 }
            waiting.removeAll()
            ask(waited)
        }
        router.laneIsReady(self)
    }

    func linkReceived() {
        while link.isReady, let question = asked.first {
            switch question.take(link.replies) {
            case .needMore: return
            case .failed(let text): return link.fail(text)
            case .more: continue
            case .all:
                asked.removeFirst()
                if asked.isEmpty { link.expectNothing() }
                if !question.isDropped { router.answered(question, by: self) }
            }
        }
    }

    func linkWasLost() { lose() }
    func linkCannotConnect() { lose() }

    private func lose() {
        let owed = isUnfit || (asked + waiting).contains { !$0.isDropped }
        isUnfit = false
        asked.removeAll()
        waiting.removeAll()
        router.lost(self, owed: owed)
    }
}
