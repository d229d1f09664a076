import Glibc

/// A growing block of raw memory with one owner: the writable half of a batch.
///
/// Raw memory and not `[UInt8]`, because a batch hands out slices that must stay at one address while the kernel
/// reads them in a gathered write, which an array only grants inside a closure. Every write goes through
/// ``extend(by:_:)``, which grows first; nothing else touches the pointer. `malloc`'s, and not Swift's own, because that
/// can be cut to its final size where it stands.
struct ByteStorage: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int) {
        self.capacity = Swift.max(capacity, 64)
        base = Self.allocated(realloc(nil, self.capacity))
    }

    deinit { Glibc.free(base) }

    private static func allocated(_ block: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer {
        guard let block else { fatalError("there is no memory for more events") }
        return block
    }

    mutating func reserve(_ additional: Int) {
        let needed = count + additional
        guard needed > capacity else { return }
        capacity = Swift.max(needed, capacity * 2)
        base = Self.allocated(realloc(base, capacity))
    }

    /// Appends `length` bytes that `fill` must write whole.
    mutating func extend(by length: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        reserve(length)
        fill(UnsafeMutableRawBufferPointer(start: base + count, count: length))
        count += length
    }

    /// Ends the writing: the bytes in a block of just their size, owned by the caller, who gives it to ``free(_:)``.
    consuming func finish() -> UnsafeRawBufferPointer {
        let block = UnsafeRawBufferPointer(start: Self.allocated(realloc(base, Swift.max(count, 1))), count: count)
        discard self
        return block
    }

    static func free(_ block: UnsafeRawBufferPointer) {
        Glibc.free(UnsafeMutableRawPointer(mutating: block.baseAddress))
    }
}

/// Fills a piece of memory from its beginning to its end. Each write is held against what is left of it.
struct ByteWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    @inline(__always)
    mutating func write(_ length: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        precondition(length >= 0 && length <= bytes.count - position, "more is written than was set aside for it")
        guard length > 0, let base = bytes.baseAddress else { return }
        fill(UnsafeMutableRawBufferPointer(start: base + position, count: length))
        position += length
    }

    @inline(__always)
    mutating func write(_ literal: StaticString) {
        write(literal.utf8CodeUnitCount) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
        }
    }

    @inline(__always)
    mutating func write(_ text: StreamID.Text) {
        write(text.count) { bytes in
            text.withUnsafeBytes { bytes.copyMemory(from: $0) }
        }
    }

    /// All is written.
    func finish() { precondition(position == bytes.count, "less was written than was set aside for it") }
}
