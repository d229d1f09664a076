package import EventLog
package import Glibc

/// Some events in a row in one encoding, as slices of their batches: one gathered write.
///
/// A scratch value of the loop, filled anew for each use; it keeps the batches alive whose bytes it points to.
package struct Gather {
    struct Event {
        var number: EventNumber
        var id: StreamID
        /// Bytes of everything up to the end of this one.
        var end: Int
        /// Where it stands: of which owner, and there at which index. An owner below 0 is the complement of one among the
        /// compressed frames.
        fileprivate var owner: Int32
        fileprivate var index: Int32
    }

    /// Slices in one write: `IOV_MAX` (1,024 on Linux).
    static let maximumSlices = 1024
    /// Bytes after which no further event is added: more than a socket buffer takes at once, little enough that one
    /// connection does not hold the loop for long.
    static let maximumBytes = 256 * 1024

    private(set) var encoding = Encoding.webSocket
    package private(set) var slices: [iovec] = []
    private(set) var events: [Event] = []
    private var owners: [Batch] = []
    /// Compressed frames whose bytes it points to.
    private var frames: [DeflatedEvents.Frame] = []
    /// Where those come from; without it nothing is compressed.
    private let deflated: DeflatedEvents?

    init(deflated: DeflatedEvents) { self.deflated = deflated }

    package init() { deflated = nil }

    var isEmpty: Bool { events.isEmpty }
    var isFull: Bool {
        slices.count > Self.maximumSlices - encoding.slicesPerEvent || byteCount >= Self.maximumBytes
    }
    var byteCount: Int { events.last?.end ?? 0 }

    /// Begins anew.
    package mutating func removeAll(for encoding: Encoding) {
        self.encoding = encoding
        slices.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        owners.removeAll(keepingCapacity: true)
        if !frames.isEmpty { frames.removeAll(keepingCapacity: true) }
    }

    /// - Parameter isReplay: the batch is in no log, its events have no number.
    package mutating func add(_ batch: Batch, _ index: Int, isReplay: Bool = false) {
        let length: Int
        switch encoding {
        case .compressedWebSocket:
            if let frame = deflated?.frame(batch, index, isReplay: isReplay) {
                append(frame.bytes)
                frames.append(frame)
                return note(batch, index, frame.bytes.count, owner: ~(frames.count - 1), isReplay)
            }
            fallthrough
        case .webSocket:
            let frame = batch.frame(index)
            append(frame)
            length = frame.count
        case .eventStream:
            let prefix = batch.eventStreamPrefix(index)
            let data = batch.eventStreamData(index)
            appendMerging(prefix)
            append(data)
            length = prefix.count + data.count
        case .poll:
            let text = batch.text(index)
            append(text)
            length = text.count
        }
        if owners.last !== batch { owners.append(batch) }
        note(batch, index, length, owner: owners.count - 1, isReplay)
    }

    private mutating func note(_ batch: Batch, _ index: Int, _ length: Int, owner: Int, _ isReplay: Bool) {
        events.append(
            Event(
                number: isReplay ? 0 : batch.firstNumber + EventNumber(index), id: batch.entries[index].id,
                end: byteCount + length, owner: Int32(owner), index: Int32(index)))
    }

    private mutating func append(_ slice: UnsafeRawBufferPointer) {
        // The kernel only reads through the pointer.
        slices.append(iovec(iov_base: UnsafeMutableRawPointer(mutating: slice.baseAddress), iov_len: slice.count))
    }

    /// An event's prefix stands right behind the event before it, if that is the one before it in its batch.
    private mutating func appendMerging(_ slice: UnsafeRawBufferPointer) {
        if let last = slices.last, let end = last.iov_base.map({ UnsafeRawPointer($0) + last.iov_len }),
            end == slice.baseAddress
        {
            slices[slices.count - 1].iov_len += slice.count
        } else {
            append(slice)
        }
    }

    /// Of a poll: the JSON of the event at this place.
    func text(_ event: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: slices[event].iov_base, count: slices[event].iov_len)
    }

    /// What a socket is still to be sent of an event of which it has taken the beginning.
    struct Remainder {
        var event: Int
        /// What is left of an event stream's prefix; empty for a WebSocket.
        var prefix: UnsafeRawBufferPointer
        /// The frame and the event stream's end (``Batch/frameAndStreamEnd(_:)``), or the compressed frame.
        var run: UnsafeRawBufferPointer
        /// What is left, behind the prefix: this part of the run.
        var range: Range<Int>
        /// The run is a compressed frame.
        var isCompressed = false
    }

    /// The rest of the event that `sent` bytes of this gather end in, if they end inside one.
    func remainder(after sent: Int) -> Remainder? {
        guard let event = events.firstIndex(where: { $0.end > sent }) else { return nil }
        let start = event == 0 ? 0 : events[event - 1].end
        guard sent > start else { return nil }
        let missing = events[event].end - sent
        let owner = Int(events[event].owner)
        if owner < 0 {
            let run = frames[~owner].bytes
            return Remainder(
                event: event, prefix: .init(start: nil, count: 0), run: run, range: (run.count - missing)..<run.count,
                isCompressed: true)
        }
        let batch = owners[owner]
        let index = Int(events[event].index)
        let run = batch.frameAndStreamEnd(index)
        switch encoding {
        case .poll:
            // Whole events are collected.
            return nil
        case .webSocket, .compressedWebSocket:
            let end = batch.frame(index).count
            return Remainder(
                event: event, prefix: .init(start: nil, count: 0), run: run, range: (end - missing)..<end)
        case .eventStream:
            let data = batch.eventStreamData(index).count
            let prefix = batch.eventStreamPrefix(index)
            return Remainder(
                event: event, prefix: .init(rebasing: prefix.suffix(max(missing - data, 0))), run: run,
                range: (run.count - min(missing, data))..<run.count)
        }
    }

    /// How many whole events the first `sent` bytes hold.
    func wholeEvents(in sent: Int) -> Int {
        events.firstIndex { $0.end > sent } ?? events.count
    }
}
