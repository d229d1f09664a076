import Glibc

/// A growing block of raw memory with one owner: the writable half of a batch.
///
/// Raw memory and not `[UInt8]`, because a batch hands out slices that must stay at one address while the kernel
/// reads them in a gathered write, which an array only grants inside a closure. Every write goes through
/// ``append(_:)`` or ``extend(by:_:)``, which grow first; nothing else touches the pointer.
struct ByteStorage: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int) {
        self.capacity = Swift.max(capacity, 64)
        base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    private mutating func reserve(_ additional: Int) {
        let needed = count + additional
        guard needed > capacity else { return }
        let grown = Swift.max(needed, capacity * 2)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = grown
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        extend(by: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Appends `length` bytes that `fill` must write whole.
    mutating func extend(by length: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        reserve(length)
        fill(UnsafeMutableRawBufferPointer(start: base + count, count: length))
        count += length
    }

    /// Ends the writing: the bytes in a block of just their size, owned by the caller, who deallocates it.
    consuming func finish() -> UnsafeRawBufferPointer {
        let exact = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(count, 1), alignment: 16)
        exact.copyMemory(from: base, byteCount: count)
        return UnsafeRawBufferPointer(start: exact, count: count)
    }
}
