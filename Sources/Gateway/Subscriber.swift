import EventLog
import EventLoop

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
        case history(ResumePoint)
        /// It is being given what a round of reading from Redis found.
        case replaying(Replay)
    }

    unowned let connection: Connection
    let members: ChannelMembers
    var memberIndex = -1
    var position: Position = .live
    var exceptions = Exceptions()
    /// How far the log had read when it came.
    var arrival: StreamID
    let arrivedAt: MonotonicTime
    /// A round of reading is queued or under way.
    var isWaitingForHistory = false
    /// It fell behind while connected: should something be gone for good, it must be told, by being closed.
    var hasFallenBehind = false

    /// Whether it was up to date when the log broke: it has asked for no gap either.
    var isCrossingBreak = false
    /// What lay before this entry of its channel's stream, or the whole of it, is known to be missing.
    var gapKnownThrough: StreamID?
    /// Its last round came to nothing, because the log let go of more events than it had kept.
    var needsAllTwins = false

    /// The log's last event when it came: what is up to here it has missed. 0 once it is up to date.
    var missedThrough: EventNumber = 0
    /// The `X-Request-ID` that it came with, if that was a good one.
    var givenRequestID: [UInt8]?
    /// What it is being given now was counted as a replay.
    var isReplayCounted = false

    let session: Session
    var gaps = GapNotices.unwanted
    /// When its token is no longer good, leeway included.
    let expiresAt: MonotonicTime
    /// When it is told that the gateway is going, once that is so.
    var drainAt: MonotonicTime?
    /// It is in its channel no more: nothing further is sent to it.
    var hasLeft = false

    var channel: Channel { members.channel }
    var encoding: Encoding { session.encoding }

    var isLagging: Bool {
        switch position {
        case .live: false
        case .log, .history, .replaying: true
        }
    }

    init(
        connection: Connection, members: ChannelMembers, session: Session, arrival: StreamID, arrivedAt: MonotonicTime,
        expiresAt: MonotonicTime
    ) {
        self.arrivedAt = arrivedAt
        self.arrival = arrival
        self.connection = connection
        self.members = members
        self.session = session
        self.expiresAt = expiresAt
    }
}
