import EventLoop
import Glibc

/// Why waiting ended without what was waited for.
enum WaitError: Error, Equatable {
    /// A signal asks the program to end.
    case interrupted
    case timedOut
    /// A sentence.
    case failed(String)
}

/// How the commands wait: for one thing at a time, on a loop, so that a signal ends every wait.
///
/// Confined to one thread.
final class Waiter {
    let loop: EventLoop
    /// A signal asks the program to end.
    private(set) var isInterrupted = false
    private var mailbox: Mailbox<Resolution>?
    private var resolution: Resolution?

    /// - Parameter signals: those that end a wait; they are blocked in this thread from now on. None: they do what they
    ///   do by themselves.
    init(endedBy signals: [Int32] = []) throws(CommandFailure) {
        do {
            loop = try EventLoop()
            guard !signals.isEmpty else { return }
            try Signals.block(signals)
            try Signals.deliver(signals, on: loop) { [weak self] _ in self?.isInterrupted = true }
        } catch {
            throw CommandFailure("The system refuses what waiting needs: \(error).")
        }
    }

    /// The moment so many milliseconds from now.
    func deadline(milliseconds: Int64) -> MonotonicTime { MonotonicTime.now().advanced(byMilliseconds: milliseconds) }

    /// Takes turns of the loop until the condition holds.
    func wait(until deadline: MonotonicTime, for condition: () -> Bool) throws(WaitError) {
        while !condition() {
            if isInterrupted { throw .interrupted }
            let now = MonotonicTime.now()
            guard now < deadline else { throw .timedOut }
            // Rounded up, so that the last turn does not end just before the deadline.
            loop.turn(timeoutMilliseconds: Int32(clamping: deadline.milliseconds(since: now) &+ 1))
        }
    }

    /// Waits for no more than the time to pass.
    func pause(milliseconds: Int64) throws(WaitError) {
        do {
            try wait(until: deadline(milliseconds: milliseconds)) { false }
        } catch {
            if error != .timedOut { throw error }
        }
    }

    /// The addresses of a host, in the order to try them.
    func resolve(host: String, port: UInt16, until deadline: MonotonicTime) throws(WaitError) -> [SocketAddress] {
        resolution = nil
        do {
            Resolver.resolve(host: host, port: port, to: try resolutionMailbox())
        } catch {
            throw .failed("The name \(host) cannot be looked up: \(error).")
        }
        // One that was given up for lack of time may still come in: not every answer is the one to this question.
        try wait(until: deadline) { resolution?.host == host && resolution?.port == port }
        switch resolution?.result {
        case .success(let addresses): return addresses
        case .failure(let error): throw .failed(error.description)
        case nil: throw .timedOut
        }
    }

    /// One for all questions: a mailbox stays with the loop for good, and a client may ask for days.
    private func resolutionMailbox() throws(SystemError) -> Mailbox<Resolution> {
        if let mailbox { return mailbox }
        let made = try loop.makeMailbox(of: Resolution.self) { [weak self] in self?.resolution = $0.last }
        mailbox = made
        return made
    }
}
