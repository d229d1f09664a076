import EventLog

/// Reads the parts of an answer to `XREAD`, `XRANGE` or `XREVRANGE` where they stand, without moving a byte (RESP2).
///
/// Release builds do not check raw pointers: every access follows a comparison with `bytes.count`. The tests compare it with
/// what hiredis makes of the same bytes, whole and byte by byte.
struct EntryParser {
    /// Why there is nothing to be had.
    enum Stop: Error {
        case needMore
        /// Not RESP: a sentence.
        case noReply(String)
        /// RESP, but not what stands in such an answer.
        case stranger
    }

    /// A string's place in the bytes, or none for a null.
    typealias Place = Range<Int>?

    let bytes: UnsafeRawBufferPointer
    var position: Int

    /// What Redis takes for a string by default (proto-max-bulk-len).
    private static let maximumString = 512 * 1024 * 1024
    private static let maximumCount = Int(Int32.max)
    private static let maximumDigits = 19

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// The type of the part that comes.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// `*<count>`; nil for a null.
    @inline(__always)
    mutating func array() throws(Stop) -> Int? {
        let count = try header(UInt8(ascii: "*"))
        guard count <= Self.maximumCount else { throw .noReply("an array of \(count) parts") }
        return count < 0 ? nil : count
    }

    /// `$<length>` and the bytes; nil for a null.
    @inline(__always)
    mutating func string() throws(Stop) -> Place {
        let length = try header(UInt8(ascii: "$"))
        guard length >= 0 else { return nil }
        guard length <= Self.maximumString else { throw .noReply("a string of more than 512 MiB") }
        let start = position
        guard bytes.count - start >= length + 2 else { throw .needMore }
        guard bytes[start + length] == 0x0D, bytes[start + length + 1] == 0x0A else {
            throw .noReply("a string of another length than announced")
        }
        position = start + length + 2
        return start..<start + length
    }

    /// The type and a number: -1, or digits without a needless zero in front.
    @inline(__always)
    private mutating func header(_ type: UInt8) throws(Stop) -> Int {
        var here = position
        guard here + 3 < bytes.count else { throw try shortHeader(type) }
        guard bytes[here] == type else { throw strange() }
        here += 1
        var number = Int(bytes[here] &- UInt8(ascii: "0"))
        guard number < 10 else { return try null() }
        let first = here
        here += 1
        while here < bytes.count {
            let digit = bytes[here] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            guard here - first < Self.maximumDigits - 1 else { throw .noReply("a length of too many digits") }
            number = number &* 10 &+ Int(digit)
            here += 1
        }
        guard here + 1 < bytes.count else {
            if here < bytes.count, bytes[here] != 0x0D { throw .noReply("a length that is no number") }
            throw .needMore
        }
        guard bytes[here] == 0x0D, bytes[here + 1] == 0x0A, here == first + 1 || bytes[first] != UInt8(ascii: "0")
        else {
            throw .noReply("a length that is no number")
        }
        position = here + 2
        return number
    }

    /// A header of which not even the shortest form is there: a part of another type is told from its first byte.
    private func shortHeader(_ type: UInt8) throws(Stop) -> Stop {
        guard position < bytes.count else { return .needMore }
        guard bytes[position] == type else { return strange() }
        for byte in bytes[(position + 1)...] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), 0x0D, 0x0A: continue
            default: return .noReply("a length that is no number")
            }
        }
        return .needMore
    }

    private func strange() -> Stop {
        switch bytes[position] {
        case UInt8(ascii: "*"), UInt8(ascii: "$"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): .stranger
        default: .noReply("a part that begins with byte \(bytes[position])")
        }
    }

    /// `-1`
    private mutating func null() throws(Stop) -> Int {
        let null: StaticString = "-1\r\n"
        for index in 0..<null.utf8CodeUnitCount {
            guard position + 1 + index < bytes.count else { throw .needMore }
            guard bytes[position + 1 + index] == null.utf8Start[index] else {
                throw .noReply("a length that is no number")
            }
        }
        position += 1 + null.utf8CodeUnitCount
        return -1
    }

    /// `-<text>`: an error's text.
    mutating func error() throws(Stop) -> String {
        let line = UnsafeRawBufferPointer(rebasing: bytes[(position + 1)...].prefix(Self.maximumLine))
        var end = 0
        while let cr = line[end...].firstIndex(of: 0x0D) {
            guard cr + 1 < line.count else { break }
            if line[cr + 1] == 0x0A {
                position += cr + 3
                return String(decoding: line[..<cr], as: UTF8.self)
            }
            end = cr + 1
        }
        throw line.count < Self.maximumLine ? .needMore : .noReply("a line of more than 64 KiB")
    }

    /// No line of Redis is longer: errors are sentences.
    private static let maximumLine = 64 * 1024
}
