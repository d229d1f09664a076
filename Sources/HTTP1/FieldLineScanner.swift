import Glibc

/// Reads field lines up to the empty line that ends them (RFC 9112 section 5), a line at a time.
///
/// It remembers how far it has looked for the line's end, so that a head which comes byte by byte costs as much as
/// one that comes whole. A line is judged when it is complete, hence the same bytes give the same outcome however
/// they are cut.
struct FieldLineScanner: Sendable {
    enum Step {
        /// The lines are not complete yet.
        case needMore
        /// All is read; the message goes on at this offset.
        case end(Int)
        case refused(Refusal)
    }

    private var lineStart: Int
    private var searched: Int
    private(set) var entries: [HeaderFields.Entry] = []

    /// The first line begins at offset `start` of the head.
    init(start: Int) {
        lineStart = start
        searched = start
    }

    /// Reads on. `head` begins where the head begins, in every call.
    mutating func advance(_ head: UnsafeRawBufferPointer, maxFields: Int) -> Step {
        while let lineFeed = firstLineFeed(in: head, from: searched) {
            guard lineFeed > lineStart, head[lineFeed - 1] == UInt8(ascii: "\r") else { return .refused(.bareLineFeed) }
            let line = lineStart..<(lineFeed - 1)
            lineStart = lineFeed + 1
            searched = lineStart
            if line.isEmpty { return .end(lineStart) }
            if entries.count == maxFields { return .refused(.tooManyFields) }
            if entries.isEmpty { entries.reserveCapacity(16) }
            if let refusal = readLine(head, line) { return .refused(refusal) }
        }
        searched = head.count
        return .needMore
    }

    private mutating func readLine(_ head: UnsafeRawBufferPointer, _ line: Range<Int>) -> Refusal? {
        var position = line.lowerBound
        if ByteClass.isWhitespace(head[position]) { return .foldedField }
        while position < line.upperBound, ByteClass.isToken(head[position]) { position += 1 }
        let name = line.lowerBound..<position
        guard position < line.upperBound else { return .missingColon }
        guard head[position] == UInt8(ascii: ":") else {
            while position < line.upperBound, ByteClass.isWhitespace(head[position]) { position += 1 }
            let isColon = position < line.upperBound && head[position] == UInt8(ascii: ":")
            return position > name.upperBound && isColon ? .spaceBeforeColon : .invalidFieldName
        }
        guard !name.isEmpty else { return .invalidFieldName }

        var start = position + 1
        var end = line.upperBound
        if let offset = firstBreach(in: head, start..<end) {
            return head[offset] == UInt8(ascii: "\r") ? .bareCarriageReturn : .controlCharacter
        }
        while start < end, ByteClass.isWhitespace(head[start]) { start += 1 }
        while end > start, ByteClass.isWhitespace(head[end - 1]) { end -= 1 }
        entries.append(
            HeaderFields.Entry(
                nameStart: UInt32(name.lowerBound), nameCount: UInt32(name.count), valueStart: UInt32(start),
                valueCount: UInt32(end - start)))
        return nil
    }
}

/// The offset of the first byte that no field value may hold.
private func firstBreach(in head: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    var offset = range.lowerBound
    while offset < range.upperBound {
        // Eight at a time while all are visible ASCII or spaces: then no high bit is set, nor is one by taking 0x20 from
        // each or by adding 1. Sound: each load covers eight bytes from `offset`, within the range.
        while range.upperBound - offset >= 8 {
            let word = head.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let high = word | (word &- 0x2020_2020_2020_2020) | (word &+ 0x0101_0101_0101_0101)
            guard high & 0x8080_8080_8080_8080 == 0 else { break }
            offset += 8
        }
        // The rest of the range, or what made the eight stand out, and on from there.
        let end = min(offset + 8, range.upperBound)
        while offset < end {
            guard ByteClass.isFieldContent(head[offset]) else { return offset }
            offset += 1
        }
    }
    return nil
}

/// The offset of the first LF at or after `start`.
func firstLineFeed(in head: UnsafeRawBufferPointer, from start: Int) -> Int? {
    // Sound: memchr reads `head.count - start` bytes from `base + start`, all within the buffer.
    guard let base = head.baseAddress, start < head.count,
        let hit = memchr(base + start, Int32(UInt8(ascii: "\n")), head.count - start)
    else { return nil }
    return UnsafeRawPointer(hit) - base
}
