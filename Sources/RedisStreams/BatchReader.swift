public import EventLog

/// Makes batches of the answers to `XREAD` of one stream: each entry is looked at once, where the socket has put it, and
/// copied once, to where clients are sent it from.
///
/// Confined to one thread.
public struct BatchReader: ~Copyable {
    /// What it came to.
    public enum Stop {
        /// More bytes are needed.
        case needMore
        /// The batch has reached its limit; there may be more at once.
        case full
        /// An entry that is no event: a half-sentence says why. There may be more at once.
        case skipped(StreamID, String)
        /// The reply is complete.
        case end
        /// Nothing came within the block time.
        case empty
        /// Redis answered with this error.
        case error(String)
        /// Not an answer to `XREAD`: a sentence.
        case protocolError(String)
    }

    /// Entries in a row, skipped ones included.
    public struct Stretch: Equatable, Sendable {
        public var count: Int
        public var first: StreamID
        public var last: StreamID
    }

    private var decoder = StreamEntryDecoder(.xread)
    private var stretch: Stretch?
    /// The last entry of the reply, or of the batch that has reached its limit: until ``takeNewest()``.
    private var newest: (id: StreamID, data: [UInt8]?)?

    public init() {}

    /// What was read since it was asked last; nil if nothing was.
    public mutating func takeStretch() -> Stretch? {
        defer { stretch = nil }
        return stretch
    }

    /// The reply's last entry, once that was read, or the last before what was passed over; its data are nil if it has none.
    public mutating func takeNewest() -> (id: StreamID, data: [UInt8]?)? {
        defer { newest = nil }
        return newest
    }

    /// Forgets the reply that was arriving: the next bytes are another connection's.
    public mutating func reset() {
        decoder = StreamEntryDecoder(.xread)
        stretch = nil
        newest = nil
    }

    /// Appends what is there to the batch.
    /// - Parameter limit: bytes of a batch after which nothing is added to it.
    public mutating func read(_ reader: ReplyReader, into batch: inout BatchBuilder, limit: Int) -> Stop {
        let bytes = reader.beginInPlace()
        var taken = 0
        let stop = read(bytes, &taken, into: &batch, limit: limit)
        Self.leave(reader, taken: taken, stop)
        return stop
    }

    /// Passes over what is there of the rest of a reply: none of it counts as read.
    public mutating func passOver(_ reader: ReplyReader) -> Stop {
        let bytes = reader.beginInPlace()
        var taken = 0
        let stop = passOver(bytes, &taken)
        Self.leave(reader, taken: taken, stop)
        return stop
    }

    private static func leave(_ reader: ReplyReader, taken: Int, _ stop: Stop) {
        reader.drop(taken)
        switch stop {
        case .protocolError(let text): reader.fail(text)
        case .end, .empty, .error: reader.trim()
        case .needMore, .full, .skipped: break
        }
    }

    private mutating func passOver(_ bytes: UnsafeRawBufferPointer?, _ taken: inout Int) -> Stop {
        while true {
            switch decoder.next(bytes, &taken) {
            case .needMore: return .needMore
            case .entry: continue
            case .end: return .end
            case .empty: return .empty
            case .error(let text): return .error(text)
            case .protocolError(let text): return .protocolError(text)
            }
        }
    }

    private mutating func read(
        _ bytes: UnsafeRawBufferPointer?, _ taken: inout Int, into batch: inout BatchBuilder, limit: Int
    ) -> Stop {
        while batch.byteCount < limit {
            switch decoder.next(bytes, &taken) {
            case .needMore: return .needMore
            case .entry(let id, let data):
                note(id)
                if decoder.entriesLeft == 0 { newest = (id, data.map { [UInt8]($0) }) }
                guard let data else { return .skipped(id, "it has no field \"data\"") }
                if let malformation = append(id, data, to: &batch, limit: limit) {
                    return .skipped(id, malformation.description)
                }
                if batch.byteCount >= limit { newest = (id, [UInt8](data)) }
            case .end: return .end
            case .empty: return .empty
            case .error(let text): return .error(text)
            case .protocolError(let text): return .protocolError(text)
            }
        }
        return .full
    }

    @inline(__always)
    private mutating func note(_ id: StreamID) {
        if stretch == nil { stretch = Stretch(count: 0, first: id, last: id) }
        stretch?.count += 1
        stretch?.last = id
    }

    @inline(__always)
    private func append(
        _ id: StreamID, _ data: UnsafeRawBufferPointer, to batch: inout BatchBuilder, limit: Int
    ) -> EventJSON.Malformation? {
        switch EventJSON.scan(data) {
        case .event(let range):
            if batch.isEmpty {
                // As if the others were as long as this one.
                let bytes = data.count + BatchBuilder.bytesAround
                let events = min(decoder.entriesLeft + 1, limit / bytes + 1)
                batch.reserve(events: events, bytes: events * bytes)
            }
            batch.append(id: id, data: data, channel: .data(range))
        case .eventEscaped(let name):
            name.withUnsafeBytes { batch.append(id: id, data: data, channel: .decoded($0)) }
        case .malformed(let malformation):
            return malformation
        }
        return nil
    }
}
