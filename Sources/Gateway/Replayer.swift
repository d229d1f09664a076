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
    private lazy var link = RedisRouter(loop: loop, user: self)
    private var waiting: Deque<Subscriber> = []
    /// How many may wait before those who have left are looked for: doubling keeps the cost of it small.
    private var sweepAt = minimumSweep
    private var rounds: Deque<Round> = []
    private var historyReader = HistoryReader()
    private var complaints = RateLimit(perSecond: 1)

    /// Rounds of reading at once: enough to keep Redis busy, few enough that a storm of reconnects does not stand in
    /// its queue for seconds with their replies in memory.
    private static let maximumRounds = 32
    private static let minimumSweep = 256

    /// A subscriber's round, waiting for answers. Redis answers in the order of asking, so rounds stand in a queue.
    private final class Round {
        let subscriber: Subscriber
        let connection: Connection
        var reading: ReplayRound
        var asked: [ReplayRound.Request] = []
        var answers: [ReplayRound.Answer] = []
        /// Facts of the global stream take two commands: the clock, and then the stream.
        var time: UInt64?

        init(subscriber: Subscriber, reading: ReplayRound) {
            self.subscriber = subscriber
            connection = subscriber.connection
            self.reading = reading
        }
    }

    init(loop: GatewayLoop) { self.loop = loop }

    func start() { link.connect() }

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
        while link.isReady, rounds.count < Self.maximumRounds, let subscriber = waiting.popFirst() {
            guard case .history(let point) = subscriber.position, !subscriber.hasLeft else {
                subscriber.isWaitingForHistory = false
                continue
            }
            let reading = ReplayRound(
                channel: subscriber.channel, resume: point, exceptions: subscriber.exceptions,
                skewMilliseconds: loop.context.skew, arrival: subscriber.arrival, log: loop.log)
            let round = Round(subscriber: subscriber, reading: reading)
            step(round, reading.start())
        }
    }

    private func step(_ round: Round, _ step: ReplayRound.Step) {
        switch step {
        case .ask(let requests):
            round.asked = requests
            round.answers = []
            rounds.append(round)
            link.ask(requests.map { commands(for: $0, round.subscriber.channel) })
        case .plan(let plan):
            finish(round, plan)
        }
    }

    private func finish(_ round: Round, _ plan: ReplayPlan) {
        let subscriber = round.subscriber
        subscriber.isWaitingForHistory = false
        guard !subscriber.hasLeft else { return }
        if plan.gap {
            loop.counters.gaps += 1
            if subscriber.hasFallenBehind { return subscriber.connection.end(.slow) }
        }
        if plan.sends.isEmpty {
            loop.go(on: subscriber, with: plan.next)
        } else {
            loop.counters.replaysFromChannelStream += 1
            loop.counters.eventsReplayed += plan.sends.count
            var builder = BatchBuilder(capacity: plan.sends.reduce(0) { $0 + $1.body.count + 160 })
            for send in plan.sends { builder.append(id: send.id, body: send.body, channel: subscriber.channel) }
            subscriber.position = .replaying(.init(batch: builder.sealForReplay(), next: 0, then: plan.next))
        }
        loop.advance(subscriber)
    }

    // MARK: Commands

    private func commands(for request: ReplayRound.Request, _ channel: Channel) -> [Command] {
        let global = loop.context.globalStream
        switch request {
        case .globalFacts:
            // The clock first, or what was written between the two would seem to lie in the past.
            return [.time, .xinfoStream(global)]
        case .channelFacts:
            return [.xinfoStream(loop.context.stream(of: channel.name))]
        case .channelEntries(let from, let through, let count):
            return [.xrange(stream: loop.context.stream(of: channel.name), from: from, to: through, count: count)]
        case .globalEntries(let from, let through, let count):
            return [.xrange(stream: global, from: from, to: through, count: count)]
        }
    }

    // MARK: Link

    func linkIsReady() { pump() }

    func linkWasLost() {
        // Whoever waited for an answer asks again, first of all.
        for round in rounds.reversed() { waiting.prepend(round.subscriber) }
        rounds.removeAll()
    }

    func linkReceived() {
        while let round = rounds.first {
            switch link.nextReply() {
            case .needMore:
                return pump()
            case .protocolError(let text):
                return link.fail(text)
            case .reply(let reply):
                guard let failure = take(reply, for: round) else {
                    link.answered()
                    if round.answers.count == round.asked.count {
                        rounds.removeFirst()
                        let answers = round.answers
                        step(round, round.reading.receive(answers, log: loop.log))
                    }
                    continue
                }
                return link.fail(failure)
            }
        }
        pump()
    }

    /// Adds a reply to the round's answers. Returns why it cannot be used, if so.
    private func take(_ reply: Reply, for round: Round) -> String? {
        switch round.asked[round.answers.count] {
        case .globalFacts:
            guard let time = round.time else {
                round.time = reply.serverMilliseconds
                return round.time == nil ? "TIME was answered with something else than the time" : nil
            }
            round.time = nil
            switch StreamInfo.parse(reply) {
            case .info(let info):
                var facts = info.facts
                facts.serverMilliseconds = time
                round.answers.append(.facts(facts))
            case .missing:
                round.answers.append(.facts(.missing(serverMilliseconds: time)))
            case .failed(let error):
                guard isAbsence(error, of: "the global stream") else { return error.description }
                round.answers.append(.facts(.missing(serverMilliseconds: time)))
            }
        case .channelFacts:
            switch StreamInfo.parse(reply) {
            case .info(let info): round.answers.append(.facts(info.facts))
            case .missing: round.answers.append(.facts(.missing()))
            case .failed(let error):
                guard isAbsence(error, of: "a channel's stream") else { return error.description }
                round.answers.append(.facts(.missing()))
            }
        case .channelEntries(_, _, let count), .globalEntries(_, _, let count):
            if let error = reply.errorText.map({ ServerError($0) }) {
                guard isAbsence(error, of: "a stream") else { return error.description }
                round.answers.append(.entries([], last: nil))
                return nil
            }
            round.answers.append(historyReader.entries(reply, of: round.subscriber.channel, askedFor: count))
        }
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

/// Picks a channel's events from a range of either stream.
private struct HistoryReader {
    mutating func entries(_ reply: Reply, of channel: Channel, askedFor count: Int) -> ReplayRound.Answer {
        var found: [HistoryEntry] = []
        var total = 0
        var last = StreamID.zero
        reply.forEachEntry { id, data in
            total += 1
            last = id
            guard let data, isEvent(data, of: channel) else { return }
            found.append(HistoryEntry(id: id, data: data))
        }
        return .entries(found, last: total >= count ? last : nil)
    }

    private mutating func isEvent(_ data: UnsafeRawBufferPointer, of channel: Channel) -> Bool {
        switch EventJSON.scan(data) {
        case .event(let range): channel.name.elementsEqual(data[range])
        case .eventEscaped(let name): name == channel.name
        case .malformed: false
        }
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
