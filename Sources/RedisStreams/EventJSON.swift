import CBytes
import Glibc

/// The one look at an event's JSON: is it a valid object, and whose is it?
///
/// Strict RFC 8259 in one pass, without recursion and, for the usual event, without allocating. The text itself goes to
/// the clients as it was written, so what is let through here must be what every parser takes.
public enum EventJSON {
    /// Levels of nesting that are let through; deeper ones break parsers on the other side.
    public static let maximumDepth = 512

    public enum Scan: Equatable, Sendable {
        /// An event; its `channel_id` stands, without escapes, at these offsets of the data (without its quotes).
        case event(channel: Range<Int>)
        /// An event whose `channel_id` had escapes: decoded.
        case eventEscaped(channel: [UInt8])
        case malformed(Malformation)
    }

    /// Why an entry is no event. Offsets are in bytes from the start of the data.
    public enum Malformation: Equatable, Sendable, CustomStringConvertible {
        case notAnObject
        /// Not JSON from here on.
        case syntax(offset: Int)
        case controlCharacter(offset: Int)
        case invalidUTF8(offset: Int)
        case invalidEscape(offset: Int)
        case tooDeep(offset: Int)
        case endsEarly
        case noChannel
        case channelNotString
        /// Half of a surrogate pair: no UTF-8 token can name such a channel.
        case channelNotUnicode

        public var description: String {
            switch self {
            case .notAnObject: "its data is not a JSON object"
            case .syntax(let offset): "its data is not JSON from byte \(offset) on"
            case .controlCharacter(let offset): "its data has a control character in a string at byte \(offset)"
            case .invalidUTF8(let offset): "its data is not UTF-8 at byte \(offset)"
            case .invalidEscape(let offset): "its data has an invalid escape at byte \(offset)"
            case .tooDeep(let offset):
                "its data is nested more than \(EventJSON.maximumDepth) levels deep at byte \(offset)"
            case .endsEarly: "its data ends in the middle of the JSON object"
            case .noChannel: "its data has no member \"channel_id\""
            case .channelNotString: "the \"channel_id\" of its data is not a string"
            case .channelNotUnicode: "the \"channel_id\" of its data has half of a surrogate pair"
            }
        }
    }

    /// Looks an entry's data through.
    public static func scan(_ data: UnsafeRawBufferPointer) -> Scan {
        var scanner = EventScanner(data)
        do throws(Malformation) {
            return try scanner.scan()
        } catch {
            return .malformed(error)
        }
    }
}

extension EventJSON.Malformation: Error {}

/// The scan itself: a position in the data and a stack of one bit for each open container.
///
/// Its steps are inlined into one loop: as calls they cost a fifth of the scan.
/// Release builds do not check raw pointers: every access follows a comparison with `data.count`
/// ("the scanner never reads outside of the data" proves it against a guard page).
private struct EventScanner {
    typealias Malformation = EventJSON.Malformation

    private enum Found {
        case nothing
        case string(Range<Int>, hasEscapes: Bool)
        case somethingElse
    }

    private let data: UnsafeRawBufferPointer
    private var position = 0
    private var containers = ContainerStack()
    private var channel = Found.nothing

    init(_ data: UnsafeRawBufferPointer) { self.data = data }

    mutating func scan() throws(Malformation) -> EventJSON.Scan {
        skipSpace()
        guard position < data.count, data[position] == UInt8(ascii: "{") else { throw .notAnObject }
        position += 1
        containers.push(isObject: true)
        try scanContainers()
        skipSpace()
        guard position == data.count else { throw .syntax(offset: position) }
        switch channel {
        case .nothing: throw .noChannel
        case .somethingElse: throw .channelNotString
        case .string(let range, hasEscapes: false): return .event(channel: range)
        case .string(let range, hasEscapes: true):
            guard let name = JSONEscapes.decode(data, range) else { throw .channelNotUnicode }
            return .eventEscaped(channel: name)
        }
    }

    /// From behind the first brace to behind the last one.
    @inline(__always)
    private mutating func scanContainers() throws(Malformation) {
        /// Nothing stands in the innermost container yet, so it may end here.
        var mayEnd = true
        while true {
            // A member's name, or an element.
            var byte = try next()
            var isChannel = false
            if mayEnd, byte == (containers.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                position += 1
                containers.pop()
            } else {
                if containers.isObject {
                    guard byte == UInt8(ascii: "\"") else { throw .syntax(offset: position) }
                    let (name, hasEscapes) = try scanString()
                    guard try next() == UInt8(ascii: ":") else { throw .syntax(offset: position) }
                    position += 1
                    if containers.depth == 1 { isChannel = isChannelName(name, hasEscapes) }
                    byte = try next()
                }
                if byte == UInt8(ascii: "\"") {
                    let (range, hasEscapes) = try scanString()
                    if isChannel { channel = .string(range, hasEscapes: hasEscapes) }
                } else {
                    if isChannel { channel = .somethingElse }
                    if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                        guard containers.depth < EventJSON.maximumDepth else { throw .tooDeep(offset: position) }
                        position += 1
                        containers.push(isObject: byte == UInt8(ascii: "{"))
                        mayEnd = true
                        continue
                    }
                    try scanScalarValue(byte)
                }
            }
            // A comma, or the ends of what is open.
            while true {
                if containers.depth == 0 { return }
                let byte = try next()
                position += 1
                if byte == UInt8(ascii: ",") { break }
                guard byte == (containers.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw .syntax(offset: position - 1)
                }
                containers.pop()
            }
            mayEnd = false
        }
    }

    /// The byte behind any space.
    @inline(__always)
    private mutating func next() throws(Malformation) -> UInt8 {
        // Mostly there is one space, or none.
        if position < data.count, data[position] == 0x20 { position += 1 }
        if position < data.count, data[position] > 0x20 { return data[position] }
        skipSpace()
        guard position < data.count else { throw .endsEarly }
        return data[position]
    }

    private mutating func scanScalarValue(_ byte: UInt8) throws(Malformation) {
        switch byte {
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
        default: throw .syntax(offset: position)
        }
    }

    @inline(__always)
    private func isChannelName(_ name: Range<Int>, _ hasEscapes: Bool) -> Bool {
        let wanted: StaticString = "channel_id"
        guard hasEscapes else {
            guard name.count == wanted.utf8CodeUnitCount else { return false }
            let start = data.loadUnaligned(fromByteOffset: name.lowerBound, as: UInt64.self)
            let end = data.loadUnaligned(fromByteOffset: name.upperBound - 2, as: UInt16.self)
            // "channel_" and "id"
            return UInt64(littleEndian: start) == 0x5F6C_656E_6E61_6863 && UInt16(littleEndian: end) == 0x6469
        }
        // `\uXXXX` for each letter is the longest spelling; what is longer is not worth decoding.
        guard name.count <= 6 * wanted.utf8CodeUnitCount, let decoded = JSONEscapes.decode(data, name) else {
            return false
        }
        return wanted.withUTF8Buffer { $0.elementsEqual(decoded) }
    }

    private func holds(_ text: StaticString, at offset: Int) -> Bool {
        guard offset + text.utf8CodeUnitCount <= data.count, let base = data.baseAddress else { return false }
        return memcmp(base + offset, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    private mutating func skipSpace() {
        while position < data.count {
            switch data[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func scanLiteral(_ literal: StaticString) throws(Malformation) {
        guard holds(literal, at: position) else { throw .syntax(offset: position) }
        position += literal.utf8CodeUnitCount
    }

    // MARK: Numbers

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func scanNumber() throws(Malformation) {
        if data[position] == UInt8(ascii: "-") { position += 1 }
        if position < data.count, data[position] == UInt8(ascii: "0") {
            position += 1
        } else {
            try scanDigits()
        }
        if position < data.count, data[position] == UInt8(ascii: ".") {
            position += 1
            try scanDigits()
        }
        if position < data.count, data[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < data.count, data[position] == UInt8(ascii: "+") || data[position] == UInt8(ascii: "-") {
                position += 1
            }
            try scanDigits()
        }
    }

    private mutating func scanDigits() throws(Malformation) {
        let start = position
        while position < data.count, data[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        guard position > start else { throw position < data.count ? .syntax(offset: position) : .endsEarly }
    }

    // MARK: Strings

    /// Scans a string from its quote on; returns what stands between the quotes.
    @inline(__always)
    private mutating func scanString() throws(Malformation) -> (Range<Int>, hasEscapes: Bool) {
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            skipPlain()
            guard position < data.count else { throw .endsEarly }
            let byte = data[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return (start..<position - 1, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try scanEscape()
            case 0..<0x20:
                throw .controlCharacter(offset: position)
            case 0x80...:
                try scanScalar(byte)
            default:
                position += 1
            }
        }
    }

    /// Passes over bytes that mean nothing special.
    @inline(__always)
    private mutating func skipPlain() {
        guard position < data.count, let base = data.baseAddress else { return }
        // Sound: it reads no further than the length it is given.
        position += sluice_plain_length(base + position, data.count - position)
    }

    private mutating func scanEscape() throws(Malformation) {
        guard position + 1 < data.count else { throw .endsEarly }
        switch data[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard position + 6 <= data.count else { throw .endsEarly }
            for digit in data[position + 2..<position + 6] where JSONEscapes.hexadecimal(digit) == nil {
                throw .invalidEscape(offset: position)
            }
            position += 6
        default:
            throw .invalidEscape(offset: position)
        }
    }

    /// One scalar of two to four bytes, by the table of well-formed sequences (Unicode 15, table 3-7).
    private mutating func scanScalar(_ first: UInt8) throws(Malformation) {
        let (length, second): (Int, ClosedRange<UInt8>)
        switch first {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw .invalidUTF8(offset: position)
        }
        guard position + length <= data.count, second.contains(data[position + 1]) else {
            throw .invalidUTF8(offset: position)
        }
        for index in position + 2..<position + max(length, 2) where data[index] & 0xC0 != 0x80 {
            throw .invalidUTF8(offset: position)
        }
        position += length
    }
}

/// Which containers are open, a bit each: 1 for an object.
private struct ContainerStack {
    private(set) var depth = 0
    private var bits: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    /// The innermost one.
    private(set) var isObject = false

    mutating func push(isObject: Bool) {
        set(depth, isObject)
        depth += 1
        self.isObject = isObject
    }

    mutating func pop() {
        depth -= 1
        isObject = depth > 0 && get(depth - 1)
    }

    private mutating func set(_ index: Int, _ value: Bool) {
        withUnsafeMutableBytes(of: &bits) { words in
            let bit = UInt8(1) << UInt8(index & 7)
            if value { words[index >> 3] |= bit } else { words[index >> 3] &= ~bit }
        }
    }

    private func get(_ index: Int) -> Bool {
        withUnsafeBytes(of: bits) { $0[index >> 3] & (UInt8(1) << UInt8(index & 7)) != 0 }
    }
}
