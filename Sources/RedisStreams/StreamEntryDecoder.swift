public import EventLog

/// Takes the entries out of an answer to `XREAD` of one stream, or to `XRANGE` or `XREVRANGE`, while it is still arriving:
/// a reply of a thousand large events never stands in memory whole. The entries are read where the socket has put them.
public struct StreamEntryDecoder {
    /// What the entries are wrapped in.
    public enum Shape: Sendable {
        /// A list of streams, of which there is one.
        case xread
        /// The bare list of entries.
        case range
    }

    public enum Event {
        /// More bytes are needed; the entries so far were handed out.
        case needMore
        /// - Parameter data: the first field named `data`, nil if there is none; valid until the next call.
        case entry(id: StreamID, data: UnsafeRawBufferPointer?)
        /// The reply is complete.
        case end
        /// Nothing came within the block time.
        case empty
        /// Redis answered with this error.
        case error(String)
        /// Not an answer to the command: a sentence.
        case protocolError(String)
    }

    private enum Phase: Equatable {
        case head
        case entries(left: Int)
    }

    /// The entry that is arriving: what was looked at already need not be looked at again.
    private struct Arriving {
        /// How far it was read, from its beginning.
        var position = 0
        var id = StreamID.zero
        /// Names and values that are still to come; nil as long as their number is not known.
        var fieldsLeft: Int?
        var data: Range<Int>?
    }

    static let dataField = Array("data".utf8)

    /// Entries of this reply that were not handed out yet; 0 behind its last one.
    public var entriesLeft: Int {
        switch phase {
        case .head: 0
        case .entries(let left): left
        }
    }

    private var phase = Phase.head
    private var arriving = Arriving()
    private let shape: Shape

    public init(_ shape: Shape = .xread) { self.shape = shape }

    /// For sentences.
    private var command: String {
        switch shape {
        case .xread: "XREAD"
        case .range: "a range query"
        }
    }

    /// The next event. After ``Event/needMore`` call it again when the reader was fed.
    public mutating func next(_ reader: ReplyReader) -> Event {
        let bytes = reader.beginInPlace()
        var taken = 0
        let event = next(bytes, &taken)
        reader.drop(taken)
        switch event {
        case .protocolError(let text): reader.fail(text)
        case .end, .empty, .error: reader.trim()
        case .needMore, .entry: break
        }
        return event
    }

    /// The next event in `bytes` from `taken` on, which is moved behind what is no longer needed.
    @inline(__always)
    mutating func next(_ bytes: UnsafeRawBufferPointer?, _ taken: inout Int) -> Event {
        guard let bytes else { return .protocolError("Redis sent something that is no reply before") }
        do throws(EntryParser.Stop) {
            if case .entries(let left) = phase, left > 0 { return try entry(bytes, &taken, left) }
            return try headOrEnd(bytes, &taken)
        } catch {
            switch error {
            case .needMore: return .needMore
            case .noReply(let text): return .protocolError("Redis sent something that is no reply: \(text)")
            case .stranger:
                return .protocolError("Redis answered \(command) with something else than a stream's entries")
            }
        }
    }

    /// `*1 *2 <stream> *n` or `*n`, a null or an error; and the end behind the last entry, for which nothing stands.
    private mutating func headOrEnd(
        _ bytes: UnsafeRawBufferPointer, _ taken: inout Int
    ) throws(EntryParser.Stop) -> Event {
        if case .entries = phase {
            phase = .head
            return .end
        }
        var parser = EntryParser(bytes, at: taken)
        switch parser.next {
        case nil: throw .needMore
        case UInt8(ascii: "-"):
            let text = try parser.error()
            taken = parser.position
            return .error(text)
        case UInt8(ascii: "$"):
            guard try parser.string() == nil else { throw .stranger }
            taken = parser.position
            return .empty
        default:
            break
        }
        guard let outer = try parser.array() else {
            taken = parser.position
            return .empty
        }
        var count = outer
        if shape == .xread {
            guard outer == 1 else { throw .stranger }
            guard try parser.array() == 2, try parser.string() != nil, let entries = try parser.array() else {
                throw .stranger
            }
            count = entries
        }
        taken = parser.position
        phase = .entries(left: count)
        arriving = Arriving()
        return count > 0 ? try entry(bytes, &taken, count) : try headOrEnd(bytes, &taken)
    }

    /// `*2 <id> *2k <name> <value> …`
    @inline(__always)
    private mutating func entry(
        _ bytes: UnsafeRawBufferPointer, _ taken: inout Int, _ left: Int
    ) throws(EntryParser.Stop) -> Event {
        let start = taken
        var parser = EntryParser(bytes, at: start + arriving.position)
        if arriving.fieldsLeft == nil {
            guard try parser.array() == 2, let place = try parser.string(),
                let id = StreamID(text: UnsafeRawBufferPointer(rebasing: bytes[place]))
            else { throw .stranger }
            arriving.id = id
            arriving.fieldsLeft = try parser.array() ?? 0
            arriving.position = parser.position - start
        }
        while let fields = arriving.fieldsLeft, fields > 0 {
            let name = try parser.string()
            if fields > 1 {
                let value = try parser.string()
                if arriving.data == nil, let name, let value, isData(bytes, name) {
                    arriving.data = (value.lowerBound - start)..<(value.upperBound - start)
                }
            }
            arriving.fieldsLeft = max(fields - 2, 0)
            arriving.position = parser.position - start
        }
        taken = parser.position
        phase = .entries(left: left - 1)
        let found = arriving
        arriving = Arriving()
        let data = found.data.map {
            UnsafeRawBufferPointer(rebasing: bytes[start + $0.lowerBound..<start + $0.upperBound])
        }
        return .entry(id: found.id, data: data)
    }

    @inline(__always)
    private func isData(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>) -> Bool {
        guard name.count == 4 else { return false }
        let word = bytes.loadUnaligned(fromByteOffset: name.lowerBound, as: UInt32.self)
        // "data"
        return UInt32(littleEndian: word) == 0x6174_6164
    }
}
