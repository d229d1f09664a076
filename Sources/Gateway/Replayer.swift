internal import DequeModule
import EventLog
import EventLoop
import Logging
import Metrics
import RedisStreams

/// Reads from Redis what subscribers are owed and the log does not hold, over a connection of the loop's own, so that it
/// never waits behind a blocking read.
final class Replayer: RedisLinkUser {
    private unowned let loop: GatewayLoop
    private lazy var link = RedisRouter(loop: loop, purpose: "replays", user: self)
    private var waiting: Deque<Subscriber> = []
    /// How many may wait before those who have left are looked for: doubling keeps the cost of it small.
    private var sweepAt = minimumSweep
    private var rounds: Deque<Round> = []
    /// Rounds whose answers may be of another stream than the log was read from: they wait for the reader's word.
    private var doubtful: Deque<Round> = []
    /// How many of them the reader was asked about, if it was asked.
    private var doubtsUnderWay: Int?
    /// The log up to here is of the stream that is there, though its mark is not, as long as that stands as it did then.
    private var certain: (through: EventNumber, facts: StreamFacts)?
    private var complaints = RateLimit(perSecond: 1)

    /// Rounds of reading at once, on all loops together: enough to keep Redis busy, few enough that a storm of reconnects
    /// does not stand in its queue for seconds with their replies in memory, up to a few pages each.
    private static let maximumRounds = 16
    private var roundLimit: Int { max(Self.maximumRounds / loop.context.loopCount, 2) }
    private static let minimumSweep = 256

    /// A subscriber's round, waiting for answers. Redis answers in the order of asking, so rounds stand in a queue.
    private final class Round {
        let subscriber: Subscriber
        let connection: Connection
        var reading: ReplayRound
        var asked: [ReplayRound.Request] = []
        var answers: [ReplayRound.Answer] = []
        /// The log as it was when they were asked.
        var asOf: EventNumber = 0
        var mark: StreamMark
        /// How the global stream stood, if the mark was not there.
        var doubt: StreamFacts?
        /// Who answered, if that server had not come as far as the log.
        var laggard: RedisLane?
        /// The log has broken since it began: what it comes to is about streams that are no more.
        var isVoid = false

        init(subscriber: Subscriber, reading: ReplayRound, mark: StreamMark) {
            self.mark = mark
            self.subscriber = subscriber
            connection = subscriber.connection
            self.reading = reading
        }
    }

    init(loop: GatewayLoop) { self.loop = loop }

    func start() { link.connect() }

    /// How many wait, for their turn or for Redis.
    var waitingCount: Int { waiting.count + rounds.count + doubtful.count }

    /// Asks another server than this one.
    func leave(_ old: NodeAddress, for new: NodeAddress) { link.leave(old, for: new) }

    /// Puts a subscriber that stands at ``Subscriber/Position/history(_:)`` in the queue, unless it is there already.
    func enqueue(_ subscriber: Subscriber) {
        guard !subscriber.isWaitingForHistory else { return }
        subscriber.isWaitingForHistory = true
        if waiting.count >= sweepAt {
            // While Redis is away clients come, wait and leave for as long as that lasts.
            waiting.removeAll { $0.hasLeft }
            sweepAt = max(Self.minimumSweep, waiting.count * 2)
        }
        waiting.append(subscriber)
        pump()
    }

    private func pump() {
        while link.isReady, rounds.count + doubtful.count < roundLimit, let subscriber = waiting.popFirst() {
            guard case .history(var point) = subscriber.position, !subscriber.hasLeft else {
                subscriber.isWaitingForHistory = false
                continue
            }
            if let claim = subscriber.lookUp(from: point) {
                point = claim
                subscriber.position = .history(point)
            }
            let reading = ReplayRound(
                channel: subscriber.channel, resume: point, exceptions: subscriber.exceptions,
                skewMilliseconds: loop.context.skew, arrival: subscriber.arrival, common: subscriber.claim?.common,
                keepsAllTwins: subscriber.needsAllTwins, log: loop.log)
            let round = Round(subscriber: subscriber, reading: reading, mark: StreamMark(loop.log))
            step(round, reading.start())
        }
    }

    private func step(_ round: Round, _ step: ReplayRound.Step) {
        switch step {
        case .ask(let requests):
            round.asked = requests
            round.answers = []
            round.asOf = loop.log.lastNumber
            round.mark = StreamMark(loop.log)
            round.doubt = nil
            round.laggard = nil
            rounds.append(round)
            link.ask(requests.map { question(for: $0, round) })
        case .plan(let plan):
            finish(round, plan)
        }
    }

    /// The log breaks: what is being read is about streams that are no more.
    func voidRounds() {
        for round in rounds { round.isVoid = true }
        certain = nil
    }

    /// The log has broken: who was in doubt was so for a reason.
    func startDoubtfulOver() {
        let over = doubtful
        doubtful = []
        if doubtsUnderWay != nil { doubtsUnderWay = 0 }
        for round in over { startOver(round.subscriber) }
    }

    private func startOver(_ subscriber: Subscriber) {
        subscriber.isWaitingForHistory = false
        if !subscriber.hasLeft { loop.advance(subscriber) }
    }

    private func finish(_ round: Round, _ plan: ReplayPlan) {
        let subscriber = round.subscriber
        subscriber.isWaitingForHistory = false
        guard !subscriber.hasLeft else { return }
        settleClaim(of: round, by: plan)
        if let gap = plan.gap, gap.isMore(than: subscriber.knownGap), subscriber.mindsGaps {
            // Who is connected is never skipped an event in silence.
            guard !subscriber.mustEnd(by: gap) else { return subscriber.connection.end(.slow) }
            subscriber.knownGap = gap.extent
            loop.counters.gaps += 1
            loop.tellGap(subscriber)
        }
        if case .again(let point, _) = plan.next {
            // What is removed from here on is removed while it reads. Not so where the ID it brought lay in the future, and it
            // is taken back to when it came: that ID would say still less when it comes back with it.
            if point != round.reading.resume, point.id >= round.reading.resume.id { subscriber.hasFallenBehind = true }
            subscriber.needsAllTwins = plan.sends.isEmpty && point == round.reading.resume
        } else {
            subscriber.needsAllTwins = false
        }
        if plan.sends.isEmpty {
            loop.go(on: subscriber, with: plan.next)
        } else {
            subscriber.position = .replaying(Subscriber.Replay(plan, of: subscriber.channel))
        }
        loop.goOnSending(subscriber)
    }

    /// What a client's ID means is told, as long as the log does not break again.
    private func settleClaim(of round: Round, by plan: ReplayPlan) {
        guard case .claimed(let id) = round.reading.resume else { return }
        if case .again(.claimed, _) = plan.next { return }
        round.subscriber.claim?.wasLookedUp()
        // What was had is told anew.
        if round.reading.common != nil, !plan.sends.isEmpty { round.subscriber.exceptions = Exceptions() }
        // Another primary's events, of which only another gateway knows, are above what the log begins with, and clients have
        // them under the global stream's IDs.
        if round.reading.isChannelID || round.reading.isClaimInFuture || id <= loop.log.floor {
            round.subscriber.claim = nil
        }
    }

    // MARK: Questions

    private func question(for request: ReplayRound.Request, _ round: Round) -> RedisQuestion {
        let channel = round.subscriber.channel
        let global = loop.context.globalStream
        let own = loop.context.stream(of: channel.name)
        switch request {
        case .globalFacts:
            // The clock first, or what was written between the two would seem to lie in the past.
            return RedisQuestion([.time, .xinfoStream(global)] + round.mark.questions(global))
        case .channelFacts:
            return RedisQuestion([.xinfoStream(own)])
        case .channelEntries(let from, let through, let count, let bytes):
            return RedisQuestion(
                .xrange(stream: own, from: from, to: through, count: count),
                range: RangeReader(channel, count: count, limit: bytes))
        case .globalEntries(let from, let through, let count, let bytes):
            return RedisQuestion(
                .xrange(stream: global, from: from, to: through, count: count),
                range: RangeReader(channel, count: count, limit: bytes))
        }
    }

    // MARK: Link

    func linkIsReady() { pump() }

    func linkWasLost() {
        // Whoever waited for an answer asks again, first of all; and who is in doubt: the next answers may be another
        // server's.
        for round in rounds.reversed() { waiting.prepend(round.subscriber) }
        for round in doubtful.reversed() { waiting.prepend(round.subscriber) }
        rounds.removeAll()
        doubtful.removeAll()
        if doubtsUnderWay != nil { doubtsUnderWay = 0 }
        certain = nil
    }

    func linkReceived() {
        while let round = rounds.first, let question = link.nextAnswered() {
            if let failure = take(question, for: round) { return link.fail(failure) }
            // An answer of a laggard is none that ends the pauses between two attempts: it would be asked again at once.
            if round.laggard == nil { link.answered() }
            guard round.answers.count == round.asked.count else { continue }
            rounds.removeFirst()
            if round.isVoid {
                startOver(round.subscriber)
            } else if let doubt = round.doubt, !isCertain(doubt, round.asOf) {
                doubtful.append(round)
                askReader()
            } else if let laggard = round.laggard {
                return leave(laggard, [round])
            } else {
                goOn(round)
            }
        }
        pump()
    }

    private func goOn(_ round: Round) {
        let answers = round.answers
        step(round, round.reading.receive(answers, log: loop.log))
    }

    // MARK: Doubt

    private func askReader() {
        guard doubtsUnderWay == nil, !doubtful.isEmpty else { return }
        doubtsUnderWay = doubtful.count
        loop.askReader()
    }

    /// Whether the reader has said so of a stream that stood like this.
    private func isCertain(_ facts: StreamFacts, _ number: EventNumber) -> Bool {
        guard let certain, certain.through == number else { return false }
        return facts.lastGenerated == certain.facts.lastGenerated && facts.first == certain.facts.first
            && facts.trimmed == certain.facts.trimmed
    }

    /// The stream that is there is the one that was read: it was so after the question came to the reader. What the log had
    /// last was only removed.
    func continuityConfirmed() {
        let count = doubtsUnderWay ?? 0
        doubtsUnderWay = nil
        var misled: [Round] = []
        for _ in 0..<count {
            guard let round = doubtful.popFirst() else { break }
            if let doubt = round.doubt { certain = (round.asOf, doubt) }
            if round.laggard == nil { goOn(round) } else { misled.append(round) }
        }
        if let laggard = misled.lazy.compactMap(\.laggard).first { return leave(laggard, misled) }
        askReader()
        pump()
    }

    /// The reader has gone on to another server than this link's, which does not have what was read: it would be missed. The
    /// link is made anew, to whoever is the primary now.
    private func leave(_ laggard: RedisLane, _ rounds: [Round]) {
        for round in rounds.reversed() { waiting.prepend(round.subscriber) }
        link.leave(
            laggard, "This server does not have all that was read from the primary: it is not the primary any more.")
    }

    /// Adds an answer to those of the round. Returns why it cannot be used, if so.
    private func take(_ question: RedisQuestion, for round: Round) -> String? {
        switch round.asked[round.answers.count] {
        case .globalFacts:
            guard question.replies.count >= 2, let time = question.replies[0].serverMilliseconds else {
                return "TIME was answered with something else than the time"
            }
            if let failure = takeFacts(question.replies[1], time: time, of: "the global stream", for: round) {
                return failure
            }
            if case .facts(let facts)? = round.answers.last, !round.mark.isThere(question.replies[2...], facts) {
                round.doubt = facts
                if round.mark.isAhead(of: facts) { round.laggard = question.lane }
            }
            return nil
        case .channelFacts:
            guard let reply = question.replies.first else { return "XINFO STREAM was not answered" }
            return takeFacts(reply, time: 0, of: "a channel's stream", for: round)
        case .channelEntries, .globalEntries:
            if let entries = question.entries {
                round.answers.append(entries)
                return nil
            }
            guard let error = question.replies.first?.errorText.map({ ServerError($0) }) else {
                return "a range query was not answered"
            }
            guard isAbsence(error, of: "a stream") else { return error.description }
            round.answers.append(.entries([], last: nil))
            return nil
        }
    }

    private func takeFacts(_ reply: Reply, time: UInt64, of what: String, for round: Round) -> String? {
        var facts = StreamFacts.missing()
        switch StreamInfo.parse(reply) {
        case .info(let info):
            facts = info.facts
        case .missing:
            break
        case .failed(let error):
            guard isAbsence(error, of: what) else { return error.description }
        }
        facts.serverMilliseconds = time
        facts.millisecondsSinceArrival = UInt64(max(loop.now.milliseconds(since: round.subscriber.arrivedAt), 0))
        round.answers.append(.facts(facts))
        return nil
    }
}

extension Replayer {
    /// A key that holds something else than a stream is no reason to drop the connection, which others use: whoever asked
    /// for it gets what there is without it.
    private func isAbsence(_ error: ServerError, of what: String) -> Bool {
        guard error.kind == .wrongType else { return false }
        if let suppressed = complaints.admit(now: loop.now) {
            loop.logger.warning(
                "replaying without \(what)",
                metadata: ["problem": "\(error)", "unreportedBefore": "\(suppressed)"])
        }
        return true
    }
}

extension StreamInfo {
    /// As far as a replay needs it.
    var facts: StreamFacts {
        StreamFacts(
            lastGenerated: lastGeneratedID, first: firstEntryID,
            trimmed: entriesAdded.map { $0 > UInt64(length) } ?? true, sampleBytes: lastEntryData?.count ?? 0)
    }
}
