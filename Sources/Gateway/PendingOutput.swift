import EventLoop

/// The last bytes of an event that some sockets are in the middle of: shared by all who stopped inside it.
final class FrameBytes {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// What a socket would not take: never more than the rest of one event and a few control frames, comments or answers.
/// Events are not queued here; their place is the subscriber's cursor.
struct PendingOutput {
    /// The rest of an event.
    struct Tail {
        /// What is the socket's own, before the shared bytes: of an event stream's prefix.
        var prefix: [UInt8]
        let frame: FrameBytes
        /// Which of the frame's bytes are left.
        var range: Range<Int>
    }

    private final class Contents {
        /// To be sent before all else.
        var tail: Tail?
        /// Whole pieces, behind the tail.
        var control: [UInt8] = []
        var controlOffset = 0
    }

    /// Nil when nothing waits: nearly always, and then there is no memory for it.
    private var contents: Contents?

    var isEmpty: Bool { contents == nil }

    /// Nothing else may wait.
    mutating func setTail(_ tail: Tail) { make().tail = tail }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if !bytes.isEmpty { make().control.append(contentsOf: bytes) }
    }

    private mutating func make() -> Contents {
        if let contents { return contents }
        let made = Contents()
        contents = made
        return made
    }

    /// Takes out what waits, if it is whole pieces only.
    mutating func takeControl() -> [UInt8]? {
        guard let held = contents, held.tail == nil else { return nil }
        contents = nil
        return held.controlOffset == 0 ? held.control : Array(held.control[held.controlOffset...])
    }

    enum Flushed: Equatable {
        case all
        case blocked
        case failed(SystemError)
    }

    /// Writes what it can, what the stream itself still holds first.
    mutating func flush(to stream: ByteStream) -> Flushed {
        switch stream.flushTaken() {
        case .wrote: break
        case .wouldBlock: return .blocked
        case .failed(let error): return .failed(error)
        }
        guard let contents else { return .all }
        while var rest = contents.tail {
            let outcome =
                if rest.prefix.isEmpty {
                    rest.frame.bytes.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[rest.range])) }
                } else {
                    rest.prefix.withUnsafeBytes { stream.write($0) }
                }
            switch outcome {
            case .wrote(let count):
                if rest.prefix.isEmpty {
                    rest.range = (rest.range.lowerBound + count)..<rest.range.upperBound
                } else {
                    rest.prefix.removeFirst(count)
                }
                contents.tail = rest.range.isEmpty && rest.prefix.isEmpty ? nil : rest
            case .wouldBlock:
                return .blocked
            case .failed(let error):
                return .failed(error)
            }
        }
        while contents.controlOffset < contents.control.count {
            let outcome = contents.control.withUnsafeBytes {
                stream.write(UnsafeRawBufferPointer(rebasing: $0[contents.controlOffset...]))
            }
            switch outcome {
            case .wrote(let count):
                contents.controlOffset += count
            case .wouldBlock:
                return .blocked
            case .failed(let error):
                return .failed(error)
            }
        }
        self.contents = nil
        return stream.hasUnsentOutput ? .blocked : .all
    }
}
