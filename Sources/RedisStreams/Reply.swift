public import EventLog

/// A whole reply, as a value: for the replies that are few (facts, ranges, answers to a login).
public enum Reply: Equatable, Sendable {
    case status(String)
    /// An error reply's text, such as `NOAUTH Authentication required.`
    case error(String)
    case integer(Int64)
    case string([UInt8])
    case array([Reply])
    case null

    /// Levels of nesting; the replies that are read here have at most four. hiredis has a limit too: 7 levels in 0.14, but
    /// 1,024 in 1.2, too many to recurse into.
    static let maximumDepth = 32

    /// The reply that stands at the tape's beginning; nil when it is nested too deep.
    init?(_ tape: ReplyTape) {
        var index = 0
        guard let reply = Reply.parse(tape, &index, depth: 0) else { return nil }
        self = reply
    }

    private static func parse(_ tape: ReplyTape, _ index: inout Int, depth: Int) -> Reply? {
        guard index < tape.tokens.count, depth <= maximumDepth else { return nil }
        let token = tape.tokens[index]
        index += 1
        switch token {
        case .status(let offset, let length):
            return .status(String(decoding: tape.bytes(offset, length), as: UTF8.self))
        case .error(let offset, let length):
            return .error(String(decoding: tape.bytes(offset, length), as: UTF8.self))
        case .string(let offset, let length):
            return .string([UInt8](tape.bytes(offset, length)))
        case .integer(let value):
            return .integer(value)
        case .null:
            return .null
        case .array(let count):
            var elements: [Reply] = []
            for _ in 0..<count {
                guard let element = parse(tape, &index, depth: depth + 1) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        }
    }

    /// The text of an error reply.
    public var errorText: String? {
        if case .error(let text) = self { return text }
        return nil
    }

    var text: String? {
        switch self {
        case .status(let text): text
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .error, .integer, .array, .null: nil
        }
    }

    /// The answer to `TIME`, in milliseconds since 1970.
    public var serverMilliseconds: UInt64? {
        guard case .array(let parts) = self, parts.count == 2, let seconds = parts[0].text.flatMap({ UInt64($0) }),
            let microseconds = parts[1].text.flatMap({ UInt64($0) }), seconds < UInt64.max / 1000,
            microseconds < 1_000_000
        else { return nil }
        return seconds * 1000 + microseconds / 1000
    }

    /// The answer to a range query: of each entry the ID, and the field `data` if it has one. Nil for anything else.
    public var entries: [(id: StreamID, data: [UInt8]?)]? {
        guard case .array(let elements) = self else { return nil }
        let entries = elements.compactMap(\.entry)
        return entries.count == elements.count ? entries : nil
    }

    /// `[id, [field, value, …]]`
    var entry: (id: StreamID, data: [UInt8]?)? {
        guard case .array(let parts) = self, parts.count == 2, case .string(let text) = parts[0],
            let id = text.withUnsafeBytes({ StreamID(text: $0) })
        else { return nil }
        guard case .array(let fields) = parts[1] else { return (id, nil) }
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            if case .string(let name) = fields[index], name == StreamEntryDecoder.dataField,
                case .string(let value) = fields[index + 1]
            {
                return (id, value)
            }
        }
        return (id, nil)
    }
}
