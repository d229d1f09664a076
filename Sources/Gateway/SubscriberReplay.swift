import EventLog

extension Subscriber {
    /// What a round of reading from Redis found, while it is being sent.
    struct Replay {
        let batch: Batch
        /// The first event of the batch that was not handed to the socket.
        var next = 0
        var then: ReplayPlan.Next
        /// Where to go on if what is left from each event of the batch on is let go; nil where that cannot be said.
        private var restarts: [ResumePoint?]
        private var lease: ReplayBudget.Lease?

        init(_ plan: ReplayPlan, of channel: Channel) {
            var builder = BatchBuilder(capacity: plan.sends.reduce(0) { $0 + $1.body.count + 160 })
            for send in plan.sends { builder.append(id: send.id, body: send.body, channel: channel) }
            batch = builder.sealForReplay()
            then = plan.next
            restarts = plan.sends.indices.map { plan.resumePoint(before: $0) }
        }

        private var footprint: Int { batch.footprint + restarts.count * MemoryLayout<ResumePoint?>.stride }

        /// The socket takes no more for now. Returns where to go on later if what is left must not wait in memory.
        mutating func wait(within budget: ReplayBudget) -> ResumePoint? {
            if lease != nil { return nil }
            lease = budget.lease(footprint)
            return lease == nil && restarts.indices.contains(next) ? restarts[next] : nil
        }

        /// IDs above those that both sides of a break have in common mean something else from now on.
        mutating func logHasBroken(_ next: Break) {
            restarts = []
            switch then {
            case .log(let number, let place, var exceptions):
                exceptions.keep(through: next.common)
                then = .log(number, at: place, exceptions)
            case .again(let point, var exceptions):
                exceptions.keep(through: next.common)
                var point = point
                if case .settled(let id, _) = point, id > next.common {
                    exceptions.hadOfStreamBefore(through: id)
                    point = .settled(next.common, frontier: nil)
                }
                then = .again(point, exceptions)
            }
        }
    }
}

/// Bytes of replays that wait in memory for sockets that take no more. Beyond a loop's share a replay is let go, and what
/// is left of it read again when the socket takes more: many slow readers cost Redis some reading, not us memory.
final class ReplayBudget {
    /// For all loops together.
    private static let bytes = 2 * 1024 * 1024
    private let share: Int
    private var held = 0

    init(loopCount: Int) { share = Self.bytes / loopCount }

    /// A part of the budget, given back when it is let go of.
    final class Lease {
        private let budget: ReplayBudget
        private let bytes: Int

        fileprivate init(_ budget: ReplayBudget, _ bytes: Int) {
            self.budget = budget
            self.bytes = bytes
            budget.held += bytes
        }

        deinit { budget.held -= bytes }
    }

    func lease(_ bytes: Int) -> Lease? { held + bytes <= share ? Lease(self, bytes) : nil }
}
