import Glibc

/// Lays events out for a batch, one after the other, in the order of the global stream.
public struct BatchBuilder: ~Copyable {
    /// Where an event's channel name is to be found.
    public enum ChannelSource {
        /// At these offsets of the data: the JSON string has no escapes.
        case data(Range<Int>)
        /// Decoded, elsewhere.
        case decoded(UnsafeRawBufferPointer)
    }

    private var storage: ByteStorage
    private var entries: [Entry] = []

    /// - Parameter capacity: bytes set aside at first.
    public init(capacity: Int = 4096) {
        storage = ByteStorage(capacity: capacity)
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// Bytes laid out so far.
    public var byteCount: Int { storage.count }
    public var firstID: StreamID? { entries.first?.id }
    public var lastID: StreamID? { entries.last?.id }

    /// Adds an event.
    /// - Parameters:
    ///   - data: what the producer wrote: a valid JSON object with at least one member.
    ///   - channel: its `channel_id`.
    public mutating func append(id: StreamID, data: UnsafeRawBufferPointer, channel: ChannelSource) {
        let bodyStart = EventLayout.bodyStart(of: data)
        let body = UnsafeRawBufferPointer(rebasing: data[bodyStart...])
        switch channel {
        case .data(let range):
            let hash = ChannelHash(UnsafeRawBufferPointer(rebasing: data[range]))
            append(id: id, body: body) { _, bodyOffset in
                (hash, UInt32(bodyOffset + range.lowerBound - bodyStart), UInt32(range.count))
            }
        case .decoded(let name):
            append(id: id, body: body, channelName: name)
        }
    }

    /// Adds an event whose text behind the brace and whose channel are known: a replay's.
    public mutating func append(id: StreamID, body: [UInt8], channel: Channel) {
        body.withUnsafeBytes { body in
            channel.name.withUnsafeBytes { append(id: id, body: body, channelName: $0) }
        }
    }

    private mutating func append(id: StreamID, body: UnsafeRawBufferPointer, channelName: UnsafeRawBufferPointer) {
        append(id: id, body: body) { storage, _ in
            let start = UInt32(storage.count)
            storage.append(channelName)
            return (ChannelHash(channelName), start, UInt32(channelName.count))
        }
    }

    private mutating func append(
        id: StreamID, body: UnsafeRawBufferPointer,
        placeChannel: (inout ByteStorage, _ bodyOffset: Int) -> (ChannelHash, UInt32, UInt32)
    ) {
        let start = storage.count
        storage.append(EventLayout.streamPrefix)
        let idLength = storage.append(id)
        storage.append(EventLayout.streamData)

        let textLength = EventLayout.opening(idLength: UInt8(idLength)) + body.count
        let frameStart = storage.count
        storage.extend(by: EventLayout.frameHeaderLength(payload: textLength)) {
            EventLayout.writeFrameHeader(payload: textLength, into: $0)
        }

        let textStart = storage.count
        storage.append(EventLayout.textOpening)
        _ = storage.append(id)
        storage.append(EventLayout.textSeparator)
        let bodyOffset = storage.count
        storage.extend(by: body.count) {
            $0.copyMemory(from: body)
            EventLayout.flatten($0)
        }
        storage.append(EventLayout.streamEnd)

        let (hash, channelStart, channelLength) = placeChannel(&storage, bodyOffset)
        entries.append(
            Entry(
                id: id, channelHash: hash, start: UInt32(start), frameStart: UInt32(frameStart),
                textStart: UInt32(textStart), textLength: UInt32(textLength), channelStart: channelStart,
                channelLength: channelLength, idLength: UInt8(idLength)))
    }

    /// Ends the batch and gives its events their numbers.
    /// - Parameter index: the index of the log it will be appended to; its buckets are moved on to these events.
    public consuming func seal(index: inout BucketIndex) -> Batch {
        var entries = entries
        let first = index.nextNumber
        for position in entries.indices {
            entries[position].previous = index.add(entries[position].channelHash)
        }
        return Batch(block: storage.finish(), entries: entries, firstNumber: first)
    }

    /// Ends a batch that will be in no log: a replay for one connection.
    public consuming func sealForReplay() -> Batch {
        Batch(block: storage.finish(), entries: entries, firstNumber: 1)
    }
}

extension ByteStorage {
    mutating func append(_ literal: StaticString) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends the ID's text and returns its length.
    mutating func append(_ id: StreamID) -> Int {
        withUnsafeTemporaryAllocation(byteCount: StreamID.maximumTextLength, alignment: 1) { text in
            let length = id.write(into: text)
            append(UnsafeRawBufferPointer(rebasing: text[..<length]))
            return length
        }
    }
}
