/// `maxPublishesInFlight`: a loop's share of the events that may be on their way from a client to Redis at once, which is
/// what bounds the memory for their bodies.
///
/// Confined to its loop's thread.
final class PublishSlots {
    private let limit: Int
    private(set) var used = 0
    /// Called when the last one was given back.
    var whenEmpty: (() -> Void)?

    /// - Parameter limit: of all loops together; each has one at least.
    init(limit: Int, loopCount: Int) { self.limit = max(limit / loopCount, 1) }

    /// A slot, given back when it is let go of.
    final class Slot {
        private let slots: PublishSlots

        fileprivate init(_ slots: PublishSlots) {
            self.slots = slots
            slots.used += 1
        }

        deinit {
            slots.used -= 1
            if slots.used == 0 { slots.whenEmpty?() }
        }
    }

    /// Nil when there is none.
    func take() -> Slot? { used < limit ? Slot(self) : nil }
}
