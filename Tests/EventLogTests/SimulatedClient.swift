@testable import EventLog

/// A connection's way from its resume point to live events, as a gateway goes it.
struct SimulatedSession {
    enum State {
        case reading(ReplayRound, [ReplayRound.Request], [ReplayRound.Answer])
        case sending(ReplayPlan, next: Int)
        case following(EventNumber, at: StreamID, Exceptions)
    }

    struct Delivery: Equatable {
        var id: StreamID
        var body: [UInt8]
        var isFromLog: Bool
    }

    let channelIndex: Int
    let channel: Channel
    let skew: Int64
    private let arrival: StreamID
    private(set) var state: State
    private(set) var resume: ResumePoint
    private(set) var rounds = 0
    /// Rounds in a row that have not moved the resume point on.
    private(set) var roundsOnTheSpot = 0
    /// An event passed over because an awaited twin was taken for it.
    private(set) var passedOver: [StreamID] = []
    /// Whether it lets go of what is left of a page, as a gateway does for a slow reader.
    var letsGo: () -> Bool = { false }
    var maximumWindows = 256
    var maximumSpanInSkews: UInt64 = 64

    /// - Parameter arrival: how far the log had read when the client came; nil: as far as now.
    init(
        channelIndex: Int, channel: Channel, skew: Int64, resume: ResumePoint, arrival: StreamID? = nil, log: EventLog
    ) {
        self.arrival = arrival ?? log.lastID
        self.channelIndex = channelIndex
        self.channel = channel
        self.skew = skew
        self.resume = resume
        state = .following(0, at: .zero, Exceptions())
        if case .claimed(let id) = resume, case .event(let number) = log.place(id, of: channel) {
            state = .following(number, at: id, Exceptions())
        } else {
            begin(resume, log: log)
        }
    }

    private mutating func begin(_ resume: ResumePoint, log: EventLog) {
        roundsOnTheSpot = resume.id > self.resume.id ? 0 : roundsOnTheSpot + 1
        self.resume = resume
        if case .settled(let id, _) = resume, id >= log.floor {
            state = .following(log.number(atOrBefore: id), at: id, exceptions)
            return
        }
        rounds += 1
        var round = ReplayRound(
            channel: channel, resume: resume, exceptions: exceptions, skewMilliseconds: skew,
            arrival: arrival, log: log)
        self.resume = round.resume
        round.maximumWindows = maximumWindows
        round.maximumSpanInSkews = maximumSpanInSkews
        go(round, round.start())
    }

    private mutating func go(_ round: ReplayRound, _ step: ReplayRound.Step) {
        switch step {
        case .ask(let requests): state = .reading(round, requests, [])
        case .plan(let plan): state = .sending(plan, next: 0)
        }
    }

    var isReplaying: Bool {
        if case .following = state { return false }
        return true
    }

    /// The next request that wants an answer.
    var request: ReplayRound.Request? {
        guard case .reading(_, let requests, let answers) = state else { return nil }
        return requests[answers.count]
    }

    mutating func receive(_ answer: ReplayRound.Answer, log: EventLog) {
        guard case .reading(var round, let requests, var answers) = state else { return }
        answers.append(answer)
        guard answers.count == requests.count else {
            state = .reading(round, requests, answers)
            return
        }
        let step = round.receive(answers, log: log)
        go(round, step)
    }

    /// The next event that is sent, if there is one.
    mutating func deliver(log: EventLog) -> Delivery? {
        switch state {
        case .reading:
            return nil
        case .sending(let plan, let index):
            if index > 0, index < plan.sends.count, letsGo(), let point = plan.resumePoint(before: index) {
                begin(point, log: log)
                return nil
            }
            if index < plan.sends.count {
                state = .sending(plan, next: index + 1)
                return Delivery(id: plan.sends[index].id, body: plan.sends[index].body, isFromLog: false)
            }
            switch plan.next {
            case .log(let number, let place, let exceptions):
                self.exceptions = exceptions
                state = .following(number, at: place, exceptions)
                return deliver(log: log)
            case .again(let point, let exceptions):
                self.exceptions = exceptions
                begin(point, log: log)
                return nil
            }
        case .following(let cursor, let place, var exceptions):
            guard cursor >= log.floorNumber else {
                self.exceptions = exceptions
                begin(.settled(place, frontier: nil), log: log)
                return nil
            }
            var numbers: [EventNumber] = []
            _ = log.collect(channel, after: cursor, into: &numbers)
            for number in numbers {
                guard let (batch, index) = log.locate(number) else { continue }
                let awaited = exceptions.awaited.count
                if exceptions.skips(in: batch, at: index) {
                    if exceptions.awaited.count < awaited { passedOver.append(batch.entries[index].id) }
                    continue
                }
                state = .following(number, at: batch.entries[index].id, exceptions)
                return Delivery(id: batch.entries[index].id, body: [UInt8](batch.body(index)), isFromLog: true)
            }
            let end = max(log.lastID, place)
            exceptions.prune(through: log.lastID)
            state = .following(log.lastNumber, at: end, exceptions)
            return nil
        }
    }

    /// What the connection carries from round to round.
    private var exceptions = Exceptions()

    /// Runs until there is nothing more to send.
    mutating func drain(redis: SimulatedRedis, log: EventLog) -> [Delivery] {
        var deliveries: [Delivery] = []
        while true {
            if let request {
                receive(redis.answer(request, channel: channelIndex, time: redis.now), log: log)
            } else if let delivery = deliver(log: log) {
                deliveries.append(delivery)
            } else if !isReplaying {
                return deliveries
            }
            guard rounds < 1000 else { return deliveries }
        }
    }
}
