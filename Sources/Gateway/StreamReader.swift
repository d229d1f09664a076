import Configuration
import EventLog
import EventLoop
import Logging
import Metrics
import RedisStreams

/// Reads the global stream and turns it into batches for all loops.
///
/// At first contact it pins the stream's last ID, fills the log with what lies before it, and then reads on from just
/// there: a concrete ID and never `$`, so that no event falls between two reads. After a lost connection it reads on
/// from the last ID it has had. Lives on one loop.
final class StreamReader: RedisLinkUser {
    private enum Phase {
        /// Asking for the stream's last ID.
        case pinning
        /// Reading backwards from the pinned ID.
        case filling(LogFill)
        /// Reading what comes.
        case following
    }

    private unowned let loop: GatewayLoop
    private let peers: [Mailbox<LoopMessage>]
    private lazy var link = RedisLink(loop: loop, purpose: "reading events", isReader: true, user: self)
    private var phase = Phase.pinning
    /// Redis' clock at first contact, until it has said how the stream stands.
    private var pinTime: UInt64?
    private var index: BucketIndex
    private var lastID = StreamID.zero
    private var entries = StreamEntryDecoder()
    private var pending: PendingBatch?
    private lazy var assembler = EventAssembler(loop: loop)

    /// A batch is handed on when it has so many bytes, even if the reply goes on: large enough that a burst costs one
    /// write for each connection, small enough that it does not wait for the whole reply.
    static let batchBytes = 256 * 1024
    /// A blocking read that is silent for longer than its block time by this is dead.
    static let silenceAllowance: Int64 = 2000

    init(loop: GatewayLoop, peers: [Mailbox<LoopMessage>]) {
        self.loop = loop
        self.peers = peers
        index = BucketIndex(historyBytes: loop.context.settings.historyBytes)
    }

    func start() { link.connect() }

    private func broadcast(_ message: LoopMessage) {
        loop.receive(message)
        for peer in peers { peer.post(message) }
    }

    // MARK: Link

    func linkIsReady() {
        switch phase {
        case .pinning, .filling:
            phase = .pinning
            pinTime = nil
            link.send([.time, .xinfoStream(loop.context.globalStream)], silence: Self.silenceAllowance)
        case .following:
            readOn()
            broadcast(.redis(connected: true))
        }
    }

    func linkWasLost() {
        publish()
        entries = StreamEntryDecoder()
        broadcast(.redis(connected: false))
    }

    func linkReceived() {
        switch phase {
        case .pinning: receivePin()
        case .filling(let fill): receivePage(fill)
        case .following: receiveEvents()
        }
    }

    // MARK: Start

    private func receivePin() {
        switch link.replies.nextReply() {
        case .needMore:
            return
        case .protocolError(let text):
            return link.fail(text)
        case .reply(let reply):
            guard let time = pinTime else {
                pinTime = reply.serverMilliseconds
                guard pinTime != nil else { return link.fail("TIME was answered with something else than the time") }
                return receivePin()
            }
            let pinned: StreamFacts
            switch StreamInfo.parse(reply) {
            case .info(let info): pinned = info.facts
            case .missing: pinned = .missing()
            case .failed(let error): return link.fail(error)
            }
            link.answered()
            lastID = pinned.lastGenerated
            let isMissing = lastID == .zero
            // What was in a stream that is gone is not known: the log can speak only for what comes from now on, and
            // the clock was read before the stream was looked for.
            let through = isMissing ? StreamID(milliseconds: time, sequence: 0).predecessor : lastID
            let fill = LogFill(
                through: through, isTrimmed: pinned.trimmed, capacity: loop.context.settings.historyBytes,
                deadline: loop.now.advanced(byMilliseconds: LogFill.maximumMilliseconds))
            phase = .filling(fill)
            if isMissing { finishFilling(fill) } else { askPage(fill) }
        }
    }

    private func askPage(_ fill: LogFill) {
        link.send(
            [.xrevrange(stream: loop.context.globalStream, from: fill.next, to: .zero, count: fill.pageCount)],
            silence: Self.silenceAllowance + LogFill.maximumMilliseconds)
    }

    private func receivePage(_ fill: LogFill) {
        switch link.replies.nextReply() {
        case .needMore:
            return
        case .protocolError(let text):
            return link.fail(text)
        case .reply(let reply):
            if let text = reply.errorText { return link.fail(ServerError(text)) }
            fill.take(reply, assembler: &assembler)
            if fill.isDone(now: loop.now) { finishFilling(fill) } else { askPage(fill) }
        }
    }

    private func finishFilling(_ fill: LogFill) {
        broadcast(.logOpened(floor: fill.floor, lastID: fill.through))
        index = BucketIndex(historyBytes: loop.context.settings.historyBytes)
        let count = fill.eventCount
        fill.forEachBatch { batch in broadcast(.batch(batch.seal(index: &index))) }
        phase = .following
        loop.logger.info(
            "reading events",
            metadata: [
                "stream": "\(String(decoding: loop.context.globalStream, as: UTF8.self))",
                "after": "\(lastID)", "eventsInMemory": "\(count)",
            ])
        readOn()
        broadcast(.redis(connected: true))
        broadcast(.logReady)
    }

    // MARK: Following

    private func readOn() {
        let settings = loop.context.settings
        link.send(
            [
                .xread(
                    count: settings.redisStreamReadCount, blockMilliseconds: settings.redisStreamReadBlockMs,
                    stream: loop.context.globalStream, after: lastID)
            ],
            silence: Int64(settings.redisStreamReadBlockMs) + Self.silenceAllowance)
    }

    private func receiveEvents() {
        while true {
            switch entries.next(link.replies) {
            case .needMore:
                return publish()
            case .entry(let id, let data):
                take(id, data)
            case .end:
                link.answered()
                publish()
                readOn()
            case .empty:
                link.answered()
                loop.counters.streamLagMilliseconds = 0
                readOn()
            case .error(let text):
                publish()
                return link.fail(ServerError(text))
            case .protocolError(let text):
                publish()
                return link.fail(text)
            }
        }
    }

    private func take(_ id: StreamID, _ data: UnsafeRawBufferPointer?) {
        lastID = id
        loop.counters.eventsRead += 1
        assembler.append(id, data, to: &pending)
        if let bytes = pending?.byteCount, bytes >= Self.batchBytes { publish() }
    }

    /// Hands the events gathered so far to all loops.
    private func publish() {
        guard let ended = pending.take() else { return }
        let age = WallClock.nowMilliseconds() - Int64(clamping: lastID.milliseconds)
        loop.counters.streamLagMilliseconds = Int(max(age, 0))
        broadcast(.batch(ended.seal(index: &index)))
    }
}
