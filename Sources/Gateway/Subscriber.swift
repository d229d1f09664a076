import EventLog
import EventLoop
import WebSocket

/// A connection that receives a channel's events: a cursor into the log, and the session that they are sent on.
///
/// Confined to its loop's thread; owned by its connection, listed by its channel.
final class Subscriber {
    /// Where the subscriber stands: everything before was handed to its socket, everything behind is still owed.
    enum Position {
        /// It has had all there is in the log. The usual place; costs nothing until its channel has an event.
        case live
        /// It has had everything up to the event with this number; the ID is that place in the global order, for when
        /// the log moves past it.
        case log(EventNumber, StreamID)
        /// What it is owed has to be read from Redis first.
        indirect case history(ResumePoint)
        /// It is being given what a round of reading from Redis found.
        indirect case replaying(Replay)
    }

    // In an order that leaves no gaps: there may be very many of them. `IdleMemoryTests` counts the bytes.

    unowned let connection: Connection
    let members: ChannelMembers
    var position: Position = .live
    /// A round of reading is queued or under way.
    var isWaitingForHistory = false
    /// It fell behind while connected: should something be gone for good, it must be told, by being closed.
    var hasFallenBehind = false

    /// Whether it was there when the log broke, and is not up to date since: it has asked for no gap.
    var isCrossingBreak = false
    /// Its last round came to nothing, because the log let go of more events than it had kept.
    var needsAllTwins = false
    /// What it is being given now was counted as a replay.
    var isReplayCounted = false
    /// It is in its channel no more: nothing further is sent to it.
    var hasLeft = false
    private let endsByAge: Bool
    let encoding: Encoding
    var session: Session
    private var storedIndex: Int32 = -1

    /// How far the log had read when it came.
    var arrival: StreamID
    let arrivedAt: MonotonicTime
    private let endsAt: MonotonicTime
    /// The log's last event when it came: what is up to here it has missed. 0 once it is up to date.
    var missedThrough: EventNumber = 0
    private var particulars: Particulars?

    /// Its place in the channel's list.
    var memberIndex: Int {
        get { Int(storedIndex) }
        set { storedIndex = Int32(truncatingIfNeeded: newValue) }
    }

    var channel: Channel { members.channel }
    var lifetime: Lifetime { Lifetime(end: endsAt, isByAge: endsByAge) }
    var isLagging: Bool {
        switch position {
        case .live: false
        case .log, .history, .replaying: true
        }
    }

    init(
        connection: Connection, members: ChannelMembers, encoding: Encoding, session: Session, arrival: StreamID,
        arrivedAt: MonotonicTime, lifetime: Lifetime
    ) {
        self.arrivedAt = arrivedAt
        self.arrival = arrival
        self.connection = connection
        self.members = members
        self.session = session
        self.encoding = encoding
        endsAt = lifetime.end
        endsByAge = lifetime.isByAge
    }
}

// MARK: What few have

extension Subscriber {
    /// The ID that it brought, as long as it is none that this gateway knows. It may be of a stream that the gateway has not
    /// come to yet: where another primary takes over, another gateway may have been told of it sooner, and given the client
    /// that one's events. What the ID means is looked up behind each break that it lies above.
    struct Claim: Equatable {
        let id: StreamID
        /// Where the subscriber goes on if the ID means nothing behind the last break; nil where it was looked up since, or
        /// there was none.
        private(set) var common: StreamID?

        /// There was a break that it lies above.
        mutating func isToBeLookedUp(orElse common: StreamID) { self.common = min(self.common ?? .max, common) }

        /// What is to be looked up before the subscriber goes on from this place; nil: nothing.
        mutating func look(from place: StreamID) -> ResumePoint? {
            guard let common else { return nil }
            self.common = min(common, place)
            return .claimed(id)
        }

        mutating func wasLookedUp() { common = nil }
    }
}

extension Subscriber {
    /// Made when the first of these is more than nothing, let go of when all are nothing again.
    private final class Particulars {
        var exceptions = Exceptions()
        var gaps = GapNotices.unwanted
        var knownGap: ReplayPlan.Gap.Extent?
        var claim: Claim?
        var drainAt: MonotonicTime?
        var decoder: FrameDecoder?
        var owedPong: [UInt8]?
        var uninvitedBytes = 0
        var givenRequestID: [UInt8]?
        var poll: Poll?

        var isNothing: Bool {
            exceptions.isEmpty && gaps == .unwanted && knownGap == nil && claim == nil && drainAt == nil
                && decoder == nil && owedPong == nil && uninvitedBytes == 0 && givenRequestID == nil && poll == nil
        }
    }

    private func particular(isNothing: Bool, _ change: (Particulars) -> Void) {
        if particulars == nil {
            if isNothing { return }
            particulars = Particulars()
        }
        guard let particulars else { return }
        change(particulars)
        if isNothing, particulars.isNothing { self.particulars = nil }
    }

    /// Asked with each event.
    var hasExceptions: Bool {
        guard let particulars else { return false }
        return !particulars.exceptions.isEmpty
    }

    /// Events behind its cursor that it must not be given.
    var exceptions: Exceptions {
        get { particulars?.exceptions ?? Exceptions() }
        set { particular(isNothing: newValue.isEmpty) { $0.exceptions = newValue } }
    }

    /// What it is told of gaps.
    var gaps: GapNotices {
        get { particulars?.gaps ?? .unwanted }
        set { particular(isNothing: newValue == .unwanted) { $0.gaps = newValue } }
    }

    /// What may be missing of its channel's stream, as far as that was dealt with; nil once it is up to date.
    var knownGap: ReplayPlan.Gap.Extent? {
        get { particulars?.knownGap }
        set { particular(isNothing: newValue == nil) { $0.knownGap = newValue } }
    }

    /// Whether it misses anything by a gap: a poll that brings no ID asks for what there is.
    var mindsGaps: Bool { poll?.after != .zero }

    /// Whether it is told of the gap by being closed. One that there may be because another stream has taken the place of the one
    /// it was up to date with is told to those who want to know.
    func mustEnd(by gap: ReplayPlan.Gap) -> Bool {
        switch gap.cause {
        case .trimmed: hasFallenBehind || isCrossingBreak
        case .replaced: hasFallenBehind
        case .hole: false
        }
    }

    /// The ID that it brought, where that is none that is known.
    var claim: Claim? {
        get { particulars?.claim }
        set { particular(isNothing: newValue == nil) { $0.claim = newValue } }
    }

    /// What its claim is to be looked up by before it goes on from this point; nil: nothing.
    func lookUp(from point: ResumePoint) -> ResumePoint? {
        guard case .settled(let place, _) = point else { return nil }
        return claim?.look(from: place)
    }

    /// When it is told that the gateway is going, once that is so.
    var drainAt: MonotonicTime? {
        get { particulars?.drainAt }
        set { particular(isNothing: newValue == nil) { $0.drainAt = newValue } }
    }

    /// What has come of a WebSocket's frame or message that is not complete; nil between messages.
    var decoder: FrameDecoder? {
        get { particulars?.decoder }
        set { particular(isNothing: newValue == nil) { $0.decoder = newValue } }
    }

    /// The answer to the last ping that came while the socket was blocked (RFC 6455 section 5.5.3 lets older ones go).
    var owedPong: [UInt8]? {
        get { particulars?.owedPong }
        set { particular(isNothing: newValue == nil) { $0.owedPong = newValue } }
    }

    /// The `X-Request-ID` that it came with, if that was a good one.
    var givenRequestID: [UInt8]? {
        get { particulars?.givenRequestID }
        set { particular(isNothing: newValue == nil) { $0.givenRequestID = newValue } }
    }

    /// What a poll collects; nil for other sessions.
    var poll: Poll? {
        get { particulars?.poll }
        set { particular(isNothing: newValue == nil) { $0.poll = newValue } }
    }

    /// Bytes that came from an event stream's client, which has nothing to say.
    var uninvitedBytes: Int {
        get { particulars?.uninvitedBytes ?? 0 }
        set { particular(isNothing: newValue == 0) { $0.uninvitedBytes = newValue } }
    }
}
