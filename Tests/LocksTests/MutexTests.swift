import Foundation
import Locks
import Testing

@Suite struct MutexTests {
    private final class Shared: Sendable {
        let count = Mutex(0)
    }

    /// Lets go of what it holds, which a test can see.
    private final class Witness: Sendable {}

    @Test func whatManyThreadsAddIsAllThere() {
        let shared = Shared()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<10_000 { shared.count.withLock { $0 += 1 } }
        }
        #expect(shared.count.withLock { $0 } == 80_000)
    }

    @Test func whoDoesNotWaitIsToldThatItIsTaken() {
        let shared = Shared()
        shared.count.withLock { _ in
            #expect(shared.count.withLockIfAvailable { $0 } == nil)
        }
        #expect(shared.count.withLockIfAvailable { $0 } == 0)
    }

    @Test func anErrorGivesTheLockBack() {
        struct Mishap: Error {}
        let shared = Shared()
        #expect(throws: Mishap.self) {
            try shared.count.withLock { count throws(Mishap) in
                count = 7
                throw Mishap()
            }
        }
        #expect(shared.count.withLockIfAvailable { $0 } == 7)
    }

    @Test func theValueGoesWithTheMutex() {
        weak var held: Witness?
        do {
            let witness = Witness()
            held = witness
            let mutex = Mutex<Witness?>(witness)
            #expect(mutex.withLock { $0 != nil })
        }
        #expect(held == nil)
    }
}
