import Glibc

/// A run of events as they came from Redis, each already in its final form: what all threads share.
///
/// One block of memory holds, for each event, every encoding as slices of the same bytes:
///
///     id: <id>\ndata: | WebSocket frame header | {"id":"<id>", <rest of the producer's object> | \n\n
///     └── prefix ───┘   └──────── a WebSocket client is sent these two ────────────────────┘
///     └── a server-sent-events client is sent the prefix, and the text with the two newlines ──────┘
///
/// Immutable once sealed. Pointers it gives out are valid as long as the batch is alive.
///
/// `@unchecked Sendable`: the block is written by the builder before `init` and only read afterwards, and is
/// deallocated in `deinit`, when no other reference is left; all other members are immutable values.
public final class Batch: @unchecked Sendable {
    private let block: UnsafeRawBufferPointer
    public let entries: [Entry]
    /// The number of the first event; the others follow without a gap. Numbers start at 1 and are never reused.
    public let firstNumber: EventNumber

    init(block: UnsafeRawBufferPointer, entries: [Entry], firstNumber: EventNumber) {
        self.block = block
        self.entries = entries
        self.firstNumber = firstNumber
    }

    deinit { ByteStorage.free(block) }

    public var count: Int { entries.count }
    public var lastNumber: EventNumber { firstNumber + EventNumber(entries.count) - 1 }

    /// Memory this batch holds, in bytes: the block, the table, and about what the allocator and the object add.
    public var footprint: Int {
        block.count + entries.count * MemoryLayout<Entry>.stride + 160
    }

    private func slice(_ start: UInt32, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: block[Int(start)..<Int(start) + length])
    }

    /// The frame header and the text: one unfragmented text frame (RFC 6455 section 5.2, server to client: unmasked).
    public func frame(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.frameStart, entry.frameLength)
    }

    /// The event's JSON text.
    public func text(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.textStart, Int(entry.textLength))
    }

    /// The text behind `{"id":"…", `: the producer's object without its brace. Equal for both streams' entries of an event.
    public func body(_ index: Int) -> UnsafeRawBufferPointer {
        let text = text(index)
        return UnsafeRawBufferPointer(rebasing: text[EventLayout.opening(idLength: Int(entries[index].idLength))...])
    }

    /// `id: <id>\ndata: `, the head of the event in an event stream (HTML, server-sent events, section 9.2.5).
    public func eventStreamPrefix(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.start, Int(entry.frameStart - entry.start))
    }

    /// The JSON text and the empty line that ends the event in an event stream.
    public func eventStreamData(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.textStart, Int(entry.textLength) + EventLayout.streamEnd.utf8CodeUnitCount)
    }

    /// The frame, and behind it the empty line of the event stream: what both encodings of an event end in. A WebSocket
    /// is sent all but the last two bytes, an event stream the text and those two.
    public func frameAndStreamEnd(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.frameStart, entry.frameLength + EventLayout.streamEnd.utf8CodeUnitCount)
    }

    /// The event's channel, decoded.
    public func channelName(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = entries[index]
        return slice(entry.channelStart, Int(entry.channelLength))
    }

    /// Whether the event belongs to `channel`: the bytes decide, the hash only spares the comparison.
    public func belongs(_ index: Int, to channel: Channel) -> Bool {
        guard entries[index].channelHash == channel.hash else { return false }
        return channel.name.withUnsafeBytes { bytesEqual($0, channelName(index)) }
    }
}

/// An event's place in the log: 1 for the first this process read, then one more each. 0 is before all.
public typealias EventNumber = UInt64

/// A row of a batch's table. Offsets are in bytes from the start of the batch's block.
public struct Entry: Sendable {
    /// The ID in the global stream (in a replay: the ID the client is given).
    public let id: StreamID
    public let channelHash: ChannelHash
    /// The number of the previous event in the same bucket of the log's index, 0 if there is none.
    public internal(set) var previous: EventNumber = 0
    let start: UInt32
    let frameStart: UInt32
    let textStart: UInt32
    public let textLength: UInt32
    let channelStart: UInt32
    let channelLength: UInt32
    let idLength: UInt8

    /// Bytes of the whole WebSocket frame.
    public var frameLength: Int { Int(textStart - frameStart) + Int(textLength) }
}

@inline(__always)
func bytesEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let left = a.baseAddress, let right = b.baseAddress else { return true }
    return memcmp(left, right, a.count) == 0
}
