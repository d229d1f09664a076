/// The ID of an entry of a Redis stream: a time and a sequence number within its millisecond.
///
/// Unique and ascending within one stream. IDs of different streams have nothing to do with each other but the time.
public struct StreamID: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970, by the clock of the Redis server.
    public var milliseconds: UInt64
    public var sequence: UInt64

    public init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Before every entry: Redis gives out none that is not above it.
    public static let zero = StreamID(milliseconds: 0, sequence: 0)
    /// The last one there can be.
    public static let max = StreamID(milliseconds: .max, sequence: .max)

    public static func < (left: StreamID, right: StreamID) -> Bool {
        left.milliseconds != right.milliseconds
            ? left.milliseconds < right.milliseconds : left.sequence < right.sequence
    }

    /// The next ID there is; ``max`` is its own.
    public var successor: StreamID {
        if sequence < .max { return StreamID(milliseconds: milliseconds, sequence: sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds: milliseconds + 1, sequence: 0) : self
    }

    /// The ID before; ``zero`` is its own.
    public var predecessor: StreamID {
        if sequence > 0 { return StreamID(milliseconds: milliseconds, sequence: sequence - 1) }
        return milliseconds > 0 ? StreamID(milliseconds: milliseconds - 1, sequence: .max) : self
    }
}

extension StreamID: CustomStringConvertible {
    /// The longest text: two numbers of 20 digits and the hyphen.
    public static let maximumTextLength = 41

    public var description: String { "\(milliseconds)-\(sequence)" }

    /// The ID's text, in place.
    struct Text {
        /// 48 bytes: more than the longest text has.
        private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
        fileprivate(set) var count = 0

        fileprivate init(_ id: StreamID) {
            count = Swift.withUnsafeMutableBytes(of: &words) { id.write(into: $0) }
        }

        @inline(__always)
        func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            Swift.withUnsafeBytes(of: words) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    var text: Text { Text(self) }

    /// Writes the ID's text.
    /// - Parameter bytes: at least ``maximumTextLength`` of them.
    /// - Returns: the text's length.
    public func write(into bytes: UnsafeMutableRawBufferPointer) -> Int {
        precondition(bytes.count >= Self.maximumTextLength, "no room for the text of a stream ID")
        var length = Self.write(milliseconds, into: bytes, at: 0)
        bytes[length] = UInt8(ascii: "-")
        length += 1
        return length + Self.write(sequence, into: bytes, at: length)
    }

    @inline(__always)
    private static func write(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        // Thirteen for any time from 2001 to 2286.
        let isTime = number >= 1_000_000_000_000
        var digits = isTime ? 13 : 1
        var limit: UInt64 = isTime ? 10_000_000_000_000 : 10
        while number >= limit {
            digits += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        var rest = number
        var offset = start + digits - 1
        while rest >= 10 {
            let quotient = rest / 10
            bytes[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
            offset -= 1
        }
        bytes[offset] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest)
        return digits
    }

    /// Reads `<milliseconds>-<sequence>`, or `<milliseconds>` alone, for which the sequence is 0; digits only, at most 20
    /// in a number, each within 64 bits. Anything else is nil.
    public init?(text: UnsafeRawBufferPointer) {
        var position = 0
        guard let milliseconds = Self.number(text, &position) else { return nil }
        guard position < text.count else {
            self.init(milliseconds: milliseconds, sequence: 0)
            return
        }
        guard text[position] == UInt8(ascii: "-") else { return nil }
        position += 1
        guard let sequence = Self.number(text, &position), position == text.count else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    @inline(__always)
    private static func number(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
        let start = position
        var number: UInt64 = 0
        // 19 digits are within 64 bits.
        let end = min(text.count, start + 19)
        while position < end {
            let digit = text[position] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            number = number &* 10 &+ UInt64(digit)
            position += 1
        }
        while position == end, position < text.count {
            let digit = text[position] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            number = sum
            position += 1
            // A further digit would be the twenty-first.
            guard position == text.count || text[position] &- UInt8(ascii: "0") >= 10 else { return nil }
        }
        return position > start ? number : nil
    }
}
