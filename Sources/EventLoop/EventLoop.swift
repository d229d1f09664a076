import CLinux
import Glibc

/// One epoll, one thread: waits, calls handlers, fires timers, runs what was put off to the end of the turn.
///
/// Made, used and released on one thread (it is not `Sendable`); other threads reach it through a `Mailbox`. It owns no
/// descriptor but its own epoll and its mailboxes' eventfds: whoever registers a descriptor deregisters it, then
/// closes it.
///
/// A turn is: wait, set `now`, call the handlers of what is ready, fire the timers that are due, run the
/// end-of-turn actions.
public final class EventLoop {
    private struct Slot {
        var handler: (any ReadinessHandler)?
        var generation: UInt32 = 0
        var interest: Interest = []
        /// `EPOLLRDHUP` was reported. It stays true for good, so that watching on for it would be a busy loop.
        var hangupReported = false
    }

    /// The moment at which the last wait ended (at first: when the loop was made).
    public private(set) var now: MonotonicTime

    private let clock: () -> MonotonicTime
    private let poller: Poller
    /// Indexed by descriptor.
    private var slots: [Slot] = []
    private var timers = TimerQueue()
    private var endOfTurn: [() -> Void] = []
    private var endOfTurnRunning: [() -> Void] = []
    private var stopRequested = false
    private var inTurn = false

    /// - Parameter clock: gives the time for `now` and the timers; tests pass one of their own.
    public init(clock: @escaping () -> MonotonicTime = MonotonicTime.now) throws(SystemError) {
        poller = try Poller()
        self.clock = clock
        now = clock()
    }

    // MARK: Descriptors

    /// Watches a descriptor, level-triggered. The handler is retained until `deregister`.
    ///
    /// A descriptor that was registered, closed and opened anew without `deregister` in between is taken as new; the
    /// old registration is void. Registering the same open descriptor twice fails with `EEXIST`.
    public func register(
        _ descriptor: Int32, interest: Interest, handler: any ReadinessHandler
    ) throws(SystemError) -> Registration {
        guard descriptor >= 0 else { throw SystemError(operation: "epoll_ctl(ADD)", code: EBADF) }
        let index = Int(descriptor)
        let generation = index < slots.count ? slots[index].generation &+ 1 : 1
        let registration = Registration(descriptor: descriptor, generation: generation)
        try poller.add(registration, mask: Self.mask(interest, hangupReported: false))
        // Only now, that the kernel has confirmed that there is such a descriptor.
        while slots.count <= index { slots.append(Slot()) }
        let old = slots[index].handler
        slots[index] = Slot(handler: handler, generation: generation, interest: interest)
        // Released only now that the table may be entered again: its deinit may call the loop.
        withExtendedLifetime(old) {}
        return registration
    }

    /// Changes what a registration waits for. No system call when nothing changes; nothing at all for a registration
    /// that is void.
    public func modify(_ registration: Registration, interest: Interest) {
        guard let index = liveIndex(registration), slots[index].interest != interest else { return }
        slots[index].interest = interest
        poller.modify(registration, mask: Self.mask(interest, hangupReported: slots[index].hangupReported))
    }

    /// Ends a registration and releases its handler. Call it before the descriptor is closed. Nothing happens for a
    /// registration that is void.
    public func deregister(_ registration: Registration) {
        guard let handler = makeVoid(registration) else { return }
        poller.remove(registration)
        // As in `register`: the last release happens outside of any access to the table.
        withExtendedLifetime(handler) {}
    }

    /// `deregister` for a descriptor that is closed next, and of which there is no duplicate: closing takes it out of the
    /// epoll as well, which saves the system call.
    public func deregisterBeforeClosing(_ registration: Registration) {
        let handler = makeVoid(registration)
        withExtendedLifetime(handler) {}
    }

    /// Returns the handler, to be released outside of any access to the table.
    private func makeVoid(_ registration: Registration) -> (any ReadinessHandler)? {
        guard let index = liveIndex(registration) else { return nil }
        let handler = slots[index].handler
        slots[index].handler = nil
        slots[index].generation &+= 1
        return handler
    }

    private func liveIndex(_ registration: Registration) -> Int? {
        let index = Int(registration.descriptor)
        guard slots.indices.contains(index), slots[index].handler != nil,
            slots[index].generation == registration.generation
        else { return nil }
        return index
    }

    /// `EPOLLHUP` and `EPOLLERR` cannot be masked, so an empty interest is armed for one report only: the kernel
    /// disarms it then, until the next change.
    private static func mask(_ interest: Interest, hangupReported: Bool) -> UInt32 {
        var mask: UInt32 = hangupReported ? 0 : sluice_epollrdhup
        if interest.contains(.read) { mask |= sluice_epollin }
        if interest.contains(.write) { mask |= sluice_epollout }
        if interest.isEmpty { mask |= sluice_epolloneshot }
        return mask
    }

    // MARK: Timers and end of turn

    /// Runs an action once, in the first turn that ends its wait at or after `time`; actions of the same time in the
    /// order of scheduling. One that is due already runs in the next turn (never inside this call).
    @discardableResult
    public func schedule(at time: MonotonicTime, _ action: @escaping () -> Void) -> TimerToken {
        timers.insert(at: time, action)
    }

    /// Takes a scheduled action back. Nothing happens when it has run or was cancelled.
    public func cancel(_ token: TimerToken) {
        let action = timers.remove(token)
        withExtendedLifetime(action) {}
    }

    /// Runs an action once at the end of this turn, or, outside of a turn or from another such action, of the next
    /// one, which then does not sleep.
    public func atEndOfTurn(_ action: @escaping () -> Void) {
        endOfTurn.append(action)
    }

    // MARK: Running

    /// Takes turns until `stop()`.
    public func run() {
        while !stopRequested { turn(timeoutMilliseconds: nil) }
        stopRequested = false
    }

    /// Makes `run()` return when the current turn is complete; called outside of `run()`, makes the next one return
    /// at once.
    public func stop() {
        stopRequested = true
    }

    /// One pass.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait at most for something to happen; `nil` waits for the next
    ///   timer, however long. A signal may end the wait early.
    public func turn(timeoutMilliseconds: Int32?) {
        precondition(!inTurn, "EventLoop.turn or run was called from inside a turn")
        inTurn = true
        defer { inTurn = false }
        let count = poller.wait(timeoutMilliseconds: waitTime(atMost: timeoutMilliseconds))
        now = clock()
        for index in 0..<count {
            let event = poller.event(index)
            dispatch(event.registration, event.mask)
        }
        fireTimers()
        runEndOfTurn()
    }

    private func waitTime(atMost limit: Int32?) -> Int32 {
        if !endOfTurn.isEmpty || stopRequested { return 0 }
        let limit = limit.map { max($0, 0) }
        guard let next = timers.nextTime() else { return limit ?? -1 }
        let (distance, overflow) = next.nanoseconds.subtractingReportingOverflow(clock().nanoseconds)
        let nanoseconds = overflow ? (next.nanoseconds < 0 ? 0 : Int64.max) : max(distance, 0)
        // Rounded up: waking a little early would mean turns with nothing to do until the time has come.
        let milliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
        return Int32(min(milliseconds, Int64(limit ?? Int32.max)))
    }

    private func dispatch(_ registration: Registration, _ mask: UInt32) {
        // Void: the handler was deregistered, or the number re-used, by a handler called before in this turn.
        guard let index = liveIndex(registration), let handler = slots[index].handler else { return }
        var ready: Ready = []
        if mask & (sluice_epollin | sluice_epollpri) != 0 { ready.insert(.readable) }
        if mask & sluice_epollout != 0 { ready.insert(.writable) }
        if mask & (sluice_epollhup | sluice_epollrdhup) != 0 { ready.insert(.hangup) }
        if mask & sluice_epollerr != 0 { ready.insert(.error) }
        handler.handle(ready)
        if mask & sluice_epollrdhup != 0 { noteHangup(registration, mask) }
    }

    /// The peer's end of sending is told once; after that only what the handler asked for, or a full hangup.
    private func noteHangup(_ registration: Registration, _ mask: UInt32) {
        guard let index = liveIndex(registration), !slots[index].hangupReported else { return }
        slots[index].hangupReported = true
        let interest = slots[index].interest
        // An empty interest has now been told of the full hangup too: left disarmed.
        if interest.isEmpty && mask & (sluice_epollhup | sluice_epollerr) != 0 { return }
        poller.modify(registration, mask: Self.mask(interest, hangupReported: true))
    }

    private func fireTimers() {
        // What these schedule waits for the next turn, so that an action that is always due starves nobody.
        for token in timers.takeDue(at: now) {
            let action = timers.remove(token)
            action?()
        }
    }

    private func runEndOfTurn() {
        guard !endOfTurn.isEmpty else { return }
        swap(&endOfTurn, &endOfTurnRunning)
        for action in endOfTurnRunning { action() }
        endOfTurnRunning.removeAll(keepingCapacity: true)
    }
}
