import Configuration
import EventLoop
import Logging
import Metrics
import RedisStreams

/// Who speaks over a connection to Redis. Called on the loop's thread.
protocol RedisLinkUser: AnyObject {
    /// Logged in, nothing outstanding.
    func linkIsReady()
    /// Bytes have come in: consume what is whole in the link's ``RedisLink/replies``.
    func linkReceived()
    /// The connection is gone, with all that was outstanding on it; the link is trying again by itself.
    func linkWasLost()
    /// Connecting or logging in has failed; the link is trying again by itself.
    func linkCannotConnect()
}

extension RedisLinkUser {
    func linkCannotConnect() {}
}

/// One connection to Redis that is made again whenever it is lost, with backoff and jitter.
///
/// Knows how to get and stay connected (logging in, silence, trying again); where to is its locator's business, how to get
/// there its dialer's, and what is asked over it its user's. Confined to its loop's thread.
final class RedisLink: ReadinessHandler {
    private enum State {
        case idle
        case resolving
        case connecting(ByteStream)
        case loggingIn(ByteStream)
        case ready(ByteStream)
        case waiting
    }

    private unowned let loop: GatewayLoop
    private weak var user: (any RedisLinkUser)?
    /// For the log: "reader", "range reads".
    private let purpose: String
    private let isReader: Bool
    /// Stays with a sentinel, and does not go on to the primary.
    private let isWatch: Bool
    private var state = State.idle
    private var registration: Registration?
    private(set) var replies = ReplyReader()
    private var login: ConnectionHandshake
    private var locator: RedisLocator
    private lazy var dialer = RedisDialer(loop: loop) { [weak self] failure in self?.lookedUp(failure) }
    private var output: [UInt8] = []
    private var backoff = Backoff()
    private var timer: TimerToken?
    /// Until when something must be heard; nil while nothing is expected.
    private var silenceDeadline: MonotonicTime?
    private var silenceMilliseconds: Int64 = 0
    /// Why the connection failed last: said once, not at every try.
    private var lastComplaint: String?
    private var wasConnected = false

    /// How long connecting and logging in may take.
    static let connectMilliseconds: Int64 = 5000

    /// - Parameters:
    ///   - isWatch: it is for asking a sentinel.
    ///   - node: the one to connect to; nil: Redis as the settings say.
    init(
        loop: GatewayLoop, purpose: String, isReader: Bool = false, isWatch: Bool = false, node: NodeAddress? = nil,
        user: any RedisLinkUser
    ) {
        self.isReader = isReader
        self.isWatch = isWatch
        self.loop = loop
        self.purpose = purpose
        self.user = user
        locator = node.map { RedisLocator(node: $0) } ?? loop.context.redisLocator
        login = loop.context.redisLogin(at: locator.destination)
    }

    var isReady: Bool {
        if case .ready = state { return true }
        return false
    }

    // MARK: Connecting

    func connect() {
        state = .resolving
        switch dialer.start(locator.destination) {
        case .found: connectToNext()
        case .lookingUp: startTimer(milliseconds: Self.connectMilliseconds)
        case .failed(let text): fail(text)
        }
    }

    private func lookedUp(_ failure: String?) {
        if let failure { fail(failure) } else { connectToNext() }
    }

    private func connectToNext() {
        do {
            guard let stream = try dialer.connectToNext() else {
                return fail("the name \(dialer.target?.host ?? "") has no address")
            }
            replies = ReplyReader()
            login = loop.context.redisLogin(at: locator.destination)
            output = []
            state = .connecting(stream)
            registration = try loop.events.register(stream.descriptor, interest: stream.interestNeeded, handler: self)
            startTimer(milliseconds: Self.connectMilliseconds)
            handle([])
        } catch {
            fail("\(error)")
        }
    }

    // MARK: Speaking

    /// Sends commands. Only while ready; the user is told when that ends.
    /// - Parameter silence: how many milliseconds the server may then be silent before it counts as dead.
    func send(_ commands: [Command], silence: Int64) {
        send(silence: silence) { output in
            for command in commands { output.append(contentsOf: command.bytes) }
        }
    }

    /// Sends what `write` appends.
    func send(silence: Int64, _ write: (inout [UInt8]) -> Void) {
        guard case .ready(let stream) = state else { return }
        write(&output)
        expectReply(within: silence)
        flush(stream)
    }

    /// From now on the server may be silent for so long.
    func expectReply(within milliseconds: Int64) {
        silenceMilliseconds = milliseconds
        silenceDeadline = loop.now.advanced(byMilliseconds: milliseconds)
        if timer == nil { startTimer(milliseconds: milliseconds) }
    }

    /// Redis did what it was asked for, so the next loss is a new one: tried again soon, and said again. Logging in
    /// alone does not show that it serves (a key of the wrong type, a permission that is missing).
    func answered() {
        backoff.reset()
        locator.answered()
        lastComplaint = nil
    }

    /// Nothing is outstanding: the server may be silent.
    func expectNothing() { silenceDeadline = nil }

    /// Bytes that the output keeps to be used again.
    private static let keptOutput = 4096

    private func flush(_ stream: ByteStream) {
        while !output.isEmpty {
            switch output.withUnsafeBytes({ stream.write($0) }) {
            case .wrote(let count) where count == output.count:
                output.removeAll(keepingCapacity: count <= Self.keptOutput)
            case .wrote(let count):
                output.removeFirst(count)
            case .wouldBlock:
                return watch(stream)
            case .failed(let error):
                return fail("writing failed: \(error)")
            }
        }
        watch(stream)
    }

    private func watch(_ stream: ByteStream) {
        guard let registration else { return }
        var interest = Interest.read.union(stream.interestNeeded)
        if !output.isEmpty { interest.insert(.write) }
        loop.events.modify(registration, interest: interest)
    }

    // MARK: Events

    func handle(_ ready: Ready) {
        switch state {
        case .connecting(let stream):
            switch stream.finishConnecting() {
            case .inProgress(let interest):
                if let registration { loop.events.modify(registration, interest: interest) }
            case .connected:
                state = .loggingIn(stream)
                loginStep(login.start(), stream)
            case .failed(let text):
                fail(text)
            }
        case .loggingIn(let stream), .ready(let stream):
            if !output.isEmpty { flush(stream) }
            read(stream)
        case .idle, .resolving, .waiting:
            break
        }
    }

    /// Reads of one turn; a reply of many megabytes shares the loop with the connections.
    private static let readsPerTurn = 4

    private func read(_ stream: ByteStream) {
        for _ in 0..<Self.readsPerTurn {
            let room = replies.room()
            switch stream.read(into: room) {
            case .bytes(let count):
                replies.wrote(count)
                if silenceDeadline != nil {
                    silenceDeadline = loop.now.advanced(byMilliseconds: silenceMilliseconds)
                }
                switch state {
                case .loggingIn: readLogin(stream)
                case .ready: user?.linkReceived()
                case .idle, .resolving, .connecting, .waiting: return
                }
                guard isCurrent(stream) else { return }
                if count < room.count, !stream.hasBufferedInput { return watch(stream) }
            case .wouldBlock:
                return watch(stream)
            case .endOfStream:
                return fail("Redis closed the connection")
            case .failed(let error):
                return fail("reading failed: \(error)")
            }
        }
        // What TLS holds already will not make the socket readable again.
        guard stream.hasBufferedInput else { return }
        loop.events.atEndOfTurn { [weak self] in
            guard let self, isCurrent(stream) else { return }
            handle(.readable)
        }
    }

    private func isCurrent(_ stream: ByteStream) -> Bool {
        switch state {
        case .loggingIn(let current), .ready(let current), .connecting(let current): current === stream
        case .idle, .resolving, .waiting: false
        }
    }

    private func readLogin(_ stream: ByteStream) {
        while case .loggingIn = state {
            switch replies.nextReply() {
            case .needMore:
                return
            case .reply(let reply):
                loginStep(login.receive(reply), stream)
            case .protocolError(let text):
                return fail(text)
            }
        }
    }

    private func loginStep(_ step: ConnectionHandshake.Step, _ stream: ByteStream) {
        switch step {
        case .send(let commands):
            for command in commands { output.append(contentsOf: command.bytes) }
            flush(stream)
        case .wait:
            break
        case .ready:
            becomeReady(stream)
        case .primary where isWatch:
            becomeReady(stream)
        case .primary(let address):
            locator.primary(at: address)
            drop()
            connect()
        case .failed(let text):
            fail(text)
        }
    }

    private func becomeReady(_ stream: ByteStream) {
        state = .ready(stream)
        cancelTimer()
        locator.learn(login.nodes)
        if wasConnected, !isWatch { loop.counters.redisReconnects += 1 }
        wasConnected = true
        // The reader's connection is the one that operators wait for; each loop has a further one.
        loop.logger.log(
            level: isReader ? .info : .debug, "connected to Redis",
            metadata: ["for": "\(purpose)", "address": "\(placeName)"])
        user?.linkIsReady()
    }

    /// For the log.
    private var placeName: String { loop.context.redisName(locator.destination) }

    // MARK: Losing

    /// Drops the connection after an error reply. A cluster that has the stream elsewhere is followed there at once.
    func fail(_ error: ServerError) {
        guard isReady, let redirection = error.redirection, !redirection.isOnce else { return fail(error.description) }
        let address = redirection.address(asked: dialer.target?.host ?? loop.context.settings.redis.host)
        guard locator.moved(to: address) else { return fail("\(error) (the cluster's nodes name each other)") }
        loop.logger.info(
            "following a stream to another node of the cluster",
            metadata: ["for": "\(purpose)", "address": "\(address)"])
        drop()
        user?.linkWasLost()
        connect()
    }

    /// Goes from a server that is no longer the primary, if it is there, to the one that is.
    func leave(_ old: NodeAddress, for new: NodeAddress) {
        guard locator.destination == .primary(old) else { return }
        let wasReady = isReady
        drop()
        locator.primary(at: new)
        if wasReady { user?.linkWasLost() } else { user?.linkCannotConnect() }
        connect()
    }

    /// This server is not the primary any more, though who named it may still think so.
    func distrust() { locator.distrust() }

    /// Ends the connection, and does not make it again.
    func close() {
        drop()
        dialer.giveUp()
        state = .idle
    }

    private func drop() {
        switch state {
        case .connecting(let stream), .loggingIn(let stream), .ready(let stream):
            if let registration { loop.events.deregister(registration) }
            registration = nil
            stream.close()
        case .idle, .resolving, .waiting: break
        }
        cancelTimer()
        silenceDeadline = nil
        output = []
    }

    /// Drops the connection and tries again later.
    func fail(_ complaint: String) {
        let wasConnecting: Bool
        let wasReady: Bool
        var complaint = complaint
        switch state {
        case .connecting: (wasConnecting, wasReady) = (true, false)
        case .ready: (wasConnecting, wasReady) = (false, true)
        case .loggingIn, .resolving: (wasConnecting, wasReady) = (false, false)
        case .idle, .waiting: return
        }
        if !wasReady, !wasConnecting || complaint.contains("TLS handshake") { complaint = dialer.explained(complaint) }
        drop()
        if wasConnecting, dialer.hasNext {
            state = .resolving
            return connectToNext()
        }
        dialer.giveUp()
        let place = placeName
        if case .tryNext = locator.failed(wasReady: wasReady) { return connect() }
        state = .waiting
        if complaint != lastComplaint {
            lastComplaint = complaint
            loop.logger.warning(
                "Redis cannot be reached, trying again",
                metadata: ["for": "\(purpose)", "address": "\(place)", "problem": "\(complaint)"])
        }
        let delay = Int64(backoff.next(random: UInt64.random(in: .min ... .max)))
        timer = loop.events.schedule(at: loop.now.advanced(byMilliseconds: delay)) { [weak self] in
            guard let self else { return }
            timer = nil
            connect()
        }
        if wasReady { user?.linkWasLost() } else { user?.linkCannotConnect() }
    }

    private func startTimer(milliseconds: Int64) {
        cancelTimer()
        timer = loop.events.schedule(at: loop.now.advanced(byMilliseconds: milliseconds)) { [weak self] in
            self?.timerFired()
        }
    }

    private func cancelTimer() {
        if let timer { loop.events.cancel(timer) }
        timer = nil
    }

    private func timerFired() {
        timer = nil
        switch state {
        case .resolving:
            fail("looking up the name \(dialer.target?.host ?? "") took more than \(Self.connectMilliseconds) ms")
        case .connecting, .loggingIn:
            fail("connecting and logging in took more than \(Self.connectMilliseconds) ms")
        case .ready:
            guard let deadline = silenceDeadline else { return }
            if deadline <= loop.now {
                fail("Redis has not answered for \(silenceMilliseconds) ms")
            } else {
                startTimer(milliseconds: max(deadline.milliseconds(since: loop.now), 1))
            }
        case .idle, .waiting:
            break
        }
    }
}
