import Glibc

/// Bytes that came from Redis and were not taken yet, in one piece: what a reply is read from in place.
///
/// Raw memory and not `[UInt8]`: the socket writes into its free end, and entries are handed out as pointers into it, which
/// an array only grants inside a closure. Every access stands behind a comparison with `start`, `end` or `capacity` here;
/// the tests feed whole and byte by byte, with hiredis as the oracle.
struct ReplyInput: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    private var start = 0
    private var end = 0

    /// What it begins with, and comes back to when all was taken.
    private static let smallest = 16 * 1024
    /// As much as is asked of the socket at once: a larger piece would not stay in the processor's cache.
    private static let largestRead = 256 * 1024

    init() {
        capacity = Self.smallest
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    var count: Int { end - start }
    var isEmpty: Bool { start == end }

    /// Valid until bytes are added.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + start, count: end - start)
    }

    /// Takes the first bytes away; they stay where they are until bytes are added.
    mutating func dropFirst(_ count: Int) {
        precondition(count >= 0 && count <= end - start, "more was taken from a reply than there is of it")
        start += count
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        makeRoom(bytes.count)
        (base + end).copyMemory(from: source, byteCount: bytes.count)
        end += bytes.count
    }

    /// Puts bytes before all others.
    mutating func prepend(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let rest = [UInt8](self.bytes)
        start = 0
        end = 0
        append(bytes)
        rest.withUnsafeBytes { append($0) }
    }

    /// The free end, to be written to; ``wrote(_:)`` says how much of it was.
    mutating func room() -> UnsafeMutableRawBufferPointer {
        makeRoom(min(capacity, Self.largestRead) / 2)
        return UnsafeMutableRawBufferPointer(start: base + end, count: min(capacity - end, Self.largestRead))
    }

    /// A read that filled all the room had more to give: there will be twice as much.
    mutating func wrote(_ count: Int) {
        precondition(count >= 0 && count <= capacity - end, "more was read than there is room for")
        end += count
        if end == capacity, capacity < Self.largestRead { resize(to: capacity * 2) }
    }

    /// One reply of large events must not hold its memory for ever.
    mutating func trim() {
        if isEmpty, capacity > Self.largestRead { resize(to: Self.smallest) }
    }

    private mutating func makeRoom(_ additional: Int) {
        if isEmpty {
            start = 0
            end = 0
        }
        guard end + additional > capacity else { return }
        // Moved to the front only where that frees room worth the moving.
        if start >= (end - start) / 2, end - start + additional <= capacity {
            base.copyMemory(from: base + start, byteCount: end - start)
            end -= start
            start = 0
        } else {
            resize(to: max(capacity * 2, end - start + additional))
        }
    }

    private mutating func resize(to size: Int) {
        let moved = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        moved.copyMemory(from: base + start, byteCount: end - start)
        base.deallocate()
        base = moved
        capacity = size
        end -= start
        start = 0
    }
}
