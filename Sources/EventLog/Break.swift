/// Where the global stream, as it was read, does not go on without a gap: entries were removed before they were read, or
/// another stream has taken its place (it was deleted, or another primary took over).
///
/// It takes a number like an event. A cursor before it is given what the log holds up to there, and then goes on from
/// ``common`` by the rules for a place that is known: what the log behind the break does not reach is looked for in Redis.
public struct Break: Equatable, Sendable {
    public let number: EventNumber
    /// IDs up to this one mean behind the break what they meant before it.
    public let common: StreamID
    /// The log behind the break has every event of the global stream above this ID. Not below ``common``.
    public let floor: StreamID
    /// Whether IDs above ``common`` may be given out once more. If not, they go on ascending, and all of them keep what they
    /// mean.
    public let renewsIDs: Bool
    /// How far the stream had been read.
    let readThrough: StreamID
    /// Below this ID the last stream that took another's place is not known: that one's channels' streams may have gone with it.
    let replacedBelow: StreamID?
    /// The least ``common`` of all breaks before this one, and the number of the last of those.
    let before: (common: StreamID, number: EventNumber)?

    /// - Parameters:
    ///   - lastID: how far the stream had been read.
    ///   - isHole: entries were removed, and nothing else.
    ///   - previous: the break before.
    ///   - index: the reader's, of which it takes the next number.
    public init(
        common: StreamID, floor: StreamID, lastID: StreamID, isHole: Bool, after previous: Break?,
        index: inout BucketIndex
    ) {
        number = index.skip()
        renewsIDs = common < lastID
        readThrough = lastID
        self.common = common
        self.floor = max(floor, common)
        replacedBelow = isHole ? previous?.replacedBelow : max(floor, common)
        before = previous.map { (min($0.common, $0.before?.common ?? .max), $0.number) }
    }

    /// Whether this ID, which a client brought before, may be of the stream that is read now: another gateway may have gone on
    /// to it sooner.
    public func mayRenew(_ id: StreamID) -> Bool { renewsIDs && id > common }

    /// Whether the ID of a place in the log, which a cursor with this number has, means the same behind the break.
    func keepsMeaning(of place: StreamID, at cursor: EventNumber) -> Bool {
        // Of what was read above `common` some is gone with the log.
        guard !renewsIDs, place <= common else { return false }
        guard let before, cursor < before.number else { return true }
        return place <= before.common
    }

    public static func == (a: Break, b: Break) -> Bool {
        a.number == b.number && a.common == b.common && a.floor == b.floor
    }
}

extension EventLog {
    /// What a cursor can be given next.
    public enum Outlook: Equatable, Sendable {
        /// Its channel's events in memory with numbers above it, up to this one.
        case held(through: EventNumber)
        /// What comes next is told by this place alone: it has to be read from Redis, but for what the log has behind the break.
        /// - Parameter hadBefore: how far a stream was had that another has taken the place of, if all of it was, and its IDs
        ///   above the place may mean something else now.
        case elsewhere(StreamID, hadBefore: StreamID? = nil)
        /// What comes next is gone for good: it lay before a break, and neither the log nor Redis has it.
        case gone
    }

    /// - Parameters:
    ///   - cursor: everything up to this number was given.
    ///   - place: the ID that the cursor stands for.
    public func outlook(after cursor: EventNumber, at place: StreamID) -> Outlook {
        guard let lastBreak, cursor < lastBreak.number else {
            return cursor < heldNumber ? .elsewhere(place) : .held(through: lastNumber)
        }
        if cursor + 1 == lastBreak.number {
            return .elsewhere(lastBreak.common, hadBefore: lastBreak.renewsIDs ? lastBreak.readThrough : nil)
        }
        // Between two breaks in memory; what lies before the first is told by its place, if by anything.
        if cursor >= max(heldNumber, lastBreak.before?.number ?? 0) { return .held(through: lastBreak.number - 1) }
        return lastBreak.keepsMeaning(of: place, at: cursor) ? .elsewhere(place) : .gone
    }
}
