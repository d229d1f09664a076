public import Glibc

/// A value that one thread at a time may touch: `Synchronization.Mutex` as far as its users can see.
///
/// It is a mutex of the C library's and not one of the Swift runtime's, whose futexes ThreadSanitizer does not know: under
/// `make sanitize` it would take all that those guard for unguarded.
///
/// `@unchecked Sendable`: `value` is reached in `withLock` alone, while the mutex is held, and what `withLock` takes in or
/// gives out is `sending`, so that nothing of the value is left with a thread that no longer holds it. Neither pointer
/// changes; both are freed by `deinit`, which runs when nobody borrows the mutex any more.
public struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    /// On the heap: pthreads know a mutex by its address, and a Swift value may move.
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let value: UnsafeMutablePointer<Value>

    public init(_ initialValue: consuming sending Value) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init failed with error \(code).")
        value = .allocate(capacity: 1)
        value.initialize(to: initialValue)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        value.deinitialize(count: 1)
        value.deallocate()
    }

    /// Waits until no other thread is in `withLock`, and runs `body` with the value. A `body` that calls `withLock` of the
    /// same mutex would wait for ever.
    @inlinable
    public borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        // Cannot fail: a plain mutex checks nothing.
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }

    /// The same, or nil at once, without `body`, when another thread is in `withLock`.
    @inlinable
    public borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }
}
