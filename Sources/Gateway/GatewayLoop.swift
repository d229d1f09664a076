import Configuration
import EventLog
import EventLoop
import JSONWebToken
import Logging
import Metrics

/// One event loop of the gateway and all that lives on its thread: its listener, connections, channels and view of the
/// log. Loops share nothing mutable; they are told things through their mailbox.
///
/// Made on the thread that starts the gateway, then handed over to its own and touched by no other.
final class GatewayLoop {
    /// Whether new sessions are accepted, and if not, why.
    enum Availability: Equatable {
        /// Redis was not reached since the start, or the log is still being filled.
        case starting
        case serving
        case draining
    }

    let context: GatewayContext
    let events: EventLoop
    let mailbox: Mailbox<LoopMessage>
    private let inbox: Inbox
    private let listener: Listener
    /// On the one loop that has it.
    private let metricsListener: Listener?

    var log: EventLog
    var channels = ChannelTable()
    var counters = LoopCounters()
    /// What tokens are checked with; replaced when the keys are loaded again.
    private(set) var verifier: Verifier
    private(set) var availability = Availability.starting
    private(set) var isRedisConnected = false
    private(set) lazy var acceptor = Acceptor(loop: self, listener: listener)
    private lazy var metricsAcceptor = metricsListener.map { Acceptor(loop: self, listener: $0, port: .metrics) }
    private(set) lazy var figures = FiguresCollector(loop: self, peers: mailboxes.filter { $0 !== mailbox })
    private(set) lazy var inputs = InputQueue(loop: self, .flood)
    private(set) lazy var handshakes = InputQueue(loop: self, .handshake)
    private(set) lazy var figureStreams = FigureStreams(loop: self)
    private(set) lazy var replayer = Replayer(loop: self)
    /// For what is written to Redis.
    private(set) lazy var writer = RedisWriter(loop: self)
    private(set) lazy var publisher = Publisher(loop: self)
    let publishSlots: PublishSlots
    /// Nil unless the settings say `presence`.
    private(set) lazy var presence = makePresence()
    private(set) lazy var statsD = StatsDSender(loop: self)
    private(set) lazy var deadlines = ConnectionDeadlines(loop: self)
    /// The reader of the global stream, on the one loop that has it.
    private var reader: StreamReader?
    /// On the same loop, if sentinels know where Redis is.
    private var watch: SentinelWatch?

    /// By descriptor: a dense table, since descriptors are small numbers that are used again.
    private var connections: [Connection?] = []
    private(set) var connectionCount = 0
    /// Sessions whose socket is still open, those that are being closed included.
    private var sessionCount = 0
    /// When draining is over; nil before it has begun.
    private(set) var drainEnd: MonotonicTime?
    /// Draining, and no session is left.
    private var isDrained = false
    /// The mailboxes of all loops, this one's included.
    private var mailboxes: [Mailbox<LoopMessage>] = []
    private var refusalWarnings = RateLimit(perSecond: 1)
    private var slowWarnings = RateLimit(perSecond: 1)
    /// The `X-Request-ID` of the request that is being answered, if it has a good one.
    var givenRequestID: [UInt8]?
    /// For the IDs of requests that came without one.
    let requestIDSeed = UInt64.random(in: .min ... .max)
    var latencyClock = LatencyClock()

    /// What sockets are read into: one block for all, since what is read is used up before the next read.
    let receiveBuffer: UnsafeMutableRawBufferPointer
    static let receiveBytes = 16 * 1024

    // Scratch values of the delivery, kept to be used again.
    var gather = Gather()
    var numbers: [EventNumber] = []
    var arrivals = Arrivals()
    private(set) lazy var replayBudget = ReplayBudget(loopCount: context.loopCount)
    private var sharedFrames = SharedFrames()
    let date = HTTPDate()
    /// Spreads things that would otherwise fall together.
    var jitter = Jitter()

    /// What the port shows TLS clients; nil: it speaks plain HTTP.
    private(set) var certificates: TLSServerContext?
    /// Of all TLS connections.
    let recordBuffer = TLSRecordBuffer()

    var now: MonotonicTime { events.now }
    var logger: Logger { context.logger }

    /// Messages may come from the moment the mailbox exists, the loop only when it is whole.
    private final class Inbox {
        weak var loop: GatewayLoop?
    }

    init(context: GatewayContext, listener: Listener, metricsListener: Listener? = nil) throws(SystemError) {
        self.context = context
        self.listener = listener
        self.metricsListener = metricsListener
        publishSlots = PublishSlots(limit: context.settings.maxPublishesInFlight, loopCount: context.loopCount)
        verifier = context.tokenKeys.verifier
        let inbox = Inbox()
        self.inbox = inbox
        events = try EventLoop()
        mailbox = try events.makeMailbox(of: LoopMessage.self) { messages in
            for message in messages { inbox.loop?.receive(message) }
        }
        log = EventLog(capacity: context.settings.historyBytes, floor: .zero)
        if context.settings.compression { gather = Gather(deflated: DeflatedEvents()) }
        receiveBuffer = .allocate(byteCount: Self.receiveBytes, alignment: 16)
        certificates = context.certificates?.context
        // So that each reason is there before its first: the growth from nothing to one is seen too.
        for tag in RequestRefusal.tags { counters.handshakesRefused.add(tag, 0) }
        inbox.loop = self
        publishSlots.whenEmpty = { inbox.loop?.stopWhenDrained() }
    }

    deinit { receiveBuffer.deallocate() }

    /// Runs until the gateway has stopped. Call on the loop's own thread.
    /// - Parameters:
    ///   - mailboxes: those of all loops.
    ///   - isReader: this loop is the one that reads the global stream.
    func run(with mailboxes: [Mailbox<LoopMessage>], isReader: Bool) {
        self.mailboxes = mailboxes
        acceptor.resume()
        metricsAcceptor?.resume()
        statsD.start(sendsLevels: isReader)
        scheduleGarbageCollection()
        if isReader {
            let reader = StreamReader(loop: self, peers: mailboxes.filter { $0 !== mailbox })
            self.reader = reader
            reader.start()
            if !context.settings.redis.sentinels.isEmpty {
                let watch = SentinelWatch(loop: self, mailboxes: mailboxes)
                self.watch = watch
                watch.start()
            }
        }
        replayer.start()
        events.run()
        for connection in connections { connection?.close() }
        statsD.finish()
    }

    private func makePresence() -> Presence? {
        guard context.settings.presence else { return nil }
        let presence = Presence(loop: self, milliseconds: context.settings.presenceTtlMs)
        writer.whenBack = { [weak presence] in presence?.redisIsBack() }
        return presence
    }

    // MARK: Messages

    func receive(_ message: LoopMessage) {
        switch message {
        case .logOpened(let floor, let lastID):
            log = EventLog(capacity: context.settings.historyBytes, floor: floor, lastID: lastID)
        case .logReady:
            if availability == .starting { availability = .serving }
        case .batches(let batches, let debt):
            deliver(batches)
            debt.settle()
        case .loopHasCaughtUp:
            reader?.loopHasCaughtUp()
        case .logBroken(let next):
            breakLog(next)
        case .continuityDoubted(let loop):
            reader?.confirmContinuity(to: loop)
        case .continuityConfirmed:
            replayer.continuityConfirmed()
        case .redis(let connected):
            isRedisConnected = connected
            counters.redisConnected = connected ? 1 : 0
        case .certificates(let context):
            certificates = context
        case .primaryMoved(let old, let new):
            reader?.leave(old, for: new)
            replayer.leave(old, for: new)
            writer.leave(old, for: new)
        case .verifier(let verifier):
            self.verifier = verifier
        case .drain:
            startDraining()
        case .stop:
            events.stop()
        case .figures(let reply):
            reply(snapshot())
        case .collected(let snapshot, let round):
            figures.receive(snapshot, round: round)
        }
    }

    /// Wants to be told that the stream still is the one that was read. If it is not, a break comes.
    func askReader() {
        // The first loop is the reader's.
        mailboxes.first?.post(.continuityDoubted(by: mailbox))
    }

    /// The figures as they are now.
    func snapshot() -> Snapshot {
        counters.channels = channels.count
        counters.replaysWaiting = replayer.waitingCount
        counters.channelsPresent = presence?.count ?? 0
        counters.historyBytes = log.footprint
        let oldest = log.oldestID.map { Int(clamping: $0.milliseconds) } ?? .max
        counters.historyOldestAgeMilliseconds = max(Int(WallClock.nowMilliseconds()) - oldest, 0)
        return counters.snapshot()
    }

    // MARK: Connections

    func add(_ stream: ByteStream, peer: SocketAddress, port: Connection.Port) {
        let connection = Connection(loop: self, stream: stream, peer: peer, port: port)
        let descriptor = Int(stream.descriptor)
        do {
            connection.registration = try events.register(stream.descriptor, interest: .read, handler: connection)
        } catch {
            logger.error("a new connection could not be watched: \(error)")
            stream.close()
            return
        }
        while connections.count <= descriptor { connections.append(nil) }
        connections[descriptor] = connection
        connectionCount += 1
        connection.setDeadline(now.advanced(byMilliseconds: context.handshakeTimeout))
    }

    func connection(descriptor: Int) -> Connection? {
        connections.indices.contains(descriptor) ? connections[descriptor] : nil
    }

    func forEachConnection(_ body: (Connection) -> Void) {
        for connection in connections {
            if let connection { body(connection) }
        }
    }

    /// The socket is about to be closed.
    func forget(_ connection: Connection) {
        events.deregisterBeforeClosing(connection.registration)
        connection.registration = .void
        deadlines.clear(connection.stream.descriptor)
        let descriptor = Int(connection.stream.descriptor)
        guard connections.indices.contains(descriptor), connections[descriptor] === connection else { return }
        connections[descriptor] = nil
        connectionCount -= 1
        acceptor.descriptorWasFreed()
        metricsAcceptor?.descriptorWasFreed()
        if connection.subscriber != nil { sessionCount -= 1 }
        if context.settings.console { figureStreams.remove(connection) }
        stopWhenDrained()
    }

    /// A connection has become a session.
    func countSession(_ encoding: Encoding) {
        sessionCount += 1
        encoding.count(1, in: &counters)
        statsD.count(encoding.connectedName)
    }

    /// A poll has its answer, and its connection goes on without a session.
    func pollHasEnded() {
        sessionCount -= 1
        // Not before the answer is out.
        if availability == .draining { events.atEndOfTurn { [weak self] in self?.stopWhenDrained() } }
    }

    /// Takes a connection out of its channel.
    func leave(_ connection: Connection, _ reason: CloseReason) {
        guard let subscriber = connection.subscriber, !subscriber.hasLeft else { return }
        subscriber.hasLeft = true
        subscriber.members.remove(subscriber)
        subscriber.encoding.count(-1, in: &counters)
        if let counter = reason.counter(subscriber.encoding) { counters[keyPath: counter] += 1 }
        context.limits.release(subscriber.channel)
        if case .slow = reason, let suppressed = slowWarnings.admit(now: now) {
            logger.warning(
                "closed a connection",
                metadata: connection.closingMetadata(subscriber, reason).merging(
                    ["unreportedBefore": "\(suppressed)"]) { $1 })
        } else {
            logger.debug("closed a connection", metadata: connection.closingMetadata(subscriber, reason))
        }
    }

    func countSendError(_ encoding: Encoding) {
        statsD.count(encoding.sendErrorName)
    }

    /// The rest of an event of which a socket has taken the beginning: shared by all sockets in that event.
    func tail(of remainder: Gather.Remainder, number: EventNumber) -> PendingOutput.Tail {
        sharedFrames.tail(of: remainder, number: number)
    }

    /// Refusals that the operator may have to act on are warnings, but not more than one a second.
    func logRefusal(_ refusal: RequestRefusal, _ connection: Connection) {
        let metadata = connection.metadata(["reason": "\(refusal.explanation)"])
        if refusal.isOperatorsConcern, let suppressed = refusalWarnings.admit(now: now) {
            logger.warning(
                "refused a connection", metadata: metadata.merging(["unreportedBefore": "\(suppressed)"]) { $1 })
        } else {
            logger.debug("refused a request", metadata: metadata)
        }
    }

    // MARK: Housekeeping

    private func scheduleGarbageCollection() {
        let interval = Int64(max(context.settings.gcChannelsIntervalMs, 1))
        _ = events.schedule(at: now.advanced(byMilliseconds: interval)) { [unowned self] in
            _ = channels.collectGarbage()
            scheduleGarbageCollection()
        }
    }

    // MARK: Draining

    /// Whether a connection would be accepted now; if not, a reason in a line.
    var unreadiness: String? {
        switch availability {
        case .starting: "Redis has not been reached yet"
        case .draining: "draining"
        case .serving:
            if !isRedisConnected {
                "Redis is away; trying again"
            } else if acceptor.isPaused {
                "out of file descriptors"
            } else if context.limits.isFull {
                "maxTotalConnections reached"
            } else {
                nil
            }
        }
    }

    private func startDraining() {
        guard availability != .draining else { return }
        availability = .draining
        var open: [Connection] = []
        var polls: [Connection] = []
        forEachConnection { connection in
            guard connection.phase == .open else { return }
            if connection.subscriber?.poll == nil { open.append(connection) } else { polls.append(connection) }
        }
        let schedule = DrainSchedule(
            start: now, milliseconds: Int64(context.settings.drainMs), count: open.count)
        drainEnd = schedule.end
        logger.debug("telling the sockets of a loop to go", metadata: ["sockets": "\(open.count)"])
        for (index, connection) in open.enumerated() { connection.drain(at: schedule.deadline(index)) }
        // They will be asked again, wherever that is: there is no storm to spread.
        for connection in polls { connection.end(.drain) }
        _ = events.schedule(at: schedule.end) { [unowned self] in events.stop() }
        stopWhenDrained()
    }

    /// Ends all loops when no session is left on any, and no event that is being published: until then the one that reads
    /// goes on for the others, and no listener is closed. Plain requests that are open then are cut by the end of the process.
    private func stopWhenDrained() {
        guard availability == .draining, !isDrained, sessionCount == 0, publishSlots.used == 0 else { return }
        isDrained = true
        if context.drained.increment() == mailboxes.count {
            for mailbox in mailboxes { mailbox.post(.stop) }
        }
    }
}
