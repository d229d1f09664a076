/// What became of a read.
public enum ReadOutcome: Equatable, Sendable {
    /// So many bytes were put at the start of the buffer: at least one, unless the buffer was empty.
    case bytes(Int)
    /// Nothing there now; wait until the stream is readable (see also `ByteStream.interestNeeded`).
    case wouldBlock
    /// The peer has finished sending.
    case endOfStream
    /// The stream is broken; close it.
    case failed(SystemError)
}

/// What became of a write.
public enum WriteOutcome: Equatable, Sendable {
    /// So many bytes were taken; fewer than given is a short write, after which one waits until writable.
    case wrote(Int)
    /// None were taken; wait until the stream is writable.
    case wouldBlock
    /// The stream is broken; close it.
    case failed(SystemError)
}
