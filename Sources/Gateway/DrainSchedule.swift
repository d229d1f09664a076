import EventLoop
import Synchronization

/// Spreads the good-byes of an orderly stop evenly over `drainMs`, so that the clients do not all come back at once.
struct DrainSchedule {
    let start: MonotonicTime
    let milliseconds: Int64
    let count: Int

    /// When the connection with this index, from 0 up to `count`, is told to go. The first goes at once, the last
    /// before the end.
    func deadline(_ index: Int) -> MonotonicTime {
        guard count > 0 else { return start }
        return start.advanced(byMilliseconds: milliseconds * Int64(index) / Int64(count))
    }

    /// When whoever is still there is cut off: the last one has had a second for its closing handshake.
    var end: MonotonicTime { start.advanced(byMilliseconds: milliseconds + 1000) }
}

/// A number that threads count up together.
final class SharedCount: Sendable {
    private let value = Atomic(0)

    /// Adds one and returns how many there are then.
    func increment() -> Int { value.add(1, ordering: .acquiringAndReleasing).newValue }
}
