/// One round of reading from Redis what a connection is owed and the log alone cannot tell.
///
/// Sans-I/O: it says what to ask, is given the answers, and ends in a ``ReplayPlan``. A round covers a bounded part of
/// the channel's stream; where more is left, the plan says from where the next round goes on.
///
/// The steps: what Redis says of both streams; a page of the channel's stream around and after the resume point; for
/// those entries whose twin may lie before the log, the global stream in a narrow window behind each (a producer's two
/// writes are usually a millisecond apart); for those still without a twin, the window that `producerSkewMs` allows.
///
/// A channel with more events within a few skews than a page holds, as a slow reader of a busy one meets it, is read from
/// the global stream itself, in its order: there nothing has to be paired, so a round may end anywhere.
public struct ReplayRound: Sendable {
    /// Something to ask Redis. Ranges include both ends. Of a reply to a range no more than `bytes` of this channel's
    /// events need be kept: what is beyond counts as not read.
    public enum Request: Equatable, Sendable {
        /// `XINFO STREAM` and `TIME`.
        case globalFacts
        /// `XINFO STREAM` of the channel's own stream.
        case channelFacts
        /// `XRANGE` of the channel's own stream.
        case channelEntries(from: StreamID, through: StreamID, count: Int, bytes: Int)
        /// `XRANGE` of the global stream.
        case globalEntries(from: StreamID, through: StreamID, count: Int, bytes: Int)
    }

    public enum Answer: Sendable {
        case facts(StreamFacts)
        /// Those entries that are events of this channel, ascending. Entries of others and malformed ones are left out.
        /// - Parameter last: the last ID that was read if the reply was full or its rest was not kept, that is, if there
        ///   may be more behind it.
        case entries([HistoryEntry], last: StreamID?)
    }

    public enum Step: Sendable {
        /// To be asked in one pipeline, and answered by ``receive(_:log:)`` in this order.
        case ask([Request])
        case plan(ReplayPlan)
    }

    /// A page: bytes of events wanted in one reply. Large enough for what a usual client has missed, small enough for many
    /// replays at once.
    public static let pageBytes = 64 * 1024
    /// Bytes of the global stream wanted in one reply when it is read itself: of other channels' events nothing is kept.
    static let scannedBytes = 1024 * 1024
    /// Windows of the global stream read in a round; each costs Redis a range query.
    var maximumWindows = 256
    /// How many milliseconds after its channel entry the narrow window looks for a twin.
    static let narrowMilliseconds: Int64 = 20
    /// All windows of a round together, in units of the skew: what bounds the reading of a busy global stream.
    var maximumSpanInSkews: UInt64 = 64

    let channel: Channel
    public let resume: ResumePoint
    let skew: Int64
    let exceptions: Exceptions
    /// The connection's own, where the round comes to nothing.
    let exceptionsBefore: Exceptions
    /// The log's floor when the round began: events at or below it come from Redis.
    let floor: StreamID
    /// How far the log had read when the client came.
    let arrival: StreamID
    /// Where a client goes on that claimed its ID before a break, if that is none of the stream that is there now; nil if there
    /// was no such break.
    public let common: StreamID?
    /// The clock of the global stream's server when the client came, or somewhat before.
    private(set) var serverTimeAtArrival: UInt64 = 0
    /// The global stream has IDs that its server's clock has not come to yet.
    private(set) var runsAhead = false
    /// How far the log had read when the round began.
    let readAtStart: StreamID
    /// This channel's events just above the floor when the round began: should the log let go of them meanwhile, they
    /// are still known as twins. Usually at most two pages of them.
    let snapshot: [(number: EventNumber, entry: HistoryEntry)]

    private let hasAllTwins: Bool
    /// The stream that the log reads is not, or not without a gap, the one that the resume point is a place in.
    let isBeforeBreak: Bool
    /// Another one than the resume point is a place in has taken its place.
    let isBeforeReplacement: Bool
    private let hasBroken: Bool

    private enum Phase {
        case facts
        case page
        case narrow
        case wide
        /// Reading the global stream itself.
        case scan
    }

    private var phase: Phase = .facts
    /// As Redis gave them after the last range: what was removed while the round went on counts as removed.
    private(set) var globalFacts = StreamFacts.missing()
    private(set) var channelFacts = StreamFacts.missing()
    /// The global stream's last ID before the page was read: the channel entries of events up to it were written then.
    private(set) var writtenAtStart = StreamID.zero
    private var pageCount = 0
    /// Bytes of the channel's events taken in one reply: twice what was asked for, since entries differ in size.
    private var pageLimit = 2 * pageBytes
    private(set) var page: [HistoryEntry] = []
    /// Entries of the channel's stream above this ID were not looked at in this round.
    private(set) var cut: StreamID?
    private(set) var found: [HistoryEntry] = []
    /// The global stream has an entry with the ID that the client brought, whatever its channel.
    private(set) var isClaimKnown = false
    /// The ID that the client brought lies in the future by the clock of Redis, and further than two servers' clocks may be
    /// apart: no primary whose clock is right has given it out.
    public var isClaimInFuture: Bool { resume.id.shifted(by: -skew).milliseconds > globalFacts.serverMilliseconds }
    /// The ID that the client brought is that of an entry of its channel's stream, and not of the global one.
    public private(set) var isChannelID = false
    private var windows: [(from: StreamID, through: StreamID)] = []

    /// - Parameters:
    ///   - skewMilliseconds: `producerSkewMs`, how far apart a producer's two writes may lie, either way.
    ///   - exceptions: the connection's, where it goes on from a settled place.
    ///   - arrival: how far the log had read when the client came; now, if nothing else is said.
    ///   - common: for an ID that was claimed before a break and lies above what the streams have in common
    ///     (``Break/mayRenew(_:)``): where to go on if it is none of the stream that is there now.
    ///   - keepsAllTwins: a round before this one came to nothing, because the log let go of more events than it had kept.
    public init(
        channel: Channel, resume: ResumePoint, exceptions: Exceptions = Exceptions(), skewMilliseconds: Int64,
        arrival: StreamID? = nil, common: StreamID? = nil, keepsAllTwins: Bool = false,
        log: borrowing EventLog
    ) {
        self.arrival = arrival ?? log.lastID
        self.common = common
        exceptionsBefore = exceptions
        // A claimed ID that counts behind a break says anew what was had.
        self.exceptions = common == nil ? exceptions : Exceptions()
        self.channel = channel
        self.resume = resume
        skew = skewMilliseconds
        floor = log.floor
        readAtStart = log.lastID
        snapshot = log.history(
            of: channel, after: log.floor, through: max(resume.id, log.floor).endShifted(by: 3 * skewMilliseconds),
            limit: keepsAllTwins ? .max : 2 * Self.pageBytes)
        hasAllTwins = keepsAllTwins || snapshot.reduce(0) { $0 + $1.entry.body.count } < 2 * Self.pageBytes
        isBeforeBreak = log.lastBreak.map { resume.id < $0.floor } ?? false
        isBeforeReplacement = log.lastBreak?.replacedBelow.map { resume.id < $0 } ?? false
        hasBroken = log.lastBreak != nil
    }

    /// The log let go of events that this round may have to know, and there were more of them than it has kept.
    func lacksTwins(log: borrowing EventLog) -> Bool {
        log.floor > floor && !hasAllTwins
    }

    public func start() -> Step { .ask([.globalFacts, .channelFacts]) }

    /// Takes the answers to what the last step asked. They are of the stream that the log was read from: that is for the
    /// caller to make sure of (``EventLog/mark``).
    public mutating func receive(_ answers: [Answer], log: borrowing EventLog) -> Step {
        switch phase {
        case .facts:
            take(facts: answers)
            writtenAtStart = writtenThrough
            let time = globalFacts.serverMilliseconds
            // Both are cut to whole milliseconds.
            runsAhead = writtenThrough.milliseconds > time
            serverTimeAtArrival = time - min(time, globalFacts.millisecondsSinceArrival + 1)
            pageCount = min(max(Self.pageBytes / max(channelFacts.sampleBytes, 256), 16), 2048)
            phase = .page
            return .ask(pageRequests)

        case .page:
            take(facts: Array(answers.suffix(2)))
            guard case .entries(let entries, let last)? = answers.first else { return .plan(resolve(log: log)) }
            if answers.count == 4, case .entries(let own, let last) = answers[1] {
                found = own
                isClaimKnown = last != nil
                isChannelID = entries.contains { $0.id == resume.id } && !own.contains { $0.id == resume.id }
            }
            // Where twins may still come, a round must not end: who was given what could not be handed on.
            if let last, last <= settledAtLeast || last.endShifted(by: 2 * skew) >= log.lastID, !isTrimmed(last) {
                if let place = placeToScan {
                    guard place < floor else { return .plan(planFromLog(log: log)) }
                    phase = .scan
                    return .ask(scanRequests(after: place))
                }
                if pageCount < Int.max / 4, pageLimit < Int.max / 4 {
                    pageCount *= 4
                    pageLimit *= 4
                    return .ask(pageRequests)
                }
            }
            page = entries
            cut = last
            phase = .narrow
            windows = narrowWindows()
            return askWindows(log: log)

        case .scan:
            if let facts = answers.last { take(facts: [facts]) }
            guard case .entries(let entries, let last)? = answers.first, let place = placeToScan else {
                // Trimmed meanwhile: what was removed can only be told by the channel's stream.
                return .plan(ReplayPlan(sends: [], next: .again(resume, exceptionsBefore)))
            }
            return .plan(scanned(entries, after: place, last: last, log: log))

        case .narrow, .wide:
            if let facts = answers.last { take(facts: [facts]) }
            var again: [(from: StreamID, through: StreamID)] = []
            for (window, answer) in zip(windows, answers) {
                guard case .entries(let entries, let last) = answer else { continue }
                found.append(contentsOf: entries)
                if let last, last < window.through { again.append((last.successor, window.through)) }
            }
            windows = again
            return askWindows(log: log)
        }
    }

    /// Facts come as the global stream's, or as both streams', the channel's second.
    private mutating func take(facts answers: [Answer]) {
        if case .facts(let facts)? = answers.first { globalFacts = facts }
        if answers.count == 2, case .facts(let facts) = answers[1] { channelFacts = facts }
    }

    /// Whether entries behind the resume point may have been removed from the global stream, or with the one before it.
    var isGlobalTrimmed: Bool { globalFacts.trimmed || isBeforeBreak }

    var isGlobalMissing: Bool { globalFacts.lastGenerated == .zero }

    /// How far the global stream was ever written, as far as is known: one that is gone does not say.
    var writtenThrough: StreamID { max(globalFacts.lastGenerated, hasBroken ? readAtStart : .zero) }

    // MARK: Scanning

    /// The resume point, if it is a place in the global stream and nothing behind it was removed from there.
    private var placeToScan: StreamID? {
        let id = resume.id
        guard !isGlobalTrimmed || globalFacts.first.map({ $0 <= id }) ?? false else { return nil }
        switch resume {
        case .settled: return id
        case .claimed: return found.contains { $0.id == id } ? id : nil
        }
    }

    private func scanRequests(after place: StreamID) -> [Request] {
        let count = min(max(Self.scannedBytes / max(globalFacts.sampleBytes, 256), 16), 4096)
        return [.globalEntries(from: place.successor, through: floor, count: count, bytes: pageLimit), .globalFacts]
    }

    /// Whether the channel's stream up to this ID, and what lies a skew around it, stands alone: all of the global
    /// stream's part was removed. There the channel's order counts, and a round may end anywhere.
    func isTrimmed(_ id: StreamID) -> Bool {
        guard case .settled(let place, _) = resume, id > place, let frontier else { return false }
        return id.endShifted(by: 2 * skew) < frontier
    }

    /// The page, whether a claimed ID is one of the global stream's own, and what was removed until then.
    private var pageRequests: [Request] {
        var requests = [
            Request.channelEntries(
                from: resume.id.shifted(by: -4 * skew), through: pageEnd, count: pageCount, bytes: pageLimit)
        ]
        if case .claimed(let id) = resume {
            requests.append(.globalEntries(from: id, through: id, count: 1, bytes: pageLimit))
        }
        return requests + [.globalFacts, .channelFacts]
    }

    /// Beyond it this round needs no channel entry: those of all twins up to the floor, or one skew behind the resume
    /// point, lie before it.
    var pageEnd: StreamID { max(resume.id, floor).endShifted(by: 2 * skew) }

    private mutating func askWindows(log: borrowing EventLog) -> Step {
        if windows.isEmpty, phase == .narrow {
            phase = .wide
            windows = wideWindows(log: log)
        }
        guard !windows.isEmpty else { return .plan(resolve(log: log)) }
        let count = min(max(Self.pageBytes / max(globalFacts.sampleBytes, 256), 16), 2048)
        return .ask(
            windows.map { .globalEntries(from: $0.from, through: $0.through, count: count, bytes: pageLimit) }
                + [.globalFacts])
    }

    // MARK: Windows

    /// Entries of the page with a body that stands there more than once: only the whole window can tell them apart.
    private var repeated: Set<BodyKey> {
        var seen = Set<BodyKey>()
        var repeated = Set<BodyKey>()
        for key in page.map({ BodyKey($0.body) }) where !seen.insert(key).inserted { repeated.insert(key) }
        return repeated
    }

    private mutating func narrowWindows() -> [(from: StreamID, through: StreamID)] {
        let lowest = resume.id.shifted(by: -2 * skew)
        var joined = WindowList(floor: floor, first: globalFacts.first)
        for entry in page where entry.id >= lowest {
            joined.add(from: entry.id.shifted(by: 0), through: narrowEnd(entry.id))
            if joined.windows.count > maximumWindows, entry.id > settledAtLeast {
                limit(to: entry.id)
                break
            }
        }
        return joined.windows
    }

    private func narrowEnd(_ channelID: StreamID) -> StreamID {
        channelID.endShifted(by: min(Self.narrowMilliseconds, skew))
    }

    private mutating func wideWindows(log: borrowing EventLog) -> [(from: StreamID, through: StreamID)] {
        let lowest = resume.id.shifted(by: -2 * skew)
        let repeated = repeated
        // A partner outside the narrow window, or one whose own channel entry may not have been seen, may be another
        // event's: its own may lie before it, in what was not read.
        let certain = Set(
            paired(log: log).compactMap { item -> StreamID? in
                guard let channelID = item.channelID, let globalID = item.globalID,
                    globalID >= channelID.shifted(by: 0), globalID <= narrowEnd(channelID),
                    !mayLackChannel(globalID)
                else { return nil }
                return channelID
            })
        let span = UInt64(max(skew, 1)) * maximumSpanInSkews
        var joined = WindowList(floor: floor, first: globalFacts.first)
        for entry in page {
            if let cut, entry.id > cut { break }
            guard repeated.contains(BodyKey(entry.body)) || (entry.id >= lowest && !certain.contains(entry.id)) else {
                continue
            }
            joined.add(from: entry.id.shifted(by: -skew), through: entry.id.endShifted(by: skew))
            if joined.span > span, entry.id > settledAtLeast {
                limit(to: entry.id)
                break
            }
        }
        return joined.windows
    }

    /// No round may end before this: up to one skew behind the resume point it matters which channel entries a client
    /// that brought a channel ID has had, and what is left open at a cut reaches back by one more on either side. The two milliseconds make
    /// each round get on even where the skew is 0.
    private var settledAtLeast: StreamID { resume.id.endShifted(by: 4 * skew + 2) }

    /// Leaves the entries from `id` on to a later round.
    private mutating func limit(to id: StreamID) {
        cut = min(cut ?? .max, id.predecessor)
    }

    /// All that is known of this channel in the global stream near what this round covers: ascending, each once.
    private func knownGlobal(log: borrowing EventLog) -> [(number: EventNumber?, entry: HistoryEntry)] {
        var known: [StreamID: (number: EventNumber?, entry: HistoryEntry)] = [:]
        // What was found and then removed counts as removed: the next round would see it so.
        let frontier = frontier ?? .zero
        for entry in found where entry.id >= frontier { known[entry.id] = (nil, entry) }
        for (number, entry) in snapshot { known[entry.id] = (number, entry) }
        let through = max(resume.id, floor).endShifted(by: 3 * skew)
        // Below the resume point the log serves too, where it reaches so far.
        let after = max(log.reach, resume.id.shifted(by: -6 * skew).predecessor)
        for (number, entry) in log.history(of: channel, after: min(after, through), through: through) {
            known[entry.id] = (number, entry)
        }
        return known.values.sorted { $0.entry.id < $1.entry.id }
    }

    /// The events of what this round covers, without an order.
    func paired(log: borrowing EventLog) -> [TwinPairing.Item] {
        let covered = cut ?? pageEnd
        let channel = page.prefix { $0.id <= covered }
        // Among equal events near the frontier a gap counts as a removal even where it may be a delay, which passes:
        // every round must pair them alike.
        let removedThrough = frontier.map { $0.endShifted(by: skew) }
        return TwinPairing.pair(
            channel: Array(channel), global: knownGlobal(log: log), skew: skew,
            mayLackGlobal: { $0 > removedThrough ?? .zero && mayStillCome($0, log: log) },
            mayLackChannel: mayLackChannel,
            removedThrough: removedThrough)
    }

    /// Whether the channel entry of an entry of the global stream may lie beyond what this round looks at, or have been
    /// written after the page was read.
    private func mayLackChannel(_ globalID: StreamID) -> Bool {
        globalID.endShifted(by: skew) > cut ?? pageEnd || globalID > writtenAtStart
    }

    /// Whether the twin of a channel entry may not have been read, or not even written, yet.
    func mayStillCome(_ channelID: StreamID, log: borrowing EventLog) -> Bool {
        // What came and went again while the round was under way was never seen.
        guard log.floor <= readAtStart else { return channelID.endShifted(by: skew) >= readAtStart }
        let read = log.lastID.milliseconds
        // When the log has all there was, nothing with an earlier time than the server's can come any more.
        let settled = globalFacts.lastGenerated <= log.lastID ? max(globalFacts.serverMilliseconds, read) : read
        return channelID.endShifted(by: skew).milliseconds >= settled
    }
}
