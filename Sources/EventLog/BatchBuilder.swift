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

    /// About what is laid around a producer's object, in bytes.
    public static let bytesAround = 2 * StreamID.maximumTextLength

    /// Sets room aside for what will be added.
    public mutating func reserve(events: Int, bytes: Int) {
        entries.reserveCapacity(entries.count + events)
        storage.reserve(bytes)
    }

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
            layOut(
                id, body, hash, channelStart: range.lowerBound - bodyStart, channelLength: range.count,
                name: UnsafeRawBufferPointer(start: nil, count: 0))
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
        layOut(
            id, body, ChannelHash(channelName), channelStart: nil, channelLength: channelName.count, name: channelName)
    }

    /// - Parameters:
    ///   - channelStart: where the channel's name stands in the body; nil if `name` is to be put behind the event.
    private mutating func layOut(
        _ id: StreamID, _ body: UnsafeRawBufferPointer, _ hash: ChannelHash, channelStart: Int?, channelLength: Int,
        name: UnsafeRawBufferPointer
    ) {
        let idText = id.text
        let textLength = EventLayout.opening(idLength: idText.count) + body.count
        let headerLength = EventLayout.frameHeaderLength(payload: textLength)
        let start = storage.count
        let frameStart = start + EventLayout.prefixLength(idLength: idText.count)
        let textStart = frameStart + headerLength
        let end = textStart + textLength + EventLayout.streamEnd.utf8CodeUnitCount
        storage.extend(by: end - start + name.count) { bytes in
            var writer = ByteWriter(bytes)
            writer.write(EventLayout.streamPrefix)
            writer.write(idText)
            writer.write(EventLayout.streamData)
            writer.write(headerLength) { EventLayout.writeFrameHeader(payload: textLength, into: $0) }
            writer.write(EventLayout.textOpening)
            writer.write(idText)
            writer.write(EventLayout.textSeparator)
            writer.write(body.count) {
                $0.copyMemory(from: body)
                EventLayout.flatten($0)
            }
            writer.write(EventLayout.streamEnd)
            writer.write(name.count) { $0.copyMemory(from: name) }
            writer.finish()
        }
        let bodyStart = textStart + EventLayout.opening(idLength: idText.count)
        entries.append(
            Entry(
                id: id, channelHash: hash, start: UInt32(start), frameStart: UInt32(frameStart),
                textStart: UInt32(textStart), textLength: UInt32(textLength),
                channelStart: UInt32(channelStart.map { bodyStart + $0 } ?? end), channelLength: UInt32(channelLength),
                idLength: UInt8(idText.count)))
    }

    /// Ends the batch and gives its events their numbers.
    /// - Parameter index: the index of the log it will be appended to; its buckets are moved on to these events.
    public consuming func seal(index: inout BucketIndex) -> Batch {
        // Taken out, so that there is but one of it and it need not be copied to be written to.
        var entries: [Entry] = []
        swap(&entries, &self.entries)
        let first = index.nextNumber
        index.link(&entries)
        return Batch(block: storage.finish(), entries: entries, firstNumber: first)
    }

    /// Ends a batch that will be in no log: a replay for one connection.
    public consuming func sealForReplay() -> Batch {
        Batch(block: storage.finish(), entries: entries, firstNumber: 1)
    }
}
