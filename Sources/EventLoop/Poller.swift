import CLinux
import Glibc

/// The wrapper of epoll: no state but the kernel's, and the buffer that events are delivered in.
struct Poller: ~Copyable {
    /// 512 events are 6 KiB: more than a busy loop sees in one wait; what does not fit comes with the next one.
    private static let capacity = 512

    private let epoll: Descriptor
    private let events: UnsafeMutablePointer<epoll_event>

    init() throws(SystemError) {
        let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .last("epoll_create1") }
        epoll = Descriptor(owning: descriptor)
        events = .allocate(capacity: Self.capacity)
        events.initialize(repeating: epoll_event(), count: Self.capacity)
    }

    deinit {
        events.deallocate()
    }

    func add(_ registration: Registration, mask: UInt32) throws(SystemError) {
        let code = control(EPOLL_CTL_ADD, registration, mask: mask)
        guard code == 0 else { throw SystemError(operation: "epoll_ctl(ADD)", code: code) }
    }

    /// Cannot fail for a descriptor that is in the set; one that was closed without `deregister` is no longer in it,
    /// and then there is nothing to change.
    func modify(_ registration: Registration, mask: UInt32) {
        _ = control(EPOLL_CTL_MOD, registration, mask: mask)
    }

    /// As `modify`: nothing to do for a descriptor that the kernel has dropped by itself.
    func remove(_ registration: Registration) {
        _ = control(EPOLL_CTL_DEL, registration, mask: 0)
    }

    private func control(_ operation: Int32, _ registration: Registration, mask: UInt32) -> Int32 {
        var event = epoll_event()
        event.events = mask
        event.data.u64 = UInt64(registration.generation) << 32 | UInt64(UInt32(bitPattern: registration.descriptor))
        guard epoll_ctl(epoll.rawValue, operation, registration.descriptor, &event) != 0 else { return 0 }
        return errno
    }

    /// Waits at most so many milliseconds (-1: for ever) and says how many events `event(_:)` now has. A signal ends
    /// the wait early.
    func wait(timeoutMilliseconds: Int32) -> Int {
        let count = epoll_wait(epoll.rawValue, events, Int32(Self.capacity), timeoutMilliseconds)
        guard count < 0 else { return Int(count) }
        let code = errno
        precondition(code == EINTR, "epoll_wait failed with errno \(code), which only a loop that is misused can see")
        return 0
    }

    /// The event at `index`, below the count of the last `wait`.
    func event(_ index: Int) -> (registration: Registration, mask: UInt32) {
        precondition(index < Self.capacity)
        // Sound: all `capacity` elements were initialised, and epoll_wait only overwrites them.
        let event = events[index]
        let data = event.data.u64
        let registration = Registration(
            descriptor: Int32(bitPattern: UInt32(truncatingIfNeeded: data)),
            generation: UInt32(truncatingIfNeeded: data >> 32))
        return (registration, event.events)
    }
}
