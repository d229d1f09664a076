import Glibc

/// The one owner of an open file descriptor: it is closed exactly once, by `close()` or when the value goes away.
public struct Descriptor: ~Copyable, Sendable {
    /// The descriptor's number; valid only while this value lives.
    public let rawValue: Int32

    /// Takes over an open descriptor; nobody else may close it from now on.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// Closes the descriptor now.
    public consuming func close() {}

    /// Gives the ownership up: the caller closes the number that is returned.
    public consuming func release() -> Int32 {
        let number = rawValue
        discard self
        return number
    }

    deinit {
        // Never retried: Linux frees the number even when close() reports EINTR, and a second close could hit a
        // descriptor that another thread has just opened.
        _ = Glibc.close(rawValue)
    }
}
