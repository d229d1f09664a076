public import EventLog

/// Takes the entries out of an answer to `XREAD` of one stream, or to `XRANGE` or `XREVRANGE`, while it is still arriving:
/// a reply of a thousand large events never stands in memory whole.
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

    static let dataField = Array("data".utf8)

    /// Entries of this reply that were not handed out yet; 0 behind its last one.
    public var entriesLeft: Int {
        switch phase {
        case .head: 0
        case .entries(let left): left
        }
    }

    private var phase = Phase.head
    /// Tokens at the head of the tape that were handed out.
    private var consumed = 0
    /// The parser has nothing more to give before the next bytes, or before the reply was taken to its end.
    private var progress: ReplyReader.Progress?
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
        while true {
            if let event = decode(reader.tape) { return event }
            switch progress {
            case .needMore:
                release(reader.tape)
                progress = nil
                return .needMore
            case .complete:
                // All tokens of a reply are there, and still it is not what was expected.
                return .protocolError("Redis answered \(command) with something else than entries")
            case .failed(let text):
                return .protocolError(text)
            case nil:
                progress = reader.advance()
            }
        }
    }

    private mutating func release(_ tape: ReplyTape) {
        tape.dropFirst(consumed)
        consumed = 0
    }

    private mutating func finish(_ tape: ReplyTape) {
        release(tape)
        phase = .head
        progress = nil
    }

    private mutating func decode(_ tape: ReplyTape) -> Event? {
        switch phase {
        case .head: decodeHead(tape)
        case .entries(let left): left > 0 ? decodeEntry(tape, left) : decodeEnd(tape)
        }
    }

    /// `*1 *2 <stream> *n` or `*n`, a null or an error.
    private mutating func decodeHead(_ tape: ReplyTape) -> Event? {
        let tokens = tape.tokens
        guard consumed < tokens.count else { return nil }
        switch tokens[consumed] {
        case .null:
            guard isComplete else { return nil }
            consumed += 1
            finish(tape)
            return .empty
        case .error(let offset, let length):
            guard isComplete else { return nil }
            let text = String(decoding: tape.bytes(offset, length), as: UTF8.self)
            consumed += 1
            finish(tape)
            return .error(text)
        case .array(let count) where shape == .range:
            consumed += 1
            phase = .entries(left: count)
            return decode(tape)
        case .array(count: 1):
            guard tokens.count >= consumed + 4 else { return nil }
            guard case .array(count: 2) = tokens[consumed + 1], case .string = tokens[consumed + 2],
                case .array(let count) = tokens[consumed + 3]
            else { return .protocolError("Redis answered \(command) with something else than a stream's entries") }
            consumed += 4
            phase = .entries(left: count)
            return decode(tape)
        case .array, .string, .status, .integer:
            return .protocolError("Redis answered \(command) with something else than a stream's entries")
        }
    }

    private var isComplete: Bool { progress == .complete }

    /// `*2 <id> *2k <name> <value> …`
    private mutating func decodeEntry(_ tape: ReplyTape, _ left: Int) -> Event? {
        let tokens = tape.tokens
        guard tokens.count >= consumed + 3 else { return nil }
        guard case .array(count: 2) = tokens[consumed], case .string(let offset, let length) = tokens[consumed + 1],
            let id = StreamID(text: tape.bytes(offset, length))
        else { return .protocolError("Redis answered \(command) with an entry that has no ID") }
        var data: UnsafeRawBufferPointer?
        var end = consumed + 3
        switch tokens[consumed + 2] {
        case .null:
            break
        case .array(let count):
            end += count
            guard tokens.count >= end else { return nil }
            data = Self.data(tape, tokens[consumed + 3..<end])
        case .string, .status, .error, .integer:
            return .protocolError("Redis answered \(command) with an entry that has no fields")
        }
        consumed = end
        phase = .entries(left: left - 1)
        return .entry(id: id, data: data)
    }

    private static func data(_ tape: ReplyTape, _ fields: ArraySlice<ReplyTape.Token>) -> UnsafeRawBufferPointer? {
        for index in stride(from: fields.startIndex, to: fields.endIndex - 1, by: 2) {
            guard case .string(let offset, let length) = fields[index],
                case .string(let valueOffset, let valueLength) = fields[index + 1]
            else { continue }
            if length == dataField.count, tape.bytes(offset, length).elementsEqual(dataField) {
                return tape.bytes(valueOffset, valueLength)
            }
        }
        return nil
    }

    private mutating func decodeEnd(_ tape: ReplyTape) -> Event? {
        // Fields that are arrays themselves put more on the tape than was counted.
        guard consumed == tape.tokens.count else {
            return .protocolError("Redis answered \(command) with more than a stream's entries")
        }
        guard isComplete else { return nil }
        finish(tape)
        return .end
    }
}
