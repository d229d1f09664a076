import Configuration
import EventLog
import EventLoop
import Metrics
import RedisStreams

/// Reads the global stream and turns it into batches for all loops.
///
/// At first contact it pins the stream's last ID, fills the log with what lies before it, and then reads on from just
/// there: a concrete ID and never `$`, so that no event falls between two reads. After a lost connection it reads on
/// from the last ID it has had. With each read it makes sure that the stream still is the one it has read from
/// (``StreamContinuity``), and if not, where to go on. Lives on one loop.
final class StreamReader: RedisLinkUser {
    enum Phase {
        /// Asking for the stream's last ID.
        case pinning
        /// Reading backwards from the pinned ID.
        case filling(LogFill)
        case following(Reading)
    }

    /// What the next reply answers.
    enum Reading {
        /// What came after the last ID.
        case events
        /// Whether the anchor is still there, now that the events are.
        case anchor(isThere: Bool)
        /// How the stream stands, there being no anchor.
        case standing
        /// How the stream stands, the anchor being gone. Nothing follows.
        case examination
        /// A page of the stream, backwards, in search of an entry that was read.
        case search(StreamSearch)
    }

    unowned let loop: GatewayLoop
    let feed: LogFeed
    lazy var link = RedisLink(loop: loop, purpose: "reading events", isReader: true, user: self)
    var phase = Phase.pinning
    var standing = StandingReader()
    private let block: Int
    private var count: ReadCount
    /// What comes after an ID.
    private var read: CommandTemplate
    /// The entry with an ID.
    private let look: CommandTemplate
    /// As far as it is sure that all was read from the same stream.
    var continuity = StreamContinuity(nil)
    /// With what was read since then.
    private var unsure = StreamContinuity(nil)
    /// The first of that.
    private var firstUnsure: StreamID?
    /// Batches that were read and not handed on: it is not sure yet that nothing is missing before them.
    private var withheld: [PendingBatch] = []
    private var withheldBytes = 0
    /// Batches of which that is sure, but more is to be handed on together with them.
    private var verified: [PendingBatch] = []
    private var burst = Burst()
    private var burstTimer: TimerToken?
    /// The last entry of the reply that is arriving.
    private var newest: (id: StreamID, data: [UInt8]?)?
    private var entries = BatchReader()
    private var anchorEntries = StreamEntryDecoder(.range)
    private var pending: PendingBatch?
    /// The reply that is arriving has more than is kept at once: the rest is read again.
    private var isCut = false
    lazy var assembler = EventAssembler(loop: loop)
    /// Nothing is asked for, since another loop is too far behind.
    private var isHeldUp = false
    /// Loops that want to know whether the stream still is the one that was read.
    private var doubting: [Mailbox<LoopMessage>] = []
    /// Those of them who asked before the commands that are under way were sent.
    private var doubtingBefore: [Mailbox<LoopMessage>] = []
    /// Whether it was said that Redis is there.
    private var isAnnounced = false

    /// Bytes of a batch, about: large enough that a burst costs one write for each connection, small enough that the log
    /// lets go of old events bit by bit.
    static let batchBytes = 256 * 1024
    /// So many bytes of a reply are kept, about, until it is sure that they are of the same stream.
    private static let maximumWithheld = 8 * 1024 * 1024
    /// A blocking read that is silent for longer than its block time by this is dead.
    static let silenceAllowance: Int64 = 2000
    /// How long one read waits at the most, so that another stream is noticed even where it brings nothing new.
    static let maximumBlock = 1000

    init(loop: GatewayLoop, peers: [Mailbox<LoopMessage>]) {
        self.loop = loop
        feed = LogFeed(loop: loop, peers: peers)
        let settings = loop.context.settings
        block = min(settings.redisStreamReadBlockMs, Self.maximumBlock)
        count = ReadCount(most: settings.redisStreamReadCount, limit: Self.maximumWithheld)
        let stream = loop.context.globalStream
        read = .xread(count: settings.redisStreamReadCount, blockMilliseconds: block, stream: stream)
        look = .xrange(stream: stream)
    }

    func start() { link.connect() }

    /// Goes on at another server than this one.
    func leave(_ old: NodeAddress, for new: NodeAddress) { link.leave(old, for: new) }

    // MARK: Link

    func linkIsReady() {
        switch phase {
        case .pinning, .filling:
            phase = .pinning
            askStanding()
        case .following:
            readOn()
        }
    }

    /// Goes on if it was held up.
    func loopHasCaughtUp() {
        guard isHeldUp, link.isReady else { return }
        readOn()
    }

    func linkWasLost() {
        isHeldUp = false
        handOn()
        discard()
        entries.reset()
        isAnnounced = false
        feed.broadcast(.redis(connected: false))
    }

    func linkReceived() {
        while link.isReady {
            let isDone =
                switch phase {
                case .pinning: receivePin()
                case .filling(let fill): receivePage(fill)
                case .following(let reading): receive(reading)
                }
            if isDone { return }
        }
    }

    /// How the stream stands; nil until the answers are there, or when the link was dropped.
    func nextStanding() -> (info: StreamInfo?, serverMilliseconds: UInt64)? {
        switch standing.next(link.replies) {
        case .needMore:
            break
        case .standing(let info, let serverMilliseconds):
            return (info, serverMilliseconds)
        case .refused(let error):
            link.fail(error)
        case .failed(let text):
            link.fail(text)
        }
        return nil
    }

    // MARK: Following

    func announce() {
        guard !isAnnounced else { return }
        isAnnounced = true
        feed.broadcast(.redis(connected: true))
    }

    /// Asks for what comes next, and then whether the stream is still the same: in one pipeline. As long as the anchor is
    /// there behind the events, nothing between them was removed, and none of them is another stream's.
    func readOn() {
        isHeldUp = feed.isAhead
        // Nothing is under way then: Redis may be silent.
        guard !isHeldUp else { return link.expectNothing() }
        let anchor = continuity.anchor
        unsure = continuity
        doubtingBefore += doubting
        doubting = []
        if anchor == nil { standing = StandingReader() }
        phase = .following(.events)
        link.send(silence: Int64(block) + Self.silenceAllowance) { output in
            read.append(continuity.lastID, to: &output)
            if let anchor {
                look.append(anchor.id, to: &output)
            } else {
                for question in StandingReader.questions(loop.context.globalStream) { output += question.bytes }
            }
        }
    }

    private func receive(_ reading: Reading) -> Bool {
        switch reading {
        case .events: receiveEvents()
        case .anchor(let isThere): receiveAnchor(isThere: isThere)
        case .standing: receiveStanding()
        case .examination: receiveExamination()
        case .search(let search): receive(search)
        }
    }

    private func receiveEvents() -> Bool {
        while true {
            let stop: BatchReader.Stop
            if isCut {
                stop = entries.passOver(link.replies)
            } else {
                let batch = pending ?? PendingBatch(capacity: 0)
                pending = batch
                stop = batch.append(link.replies, by: &entries, limit: Self.batchBytes)
            }
            if let stretch = entries.takeStretch() {
                firstUnsure = firstUnsure ?? stretch.first
                unsure.read(stretch.count, first: stretch.first, last: stretch.last)
            }
            switch stop {
            case .needMore:
                return true
            case .full:
                closeBatch()
                isCut = withheldBytes >= Self.maximumWithheld
            case .skipped(let id, let reason):
                assembler.skip(id, reason)
            case .end:
                newest = entries.takeNewest()
                closeBatch()
                goOnToCheck()
                return false
            case .empty:
                loop.counters.streamLagMilliseconds = 0
                goOnToCheck()
                return false
            case .error(let text):
                link.fail(ServerError(text))
                return true
            case .protocolError(let text):
                link.fail(text)
                return true
            }
        }
    }

    private func closeBatch() {
        guard let ended = pending.take(), ended.count > 0 else { return }
        withheldBytes += ended.byteCount
        withheld.append(ended)
    }

    private func goOnToCheck() {
        if continuity.anchor != nil {
            anchorEntries = StreamEntryDecoder(.range)
            phase = .following(.anchor(isThere: false))
        } else {
            phase = .following(.standing)
        }
    }

    private func receiveAnchor(isThere: Bool) -> Bool {
        var isThere = isThere
        while true {
            switch anchorEntries.next(link.replies) {
            case .needMore:
                phase = .following(.anchor(isThere: isThere))
                return true
            case .entry(let id, let data):
                guard let anchor = continuity.anchor, id == anchor.id else { continue }
                isThere = anchor.holds(data)
            case .end, .empty:
                if isThere { wasVerified() } else { examine() }
                return false
            case .error(let text):
                link.fail(ServerError(text))
                return true
            case .protocolError(let text):
                link.fail(text)
                return true
            }
        }
    }

    private func receiveStanding() -> Bool {
        guard let (info, _) = nextStanding() else { return true }
        guard continuity.hasAllBehind(info, isRead: unsure.readCount > continuity.readCount) else {
            examine()
            return false
        }
        unsure.accept(.continues, info)
        wasVerified()
        return false
    }

    /// Tells a loop once a look at the stream that is sent from now on finds that it still is the one that was read.
    func confirmContinuity(to loop: Mailbox<LoopMessage>) { doubting.append(loop) }

    private func wasVerified() {
        for loop in doubtingBefore { loop.post(.continuityConfirmed) }
        doubtingBefore = []
        link.answered()
        announce()
        let taken = unsure.readCount - continuity.readCount
        let isFull = isCut || taken >= count.now
        adaptCount(to: taken)
        commit()
        guard isFull else {
            handOn()
            return readOn()
        }
        // There is more, and Redis can get it together while what is here is delivered.
        readOn()
        guard burst.goesOn(bytes: verified.reduce(0) { $0 + $1.byteCount }, now: .now()) else { return handOn() }
        waitForMore()
    }

    private func adaptCount(to taken: Int) {
        let before = count.now
        if isCut { count.replyWasCut(kept: taken) } else { count.replyHad(entries: taken, bytes: withheldBytes) }
        isCut = false
        guard count.now != before else { return }
        read = .xread(count: count.now, blockMilliseconds: block, stream: loop.context.globalStream)
    }

    private func waitForMore() {
        if let burstTimer { loop.events.cancel(burstTimer) }
        burstTimer = loop.events.schedule(at: MonotonicTime.now().advanced(byMilliseconds: Burst.patienceMilliseconds))
        {
            [weak self] in
            guard let self else { return }
            burstTimer = nil
            let isArriving = unsure.readCount > continuity.readCount
            if burst.waitsOn(isArriving: isArriving, now: loop.now) { waitForMore() } else { handOn() }
        }
    }

    /// It is sure that nothing is missing in and before what was read.
    private func commit() {
        let read = unsure.lastID
        loop.counters.eventsRead += unsure.readCount - continuity.readCount
        continuity = unsure
        firstUnsure = nil
        if let newest, newest.id == read { continuity.anchor(newest.id, newest.data) }
        newest = nil
        guard !withheld.isEmpty else { return }
        let age = WallClock.nowMilliseconds() - Int64(clamping: read.milliseconds)
        loop.counters.streamLagMilliseconds = Int(max(age, 0))
        verified += withheld
        withheld = []
        withheldBytes = 0
    }

    /// Hands on what is sure.
    func handOn() {
        guard !verified.isEmpty else { return }
        if let burstTimer { loop.events.cancel(burstTimer) }
        burstTimer = nil
        let batches = verified
        verified = []
        let deliveries = loop.counters.deliveries
        feed.append(batches)
        burst.delivered(loop.counters.deliveries - deliveries)
    }

    /// Forgets what was read and is not sure: it will be read again.
    func discard() {
        pending = nil
        withheld = []
        withheldBytes = 0
        newest = nil
        isCut = false
        unsure = continuity
        firstUnsure = nil
    }

    /// Where what was read and is not sure begins, if anything was read. It is of one reply, and without a gap in itself.
    var beginOfUnsure: StreamID? { firstUnsure?.predecessor }

    /// It is sure now what lies before what was read.
    /// - Parameter place: from where that was read on.
    func commit(behind place: StreamContinuity) {
        let (count, last) = (unsure.readCount - continuity.readCount, unsure.lastID)
        let first = firstUnsure
        continuity = place
        unsure = place
        adaptCount(to: count)
        if let first { unsure.read(count, first: first, last: last) }
        commit()
        handOn()
    }
}
