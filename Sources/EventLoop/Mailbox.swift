import CLinux
import Glibc
import Locks

/// The way into a loop from other threads: messages posted from anywhere arrive on the loop's thread, each once, and
/// those of one thread in the order it posted them.
///
/// Lives as long as anyone holds it; receives as long as its loop lives. Messages posted later are dropped.
public final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        /// The eventfd was written and the loop has not yet come to collect: no need to write again.
        var wakeupPending = false
        var closed = false
    }

    private let state = Mutex(State())
    /// Owned here, not by the loop, so that a late `post` cannot write to a number that has another meaning by then.
    private let wakeup: Descriptor

    fileprivate init() throws(SystemError) {
        let descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("eventfd") }
        wakeup = Descriptor(owning: descriptor)
    }

    /// Hands a message to the loop. Safe from any thread, also after the loop is gone (the message is dropped then).
    /// Only the first post after the loop has collected costs a system call.
    public func post(_ message: Message) {
        let wakes = state.withLock { state in
            guard !state.closed else { return false }
            state.messages.append(message)
            defer { state.wakeupPending = true }
            return !state.wakeupPending
        }
        guard wakes else { return }
        var one: UInt64 = 1
        // Fails only when a signal interrupts it: the counter, at most 1 here, cannot overflow.
        while write(wakeup.rawValue, &one, MemoryLayout<UInt64>.size) < 0 && errno == EINTR {}
    }

    var descriptor: Int32 { wakeup.rawValue }

    /// Takes everything out. The eventfd is emptied first: a post in between finds `wakeupPending` set, writes
    /// nothing, and is among the messages taken. The other way round its wake-up would be lost.
    fileprivate func collect() -> [Message] {
        var counter: UInt64 = 0
        while read(wakeup.rawValue, &counter, MemoryLayout<UInt64>.size) < 0 && errno == EINTR {}
        return state.withLock { state in
            state.wakeupPending = false
            var messages: [Message] = []
            swap(&messages, &state.messages)
            return messages
        }
    }

    fileprivate func close() {
        // Returned out of the lock: messages may have a deinit that posts.
        let dropped = state.withLock { state in
            state.closed = true
            var messages: [Message] = []
            swap(&messages, &state.messages)
            return messages
        }
        withExtendedLifetime(dropped) {}
    }
}

/// The loop's end of a mailbox; goes away with the loop, and with it the mailbox's reason to keep messages.
private final class MailboxReceiver<Message: Sendable>: ReadinessHandler {
    private let mailbox: Mailbox<Message>
    private let receive: ([Message]) -> Void

    init(_ mailbox: Mailbox<Message>, _ receive: @escaping ([Message]) -> Void) {
        self.mailbox = mailbox
        self.receive = receive
    }

    deinit {
        mailbox.close()
    }

    func handle(_ ready: Ready) {
        let messages = mailbox.collect()
        if !messages.isEmpty { receive(messages) }
    }
}

extension EventLoop {
    /// Makes a mailbox of this loop. `receive` is called on the loop's thread with all that was posted since its last
    /// call, at least one message. The loop holds it until it goes away itself: a closure that uses the loop, or what
    /// owns the loop, captures it `unowned` or `weak`.
    public func makeMailbox<Message: Sendable>(
        of type: Message.Type, _ receive: @escaping ([Message]) -> Void
    ) throws(SystemError) -> Mailbox<Message> {
        let mailbox = try Mailbox<Message>()
        _ = try register(mailbox.descriptor, interest: .read, handler: MailboxReceiver(mailbox, receive))
        return mailbox
    }
}
