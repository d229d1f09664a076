@testable import EventLog

/// A random history of producers, two gateways, clients and trims, and the oracle that judges what the clients got.
struct SimulatedHistory {
    struct Failure: Error, CustomStringConvertible { var description: String }

    static let channels = ["a", "b"].map { Channel([UInt8]($0.utf8)) }

    private var random: SplitMix64
    private let skew: Int
    private let spread: Int
    private var redis: SimulatedRedis
    private var due: [(event: Int, at: UInt64)] = []
    private var gateways: [SimulatedGateway] = []
    private var clients: [SimulatedClient] = []
    private var failure: String?
    /// Nothing more is published.
    private var isEnding = false
    let trace: Trace
    private(set) var statistics = Statistics()
    private let trimsGlobal: Int
    private let trimsChannels: Int
    private let capacity: Int

    /// What a campaign came across: shows that it reached what it is meant to reach.
    struct Statistics {
        var events = 0
        var deliveries = 0
        var fromRedis = 0
        var resumes = 0
        var repeats = 0
        var repeatedEquals = 0
        var lostEquals = 0
        var excused = 0
        var secondRounds = 0
        var passedOverForAnother = 0
    }

    init(seed: UInt64, keepsTrace: Bool = false) {
        random = SplitMix64(seed: seed)
        trace = Trace(isKept: keepsTrace)
        skew = [0, 1, 3, 10, 50, 400][random.int(0...5)]
        spread = max(1, skew / random.int(1...6))
        redis = SimulatedRedis(channels: 2)
        redis.channelClockLead = random.oneIn(3) ? Int64(random.int(-skew...skew)) : 0
        redis.sampleBytes = random.oneIn(2) ? 300 : 1 << 20
        trimsGlobal = [0, 0, 12, 40, 150][random.int(0...4)]
        trimsChannels = [0, 0, 0, 60][random.int(0...3)]
        capacity = [1, 1500, 4000, 100_000][random.int(0...3)]
        for _ in 0..<random.int(0...20) { step(publish: true) }
        gateways = (0..<2).map { _ in newGateway() }
        clients = (0..<3).map { _ in SimulatedClient(channel: random.int(0...1)) }
    }

    private mutating func newGateway() -> SimulatedGateway {
        SimulatedGateway(
            redis: redis, channels: Self.channels, capacity: random.oneIn(2) ? capacity : 100_000,
            entries: random.oneIn(2) ? random.int(0...60) : 10000)
    }

    /// The steps, written down when a history that failed is run once more.
    final class Trace {
        private let isKept: Bool
        private(set) var steps: [String] = []

        init(isKept: Bool) { self.isKept = isKept }

        func note(_ step: @autoclosure () -> String) {
            if isKept { steps.append(step()) }
        }
    }

    // MARK: Producers

    private mutating func publish() {
        let channel = random.int(0...1)
        let body = random.oneIn(3) ? "x\(random.int(0...1))" : "e\(redis.events.count)"
        let event = redis.writeToChannel(channel, body: body)
        statistics.events += 1
        // The two IDs lie no further apart than the skew, whatever the clocks say.
        let longest = max(0, Int(redis.events[event].channelID.milliseconds) + skew - Int(redis.now))
        let stall = random.oneIn(3) ? 0 : random.oneIn(3) ? longest : random.int(0...longest)
        trace.note(
            "\(redis.now) event \(event) channel \(channel) \(body) c=\(redis.events[event].channelID) g due \(Int(redis.now) + stall)"
        )
        due.append((event, redis.now + UInt64(stall)))
        if stall == 0, random.oneIn(2) { writeDue() }
    }

    private mutating func writeDue() {
        while let next = due.indices.filter({ due[$0].at <= redis.now }).randomElement(using: &random) {
            let event = due.remove(at: next).event
            redis.writeToGlobal(event)
            trace.note("\(redis.now) event \(event) g=\(redis.events[event].globalID!)")
        }
    }

    private mutating func passTime(_ milliseconds: Int) {
        let end = redis.now + UInt64(milliseconds)
        while let next = due.map(\.at).min(), next <= end {
            redis.now = max(redis.now, next)
            writeDue()
        }
        redis.now = end
    }

    // MARK: Steps

    private mutating func step(publish: Bool = false) {
        switch random.int(0...(publish ? 5 : 30)) {
        case 0...1: passTime(random.int(0...spread))
        case 2...5: self.publish()
        case 6: passTime(random.oneIn(4) ? random.int(0...6 * skew) : 0)
        case 7...10:
            let gateway = random.int(0...1)
            read(gateway, random.int(1...12))
        case 11 where trimsGlobal > 0 && random.oneIn(trimsGlobal):
            trimGlobal()
        case 12 where trimsChannels > 0 && random.oneIn(trimsChannels):
            let channel = random.int(0...1)
            let count = redis.channels[channel].entries.count
            redis.channels[channel].trim(random.oneIn(3) ? random.int(0...count) : random.int(0...count / 2))
            trace.note(
                "\(redis.now) channel \(channel) trimmed, first \(String(describing: redis.channels[channel].entries.first?.id))"
            )
            excuse()
        case 13 where random.oneIn(20):
            let gateway = random.int(0...1)
            for index in clients.indices where clients[index].gateway == gateway { cut(index) }
            gateways[gateway] = newGateway()
            trace.note(
                "\(redis.now) gateway \(gateway) restarted, floor \(gateways[gateway].log.floor) read \(gateways[gateway].log.lastID)"
            )
            excuse()
        case 14...25: move(random.int(0...clients.count - 1))
        case 26:
            let client = random.int(0...clients.count - 1)
            if random.oneIn(3) { cut(client) }
        default: break
        }
    }

    /// Not beyond what both gateways have read: what a reader never saw is no matter of the seam.
    private mutating func trimGlobal() {
        let read = gateways.map(\.lastRead).min() ?? .zero
        let readable = redis.global.entries.prefix { $0.id <= read }.count
        redis.global.trim(random.oneIn(3) ? readable : random.int(0...readable))
        trace.note("\(redis.now) global trimmed, first \(String(describing: redis.global.entries.first?.id))")
        excuse()
    }

    private mutating func read(_ gateway: Int, _ count: Int) {
        let before = gateways[gateway].lastRead
        gateways[gateway].read(count, redis: redis, channels: Self.channels)
        guard gateways[gateway].lastRead > before else { return }
        trace.note(
            "\(redis.now) gateway \(gateway) floor \(gateways[gateway].log.floor) read \(gateways[gateway].log.lastID)")
        excuse()
    }

    // MARK: Clients

    private mutating func cut(_ index: Int) {
        guard clients[index].session != nil else { return }
        trace.note("\(redis.now) client \(index) cut, last \(clients[index].lastID)")
        clients[index].wasCut(redis)
    }

    private mutating func connect(_ index: Int) {
        let gateway = random.int(0...1)
        if !clients[index].hasBegun { begin(index) }
        trace.note(
            "\(redis.now) client \(index) of \(clients[index].channel) on \(gateway) from \(clients[index].lastID)")
        statistics.resumes += 1
        clients[index].gateway = gateway
        clients[index].connect(redis, log: gateways[gateway].log, skew: Int64(skew), channels: Self.channels)
        if random.oneIn(3) {
            var slowness = SplitMix64(seed: random.next())
            clients[index].session?.letsGo = { slowness.oneIn(4) }
        }
        if random.oneIn(2) {
            clients[index].session?.maximumWindows = 3
            clients[index].session?.maximumSpanInSkews = 8
        }
    }

    /// Decides what the client brings at first.
    private mutating func begin(_ index: Int) {
        let own = redis.channels[clients[index].channel].entries
        let other = redis.events.filter { $0.channel != clients[index].channel }.randomElement(using: &random)
        switch random.int(0...5) {
        case 0, 1: clients[index].begin(from: .zero, redis)
        case 2, 3:
            if let polled = own.randomElement(using: &random) { clients[index].begin(from: polled.id, redis) }
        case 4:
            if let other { clients[index].begin(from: other.globalID ?? other.channelID, redis) }
        default:
            let time = redis.now &- UInt64(random.int(0...20 * (skew + 1))) &+ UInt64(random.int(0...skew + 1))
            clients[index].begin(from: StreamID(milliseconds: time, sequence: UInt64(random.int(0...2))), redis)
        }
        if !clients[index].hasBegun { clients[index].begin(from: .zero, redis) }
    }

    private mutating func move(_ index: Int) {
        guard clients[index].session != nil, let gateway = clients[index].gateway else { return connect(index) }
        if let request = clients[index].session?.request {
            // Between TIME and XINFO others may write.
            let time = redis.now
            if random.oneIn(8) { passTime(random.int(0...spread)) }
            if !isEnding, random.oneIn(8) { publish() }
            if random.oneIn(8) { read(gateway, random.int(1...8)) }
            let answer = redis.answer(request, channel: clients[index].channel, time: time)
            trace.note("\(redis.now) client \(index) \(request) -> \(Self.text(answer))")
            clients[index].receive(answer, redis, log: gateways[gateway].log)
            if case .sending(let plan, _)? = clients[index].session?.state, clients[index].session?.request == nil {
                trace.note(
                    "\(redis.now) client \(index) sends \(plan.sends.map { "\($0.id) \(Self.text($0.body))" }) then \(Self.text(plan.next))"
                )
            }
            if clients[index].session?.roundsOnTheSpot ?? 0 > 20 { failure = "client \(index): rounds do not end" }
            return
        }
        for _ in 0..<random.int(1...4) { deliver(index) }
    }

    @discardableResult
    private mutating func deliver(_ index: Int) -> Bool {
        guard let gateway = clients[index].gateway, var session = clients[index].session else { return false }
        let rounds = session.rounds
        let delivery = session.deliver(log: gateways[gateway].log)
        clients[index].session = session
        if session.rounds > rounds { statistics.secondRounds += rounds > 0 ? 1 : 0 }
        guard let delivery else { return false }
        trace.note("\(redis.now) client \(index) is given \(delivery.id) \(Self.text(delivery.body))")
        statistics.deliveries += 1
        if !delivery.isFromLog { statistics.fromRedis += 1 }
        switch clients[index].take(delivery, redis, skew: skew) {
        case .new: break
        case .repeated: statistics.repeats += 1
        case .repeatedEqual: statistics.repeatedEquals += 1
        case .wrong(let why): failure = failure ?? "client \(index): \(why)"
        }
        return true
    }

    /// What neither the channel's stream nor the log has any more is not owed.
    private mutating func excuse() {
        for index in clients.indices where clients[index].hasBegun {
            let floor = clients[index].gateway.map { gateways[$0].log.floor } ?? gateways.map(\.log.floor).max()
            statistics.excused += clients[index].excuse(redis, floor: floor ?? .zero)
        }
    }

    // MARK: Run

    mutating func run(steps: Int) throws {
        for _ in 0..<steps where failure == nil { step() }
        // Everything that is under way comes to its end.
        passTime(4 * skew + 10)
        for gateway in gateways.indices { read(gateway, .max) }
        for index in clients.indices where failure == nil {
            if clients[index].session == nil { connect(index) }
            var idle = 0
            var moves = 0
            while idle < 2, failure == nil {
                moves += 1
                // Or what is written while it is read grows faster than it is read.
                isEnding = moves > 1000
                if moves > 100_000 { failure = "client \(index): its replay does not end" }
                if clients[index].session?.request != nil {
                    move(index)
                    idle = 0
                } else if deliver(index) {
                    idle = 0
                } else {
                    idle += 1
                }
                guard let gateway = clients[index].gateway else { break }
                read(gateway, .max)
            }
            passTime(4 * skew + 10)
            read(clients[index].gateway ?? 0, .max)
            while deliver(index) {}
            statistics.passedOverForAnother += clients[index].passedOverForAnother(redis)
            statistics.lostEquals += clients[index].lostEquals(redis, skew: skew)
            if failure == nil, let missing = clients[index].missing(redis) {
                let event = redis.events[missing]
                failure =
                    "client \(index) was never given event \(missing) \(Self.text(event.body)) "
                    + "c=\(event.channelID) g=\(String(describing: event.globalID))"
            }
        }
        if let failure {
            throw Failure(description: "\(failure); skew \(skew), channel clock \(redis.channelClockLead)")
        }
    }

    private static func text(_ body: [UInt8]) -> String { String(decoding: body, as: UTF8.self) }

    private static func text(_ answer: ReplayRound.Answer) -> String {
        switch answer {
        case .facts(let facts):
            "last \(facts.lastGenerated) first \(facts.first.map { "\($0)" } ?? "-") trimmed \(facts.trimmed) "
                + "time \(facts.serverMilliseconds)"
        case .entries(let entries, let last):
            entries.map { "\($0.id) \(text($0.body))" }.joined(separator: ", ") + (last.map { " full \($0)" } ?? "")
        }
    }

    private static func text(_ next: ReplayPlan.Next) -> String {
        switch next {
        case .again(let point, _): "again \(point)"
        case .log(let number, _, let exceptions):
            "log \(number) without \(exceptions.ids) awaiting "
                + "\(exceptions.awaited.map { "\(text($0.body)) until \($0.until)" }) "
                + "through \(exceptions.skipThrough.map { "\($0)" } ?? "-")"
        }
    }
}

extension StreamID {
    static func ms(_ milliseconds: UInt64, _ sequence: UInt64 = 0) -> StreamID {
        StreamID(milliseconds: milliseconds, sequence: sequence)
    }
}
