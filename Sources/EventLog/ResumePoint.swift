/// From where on a connection is owed its channel's events.
public enum ResumePoint: Equatable, Sendable {
    /// The ID a client brought: perhaps an ID of the global stream, of its channel's stream, of another channel, or
    /// just a point in time.
    case claimed(StreamID)
    /// A place in the order of the global stream that this process knows to be one: everything up to it is dealt with.
    /// - Parameter frontier: ``ReplayRound``'s when the place was taken, nil for a place in the log. While it has not
    ///   moved, events that have only a channel ID stand where they stood then.
    case settled(StreamID, frontier: StreamID?)

    /// The ID itself.
    public var id: StreamID {
        switch self {
        case .claimed(let id): id
        case .settled(let id, _): id
        }
    }
}

/// What Redis says about one of the streams (`XINFO STREAM`).
public struct StreamFacts: Equatable, Sendable {
    /// The highest ID ever given out; zero for a stream that does not exist.
    public var lastGenerated: StreamID
    /// The oldest entry that is still there; nil when there is none.
    public var first: StreamID?
    /// Whether entries may have been removed. Redis before 7 does not say: then true.
    public var trimmed: Bool
    /// Bytes of an entry, taken from the first or last one, 0 when there is none.
    public var sampleBytes: Int
    /// The clock of the global stream's server (`TIME`), in milliseconds, read at the latest when the rest was: ask for
    /// it first, or something written in between looks as if it were in the past.
    public var serverMilliseconds: UInt64
    /// How long ago the client came, when this was received. What lies between Redis' look at its clock and that makes the
    /// server's clock at the arrival, as it is reckoned from the two, too early: never too late.
    public var millisecondsSinceArrival: UInt64 = 0

    public init(
        lastGenerated: StreamID, first: StreamID?, trimmed: Bool, sampleBytes: Int = 0, serverMilliseconds: UInt64 = 0
    ) {
        self.lastGenerated = lastGenerated
        self.first = first
        self.trimmed = trimmed
        self.sampleBytes = sampleBytes
        self.serverMilliseconds = serverMilliseconds
    }

    /// Whether entries behind this ID may have been removed: sometimes a false alarm, never a missed one.
    func hasLost(behind id: StreamID) -> Bool {
        guard trimmed else { return false }
        if let first { return id < first }
        // Nothing is left. Of a stream that is gone nobody knows how far it went.
        return lastGenerated == .zero ? id > .zero : id < lastGenerated
    }

    /// A stream that does not exist: never written, or deleted with all it held.
    public static func missing(serverMilliseconds: UInt64 = 0) -> StreamFacts {
        StreamFacts(lastGenerated: .zero, first: nil, trimmed: true, serverMilliseconds: serverMilliseconds)
    }
}

extension StreamID {
    /// The first ID of the millisecond that lies `milliseconds` away, saturating at either end.
    func shifted(by milliseconds: Int64) -> StreamID {
        let moved =
            milliseconds < 0
            ? self.milliseconds.subtractingReportingOverflow(milliseconds.magnitude)
            : self.milliseconds.addingReportingOverflow(milliseconds.magnitude)
        if moved.overflow { return milliseconds < 0 ? .zero : .max }
        return StreamID(milliseconds: moved.partialValue, sequence: 0)
    }

    /// The last ID of the millisecond that lies `milliseconds` later.
    func endShifted(by milliseconds: Int64) -> StreamID {
        let moved = shifted(by: milliseconds)
        return StreamID(milliseconds: moved.milliseconds, sequence: .max)
    }
}
