import EventLoop
import Synchronization

/// What the reader has handed to another loop and that loop has not delivered yet, in bytes.
///
/// A loop that is kept from running must not let its mailbox fill memory: the reader waits for it. Shared by the two loops
/// and safe from both; atomic numbers, since a message back for each batch would wake the reader as often as the batch woke the
/// loop.
final class LoopBacklog: Sendable {
    private let bytes = Atomic(0)
    private let isAwaited = Atomic(false)
    private let limit: Int

    /// - Parameter limit: so many bytes may wait.
    init(limit: Int) { self.limit = limit }

    /// Of a log of so many bytes a quarter may wait: the reader's own log still holds these batches, so that they cost no
    /// memory. A megabyte in any case, or a small log would be read in small steps.
    convenience init(historyBytes: Int) { self.init(limit: max(historyBytes / 4, 1 << 20)) }

    /// The reader's: hands over so many bytes.
    func add(_ count: Int) { bytes.add(count, ordering: .sequentiallyConsistent) }

    /// The reader's: whether it must wait. Then ``remove(_:)`` will tell when it need not any more.
    func mustBeAwaited() -> Bool {
        guard bytes.load(ordering: .sequentiallyConsistent) > limit else { return false }
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        // Looked at again behind the store: either this sees what was removed, or the remover sees the store.
        guard bytes.load(ordering: .sequentiallyConsistent) <= limit / 2 else { return true }
        return !isAwaited.exchange(false, ordering: .sequentiallyConsistent)
    }

    /// The loop's: has delivered so many bytes. Returns whether the reader waits for that and is to be told.
    func remove(_ count: Int) -> Bool {
        let left = bytes.subtract(count, ordering: .sequentiallyConsistent).newValue
        guard left <= limit / 2, isAwaited.load(ordering: .sequentiallyConsistent) else { return false }
        return isAwaited.exchange(false, ordering: .sequentiallyConsistent)
    }
}

/// What a loop owes the reader for what it was handed: to be settled once that is delivered.
struct LoopDebt: Sendable {
    private let settlement: (backlog: LoopBacklog, bytes: Int, reader: Mailbox<LoopMessage>)?

    /// The reader's own loop owes itself nothing.
    static let none = LoopDebt()

    private init() { settlement = nil }

    init(backlog: LoopBacklog, bytes: Int, reader: Mailbox<LoopMessage>) { settlement = (backlog, bytes, reader) }

    func settle() {
        guard let (backlog, bytes, reader) = settlement, backlog.remove(bytes) else { return }
        reader.post(.loopHasCaughtUp)
    }
}
