import Foundation
import TestSupport

/// A Redis, two gateways that reach it each through a front of its own, producers, and clients; and what happened.
///
/// Belongs to the thread of the test.
final class World {
    struct Size {
        var clients = 24
        var channels = 4
        var producers = 3
        /// The longest pause of a producer between two events.
        var rest = 24
        /// The longest pause between an event's two writes.
        var apart = 60
    }

    /// `producerSkewMs` of the gateways.
    static let skew = 400

    let size: Size
    var redis: RedisProcess
    /// Who keeps Redis, if it is not a server alone; then the gateways reach it without fronts.
    let group: SentinelGroup?
    let fronts: [RedisFront]
    let gateways: [GatewayProcess]
    let watches: [ReadyWatch]
    let fleet: Fleet
    let ledger = Ledger()
    let orders: LoadProducer.Orders
    private let startedAt = nowMilliseconds()
    private var journal: [String] = []
    private var random: SplitMix64
    /// Where the accounts of this round and the one before begin.
    private var roundStart = (number: 0, previous: 0, life: 0)
    private var readFrom = (id: 0, previous: 0)
    var channelTrimsExcuse = true
    /// When the sentinels were last seen to have this primary.
    var wasPrimaryAt = 0

    init(_ size: Size = Size(), group: SentinelGroup? = nil, seed: UInt64) throws {
        self.size = size
        self.group = group
        random = SplitMix64(seed: seed)
        let redis = try group?.primary() ?? Self.redisServer()
        self.redis = redis
        if let group {
            let sentinels = group.sentinels.compactMap(\.port).map { "127.0.0.1:\($0)" }.joined(separator: ",")
            let variables = ["REDIS_SENTINELS": sentinels, "REDIS_SENTINEL_NAME": SentinelGroup.name]
            fronts = []
            gateways = try (0..<2).map { _ in try GatewayProcess(redis: variables, skew: Self.skew) }
        } else {
            let fronts = try (0..<2).map { _ in try RedisFront(upstream: redis.socketPath) }
            self.fronts = fronts
            gateways = try fronts.map {
                let variables = ["REDIS_HOST": "127.0.0.1", "REDIS_PORT": "\($0.port)"]
                return try GatewayProcess(redis: variables, skew: Self.skew)
            }
        }
        for gateway in gateways { try gateway.start() }
        for gateway in gateways { try gateway.waitUntilReady() }
        watches = gateways.map { ReadyWatch(port: $0.port) }
        var clients: [FleetClient] = []
        for index in 0..<size.clients {
            let transport: FleetClient.Transport = [2: .eventStream, 5: .polling][index % 6] ?? .webSocket
            let isSteady = index % 4 == 0
            clients.append(
                FleetClient(
                    name: "client \(index) (\(transport)\(isSteady ? ", steady" : ""))",
                    channel: index / 2 % size.channels,
                    transport: transport, isSteady: isSteady, seed: random.next()))
        }
        fleet = Fleet(clients, ports: gateways.map(\.port))
        orders = LoadProducer.Orders(path: redis.socketPath)
        for _ in 0..<size.producers {
            LoadProducer.start(
                orders, ledger: ledger, channels: size.channels, seed: random.next(), rest: size.rest, apart: size.apart
            )
        }
        try eventually("all clients are connected") { fleet.clients.allSatisfy(\.isOpen) }
        // From here on each client has an ID to come back with.
        let first = try writeToAll()
        try waitForAll(first)
        fleet.turnOver(keeping: 0)
        roundStart = (ledger.newNumber(), 0, 0)
        readFrom = try (Int(redis.milliseconds()) - 60_000, 0)
    }

    deinit {
        orders.stop()
        for front in fronts { front.stop() }
        for watch in watches { watch.stop() }
        try? fleet.stop()
        redis.resume()
    }

    static func redisServer(port: UInt16? = nil) throws -> RedisProcess {
        let port = try port ?? quietPort()
        return try RedisProcess(
            persistent: true,
            arguments: ["--port", "\(port)", "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"])
    }

    // MARK: Journal

    func note(_ line: String) {
        journal.append("\(nowMilliseconds() - startedAt) ms  \(line)")
        if journal.count > 200 { journal.removeFirst(100) }
    }

    var lastSteps: String { journal.suffix(40).joined(separator: "\n") }

    // MARK: Rounds

    /// Lets loose producers and clients, and does what the plan says at its times.
    func run(_ plan: Plan, milliseconds: Int) throws {
        orders.goOn()
        fleet.setCalm(false)
        let start = nowMilliseconds()
        var actions: [(at: Int, isEnd: Bool, fault: Fault)] = []
        for step in plan.steps {
            actions.append((step.begins, false, step.fault))
            actions.append((step.ends, true, step.fault))
        }
        actions.sort { ($0.at, $0.isEnd ? 1 : 0) < ($1.at, $1.isEnd ? 1 : 0) }
        for action in actions {
            pause(milliseconds: action.at - (nowMilliseconds() - start))
            do {
                if action.isEnd { try end(action.fault) } else { try begin(action.fault) }
            } catch {
                guard let group, try group.primary() !== redis else { throw error }
                note("\(error)")
                try follow(group)
            }
        }
        pause(milliseconds: milliseconds - (nowMilliseconds() - start))
    }

    /// What a round showed.
    struct Account {
        var events = 0
        var deliveries = 0
        var repeats = 0
        var findings: [Checker.Finding] = []
    }

    /// Lets everything come to rest, and judges every client.
    func settle() throws -> Account {
        guard let group else { return try judgeAll() }
        for _ in 0..<5 {
            try follow(group)
            let account = Result { try judgeAll() }
            // Else what was looked up was another's.
            if try group.primary() === redis { return try account.get() }
        }
        throw Failure("the sentinels change the primary again and again")
    }

    private func judgeAll() throws -> Account {
        note("settling")
        fleet.setCalm(true)
        try orders.pause()
        try eventually("all clients are back", within: 40) { fleet.clients.allSatisfy(\.isOpen) }
        // One that brought an ID of an earlier life of the stream is given what comes from now on, which is when its gateway
        // asks Redis: not before that gateway has found it again.
        try waitUntilReady()
        pause(milliseconds: 200)
        var stuck: String?
        do { try writeUntilAllHaveIt() } catch { stuck = "\(error)" }
        let events = try truth()
        var checker = Checker(skew: Self.skew, events: events)
        checker.trims = ledger.trims
        checker.losses = ledger.losses
        checker.knownLife = roundStart.life
        checker.deletedLife = ledger.deletedLife
        checker.channelTrimsExcuse = channelTrimsExcuse
        var account = Account(events: events.filter { $0.number >= roundStart.number }.count)
        for client in fleet.clients {
            account.deliveries += client.record.deliveries.count
            account.repeats += client.record.deliveries.count - Set(client.record.deliveries.map(\.number)).count
            checker.events = Self.since(client, checker.events, roundStart.number)
            if let finding = checker.judge(client.record) { account.findings.append(finding) }
            checker.events = Dictionary(uniqueKeysWithValues: events.map { ($0.number, $0) })
            if let nonsense = client.sights.nonsense { throw Failure("\(client.record.name) was sent \(nonsense)") }
        }
        try waitUntilReady()
        if let stuck, account.findings.isEmpty { throw Failure("\(stuck), though nothing is missing") }
        note("judged \(account.deliveries) deliveries of \(account.events) events")
        ledger.forget(before: roundStart.number)
        fleet.turnOver(keeping: roundStart.number)
        roundStart = (ledger.newNumber(), roundStart.number, ledger.epoch)
        readFrom = try (Int(redis.milliseconds()) - 10_000, readFrom.id)
        return account
    }

    private func waitUntilReady() throws {
        for (index, gateway) in gateways.enumerated() {
            // The other one would have served its clients, so it does not show otherwise.
            guard gateway.isRunning else { throw Failure("gateway \(index) ended by itself: \(gateway.log(20))") }
            try gateway.waitUntilReady()
        }
    }

    /// Of the events of the round before, which was judged, only those that the client had are its concern.
    private static func since(
        _ client: FleetClient, _ events: [Int: Checker.Event], _ start: Int
    ) -> [Int: Checker.Event] {
        events.mapValues { event in
            guard event.number < start else { return event }
            var event = event
            // Known, to be recognised, and not owed again.
            event.isInChannel = false
            return event
        }
    }

    // MARK: Truth

    /// Writes an event to each channel, and returns their numbers.
    @discardableResult
    func writeToAll(idMilliseconds: Int? = nil) throws -> [Int] {
        let id = idMilliseconds.map { "\($0)-*" } ?? "*"
        return try (0..<size.channels).map { channel in
            var event = Checker.Event(number: ledger.newNumber(), channel: channel)
            let data = eventData(event.number, channel: channel)
            defer { ledger.record(event) }
            event.channelID = EntryID(try redis.add(Streams.channel(channel), id, data: data))
            event.epochs = ledger.epoch...ledger.epoch
            event.globalID = EntryID(try redis.add(Streams.global, id, data: data))
            event.writtenAt = nowMilliseconds()
            return event.number
        }
    }

    /// Writes an event to each channel, again and again, until every client has had its channel's last.
    ///
    /// Once would not do: a client that brings an ID of a clock that was ahead, in a life of the stream that was lost, is only
    /// given what is written after that time, or after it came. What it is owed is the checker's business.
    private func writeUntilAllHaveIt() throws {
        var last: [Int] = []
        var writeAt = 0
        try eventually("every client has had its channel's last event", within: 40) {
            if nowMilliseconds() >= writeAt {
                last = try writeToAll()
                writeAt = nowMilliseconds() + 3000
            }
            return fleet.clients.allSatisfy { $0.lastNumber == last[$0.record.channel] }
        }
    }

    /// Waits until every client has had its channel's of these events.
    private func waitForAll(_ numbers: [Int]) throws {
        try eventually("every client has had its channel's last event", within: 40) {
            fleet.clients.allSatisfy { client in
                client.lastNumber == numbers[client.record.channel]
            }
        }
    }

    /// All events that were tried, with what the streams say of them now.
    private func truth() throws -> [Checker.Event] {
        var events = Dictionary(uniqueKeysWithValues: ledger.events.map { ($0.number, $0) })
        let start = "\(readFrom.previous)-0"
        for (rank, entry) in try entries(Streams.global, from: start).enumerated() {
            events[entry.number]?.rank = rank
            events[entry.number]?.globalID = entry.id
        }
        for channel in 0..<size.channels {
            for entry in try entries(Streams.channel(channel), from: start) {
                events[entry.number]?.isInChannel = true
                events[entry.number]?.channelID = entry.id
            }
        }
        return Array(events.values)
    }

    private func entries(_ stream: String, from start: String) throws -> [(number: Int, id: EntryID)] {
        guard case .array(let entries) = try redis.command("XRANGE", stream, start, "+") else { return [] }
        return entries.compactMap { entry in
            guard case .array(let pair) = entry, pair.count == 2, let id = EntryID(pair[0].text),
                case .array(let fields) = pair[1], fields.count == 2, case .bulk(let data) = fields[1],
                let number = eventNumber(data)
            else { return nil }
            return (number, id)
        }
    }
}
