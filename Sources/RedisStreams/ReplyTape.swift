/// The parts of replies in the order of the wire: flat, so that a reply of thousands of entries costs no tree.
///
/// Filled by hiredis' reader through the callbacks of ``ReplyReader``. Confined to one thread.
final class ReplyTape {
    enum Token: Equatable {
        case status(offset: Int, length: Int)
        case error(offset: Int, length: Int)
        case string(offset: Int, length: Int)
        case integer(Int64)
        case array(count: Int)
        case null
    }

    private(set) var tokens: [Token] = []
    /// The bytes of all strings, one after the other. Raw memory, because what it holds is handed out as pointers that
    /// are good until the tape changes.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var used = 0

    init(capacity: Int = 4096) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Valid until the tape is changed.
    func bytes(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        precondition(offset >= 0 && length >= 0 && offset + length <= used, "a token points outside of its tape")
        return UnsafeRawBufferPointer(start: base + offset, count: length)
    }

    func append(_ token: Token) { tokens.append(token) }

    /// Copies the bytes and returns where they stand.
    func store(_ bytes: UnsafeRawBufferPointer) -> Int {
        if used + bytes.count > capacity {
            capacity = max(capacity * 2, used + bytes.count)
            let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
            grown.copyMemory(from: base, byteCount: used)
            base.deallocate()
            base = grown
        }
        if let source = bytes.baseAddress { (base + used).copyMemory(from: source, byteCount: bytes.count) }
        defer { used += bytes.count }
        return used
    }

    /// Forgets the first tokens and the bytes that only they point to.
    func dropFirst(_ count: Int) {
        guard count > 0 else { return }
        guard count < tokens.count else {
            tokens.removeAll(keepingCapacity: tokens.capacity <= Self.keptTokens)
            used = 0
            shrink()
            return
        }
        tokens.removeFirst(count)
        guard let kept = tokens.lazy.compactMap(\.offset).first else {
            used = 0
            return
        }
        // Strings stand in the order of their tokens, so what is kept is one piece at the end.
        base.copyMemory(from: base + kept, byteCount: used - kept)
        used -= kept
        for index in tokens.indices { tokens[index].move(by: -kept) }
    }

    /// One reply of large events must not hold its memory for ever.
    private func shrink() {
        guard capacity > Self.keptCapacity else { return }
        base.deallocate()
        capacity = Self.keptCapacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    /// What a tape keeps between replies: enough for what arrives in a few reads of the socket.
    private static let keptCapacity = 256 * 1024
    private static let keptTokens = 16 * 1024

    /// Bytes that are allocated for strings and for tokens.
    var footprint: Int { capacity + tokens.capacity * MemoryLayout<Token>.stride }
}

extension ReplyTape.Token {
    fileprivate var offset: Int? {
        switch self {
        case .status(let offset, _), .error(let offset, _), .string(let offset, _): offset
        case .integer, .array, .null: nil
        }
    }

    fileprivate mutating func move(by distance: Int) {
        switch self {
        case .status(let offset, let length): self = .status(offset: offset + distance, length: length)
        case .error(let offset, let length): self = .error(offset: offset + distance, length: length)
        case .string(let offset, let length): self = .string(offset: offset + distance, length: length)
        case .integer, .array, .null: break
        }
    }
}
