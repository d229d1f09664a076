/// Events beyond a connection's cursor that it must not be given (again): the small remainder that a position in the
/// global stream cannot express. Nearly always there are none.
public struct Exceptions: Equatable, Sendable {
    /// An event that the client had under its channel ID before its twin in the global stream was seen.
    public struct AwaitedTwin: Equatable, Sendable {
        public var body: [UInt8]
        /// Up to this ID the global stream was known when the twin was missed: an equal event there is another one.
        public var after: StreamID
        /// Past this ID of the global stream the twin will not come any more.
        public var until: StreamID
    }

    /// IDs in the global stream of events that were had, ascending.
    public var ids: [StreamID] = []
    public var awaited: [AwaitedTwin] = []
    /// Events up to this ID were had, though this log has not read so far (rule 4).
    public var skipThrough: StreamID?
    /// The same of an ID of which nothing tells what it is the ID of: only what lies more than a skew before it was had
    /// for sure, and only what was removed from the global stream is judged by it.
    public var doubtfulThrough: StreamID?
    /// Events that the channel's stream alone has, up to this ID of it: another primary has lost their entries in the global
    /// stream, which the connection was given, or they never had one, as after a producer's death.
    public private(set) var orphansThrough: StreamID?

    public init() {}

    public var isEmpty: Bool { concernsNoEntry && orphansThrough == nil }

    /// Whether no entry of the global stream is one of them.
    var concernsNoEntry: Bool { ids.isEmpty && awaited.isEmpty && skipThrough == nil && doubtfulThrough == nil }

    /// The connection has had all events up to this ID of a stream that another has taken the place of.
    public mutating func hadOfStreamBefore(through id: StreamID) { orphansThrough = max(id, orphansThrough ?? .zero) }

    /// Whether this event of the connection's channel is to be passed over. Each awaited twin counts once.
    public mutating func skips(in batch: Batch, at index: Int) -> Bool {
        skips(batch.entries[index].id, body: batch.body(index))
    }

    mutating func skips(_ id: StreamID, body: UnsafeRawBufferPointer) -> Bool {
        if let skipThrough, id <= skipThrough { return true }
        if ids.contains(id) { return true }
        guard !awaited.isEmpty else { return false }
        let match = awaited.firstIndex { twin in
            id > twin.after && id <= twin.until && twin.body.withUnsafeBytes { bytesEqual($0, body) }
        }
        guard let match else { return false }
        awaited.remove(at: match)
        return true
    }

    /// Drops what is said of IDs above this one: they mean something else from now on. An awaited twin may still come, and what
    /// was had of a stream before stays had.
    public mutating func keep(through common: StreamID) {
        ids.removeAll { $0 > common }
        for index in awaited.indices { awaited[index].after = min(awaited[index].after, common) }
        skipThrough = skipThrough.map { min($0, common) }
        doubtfulThrough = doubtfulThrough.map { min($0, common) }
    }

    /// Drops what can no longer apply to a connection that has been given everything up to `place`.
    public mutating func prune(through place: StreamID) {
        ids.removeAll { $0 <= place }
        awaited.removeAll { $0.until <= place }
        if let through = skipThrough, place >= through { skipThrough = nil }
        if let through = doubtfulThrough, place >= through { doubtfulThrough = nil }
        if let through = orphansThrough, place >= through { orphansThrough = nil }
    }
}
