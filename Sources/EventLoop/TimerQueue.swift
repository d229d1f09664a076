/// Names a scheduled action.
public struct TimerToken: Hashable, Sendable {
    let number: UInt64
}

/// Actions by the time they are due: a binary heap of (time, number), and the actions by number so that one can be
/// cancelled in O(1). Two at the same time are due in the order they were scheduled.
///
/// Actions are handed out, never dropped inside: their captured objects may call back into the loop when released.
struct TimerQueue {
    private struct Entry {
        var time: MonotonicTime
        var number: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            left.time == right.time ? left.number < right.number : left.time < right.time
        }
    }

    private var heap: [Entry] = []
    private var actions: [UInt64: () -> Void] = [:]
    private var lastNumber: UInt64 = 0

    /// How many actions wait.
    var count: Int { actions.count }

    /// How many heap places are used, those of cancelled actions included.
    var heapCount: Int { heap.count }

    /// When the first action is due.
    mutating func nextTime() -> MonotonicTime? {
        dropCancelled()
        return heap.first?.time
    }

    mutating func insert(at time: MonotonicTime, _ action: @escaping () -> Void) -> TimerToken {
        lastNumber += 1
        actions[lastNumber] = action
        heap.append(Entry(time: time, number: lastNumber))
        siftUp(heap.count - 1)
        return TimerToken(number: lastNumber)
    }

    /// Takes the action out, if it still waits.
    mutating func remove(_ token: TimerToken) -> (() -> Void)? {
        guard let action = actions.removeValue(forKey: token.number) else { return nil }
        // Deadlines that are set and cancelled all the time must not pile up until they would have been due.
        if heap.count > 2 * actions.count + 16 { compact() }
        return action
    }

    /// The tokens due at `now`, in order. They stay until `remove`, so that one of them can still cancel another.
    mutating func takeDue(at now: MonotonicTime) -> [TimerToken] {
        var due: [TimerToken] = []
        while let first = heap.first, first.time <= now {
            removeFirst()
            if actions[first.number] != nil { due.append(TimerToken(number: first.number)) }
        }
        return due
    }

    private mutating func dropCancelled() {
        while let first = heap.first, actions[first.number] == nil { removeFirst() }
    }

    private mutating func compact() {
        heap.removeAll { actions[$0.number] == nil }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        if !heap.isEmpty { siftDown(0) }
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index] < heap[parent] else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in (2 * index + 1)...(2 * index + 2) where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
