import CLinux
import Glibc
import Locks

/// A named thread that runs one closure.
///
/// It inherits the signal mask of the thread that starts it. A `LoopThread` that is let go without `join()` runs on
/// by itself.
public final class LoopThread: Sendable {
    /// What the new thread takes over; the ownership goes through the pointer that `pthread_create` passes on.
    private final class Start {
        let name: String
        let body: () -> Void

        init(name: String, body: @escaping () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let thread: Mutex<pthread_t?>

    private init(_ thread: pthread_t) {
        self.thread = Mutex(thread)
    }

    deinit {
        thread.withLock { thread in
            if let thread { pthread_detach(thread) }
        }
    }

    /// Starts a thread. The kernel keeps the first 15 bytes of the name.
    public static func start(
        name: String, _ body: sending @escaping () -> Void
    ) throws(SystemError) -> LoopThread {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                // Sound: the pointer is the retained `Start` of below, taken once, by this thread only.
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                nameThread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw SystemError(operation: "pthread_create", code: code)
        }
        return LoopThread(thread)
    }

    /// Waits until the closure has returned. A second call returns at once.
    public func join() {
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }
}

private func nameThread(_ name: String) {
    // pthread_setname_np refuses longer names instead of cutting them.
    let bytes = name.utf8.prefix(15).map { CChar(bitPattern: $0) } + [0]
    pthread_setname_np(pthread_self(), bytes)
}
