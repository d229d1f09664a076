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

    private static func write(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = number
        for offset in stride(from: start + digits - 1, through: start, by: -1) {
            bytes[offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return digits
    }

    /// Reads `<milliseconds>-<sequence>`, or `<milliseconds>` alone, for which the sequence is 0; digits only, at most 20
    /// in a number, each within 64 bits. Anything else is nil.
    public init?(text: UnsafeRawBufferPointer) {
        guard let hyphen = text.firstIndex(of: UInt8(ascii: "-")) else {
            guard let milliseconds = Self.number(text[...]) else { return nil }
            self.init(milliseconds: milliseconds, sequence: 0)
            return
        }
        guard let milliseconds = Self.number(text[..<hyphen]), let sequence = Self.number(text[(hyphen + 1)...]) else {
            return nil
        }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        guard (1...20).contains(digits.count) else { return nil }
        var number: UInt64 = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            number = sum
        }
        return number
    }
}
