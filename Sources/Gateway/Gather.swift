import EventLog
import Glibc

/// The frames of some events in a row, as slices of their batches: one gathered write.
///
/// A scratch value of the loop, filled anew for each use; it keeps the batches alive whose bytes it points to.
struct Gather {
    struct Event {
        var number: EventNumber
        var id: StreamID
        /// Bytes of all frames up to the end of this one.
        var end: Int
    }

    /// Events in one write: what `IOV_MAX` allows (1,024 on Linux).
    static let maximumEvents = 1024
    /// Bytes after which no further event is added: more than a socket buffer takes at once, little enough that one
    /// connection does not hold the loop for long.
    static let maximumBytes = 256 * 1024

    private(set) var slices: [iovec] = []
    private(set) var events: [Event] = []
    private var owners: [Batch] = []

    var isEmpty: Bool { events.isEmpty }
    var isFull: Bool { events.count >= Self.maximumEvents || byteCount >= Self.maximumBytes }
    var byteCount: Int { events.last?.end ?? 0 }

    mutating func removeAll() {
        slices.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        owners.removeAll(keepingCapacity: true)
    }

    /// - Parameter isReplay: the batch is in no log, its events have no number.
    mutating func add(_ batch: Batch, _ index: Int, isReplay: Bool = false) {
        let frame = batch.frame(index)
        // The kernel only reads through the pointer.
        slices.append(iovec(iov_base: UnsafeMutableRawPointer(mutating: frame.baseAddress), iov_len: frame.count))
        events.append(
            Event(
                number: isReplay ? 0 : batch.firstNumber + EventNumber(index), id: batch.entries[index].id,
                end: byteCount + frame.count))
        if owners.last !== batch { owners.append(batch) }
    }

    /// The rest of the event that `sent` bytes of this gather end in, if they end inside one.
    func remainder(after sent: Int) -> (event: Int, bytes: UnsafeRawBufferPointer)? {
        guard let event = events.firstIndex(where: { $0.end > sent }) else { return nil }
        let start = event == 0 ? 0 : events[event - 1].end
        guard sent > start else { return nil }
        let frame = UnsafeRawBufferPointer(start: slices[event].iov_base, count: slices[event].iov_len)
        return (event, UnsafeRawBufferPointer(rebasing: frame[(sent - start)...]))
    }

    /// How many whole events the first `sent` bytes hold.
    func wholeEvents(in sent: Int) -> Int {
        events.firstIndex { $0.end > sent } ?? events.count
    }
}
