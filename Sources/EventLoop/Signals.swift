import CLinux
import Glibc

/// Signals as events of a loop.
public enum Signals {
    /// Makes the process ignore `SIGPIPE`. `ByteStream` never raises it; other libraries' writes may.
    public static func ignoreBrokenPipe() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Blocks signals in the calling thread and in all threads it starts from now on, so that only `deliver` gets
    /// them. Call it at the start of the process: a thread that is there already would still be interrupted.
    public static func block(_ signals: [Int32]) throws(SystemError) {
        var set = try signalSet(signals)
        let code = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw SystemError(operation: "pthread_sigmask", code: code) }
    }

    /// Calls `handler` with the signal's number, on the loop's thread, whenever one of the signals arrives. They must be
    /// blocked. Signals of one number that arrive before the loop comes to it count as one. Ends with `deregister`.
    @discardableResult
    public static func deliver(
        _ signals: [Int32], on loop: EventLoop, _ handler: @escaping (Int32) -> Void
    ) throws(SystemError) -> Registration {
        var set = try signalSet(signals)
        let descriptor = signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("signalfd") }
        let receiver = SignalReceiver(Descriptor(owning: descriptor), handler)
        return try loop.register(descriptor, interest: .read, handler: receiver)
    }

    private static func signalSet(_ signals: [Int32]) throws(SystemError) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in signals {
            guard sigaddset(&set, number) == 0 else { throw .last("sigaddset(\(number))") }
        }
        return set
    }
}

private final class SignalReceiver: ReadinessHandler {
    private let descriptor: Descriptor
    private let handler: (Int32) -> Void

    init(_ descriptor: consuming Descriptor, _ handler: @escaping (Int32) -> Void) {
        self.descriptor = descriptor
        self.handler = handler
    }

    func handle(_ ready: Ready) {
        // One at a time: level-triggered, so what is left comes with the next turn.
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        var count = read(descriptor.rawValue, &info, size)
        while count < 0 && errno == EINTR { count = read(descriptor.rawValue, &info, size) }
        if count == size { handler(Int32(bitPattern: info.ssi_signo)) }
    }
}
