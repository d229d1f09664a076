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

    /// To be sent before all else.
    private var tail: Tail?
    /// Whole pieces, behind the tail.
    private var control: [UInt8] = []
    private var controlOffset = 0

    var isEmpty: Bool { tail == nil && control.isEmpty }
    var controlBytes: Int { control.count - controlOffset }

    mutating func setTail(_ tail: Tail) { self.tail = tail }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { control.append(contentsOf: bytes) }

    enum Flushed: Equatable {
        case all
        case blocked
        case failed(SystemError)
    }

    /// Writes what it can.
    /// - Parameter written: the bytes that were taken are added to it.
    mutating func flush(to stream: ByteStream, written: inout Int) -> Flushed {
        while var rest = tail {
            let outcome =
                if rest.prefix.isEmpty {
                    rest.frame.bytes.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[rest.range])) }
                } else {
                    rest.prefix.withUnsafeBytes { stream.write($0) }
                }
            switch outcome {
            case .wrote(let count):
                written += count
                if rest.prefix.isEmpty {
                    rest.range = (rest.range.lowerBound + count)..<rest.range.upperBound
                } else {
                    rest.prefix.removeFirst(count)
                }
                tail = rest.range.isEmpty && rest.prefix.isEmpty ? nil : rest
            case .wouldBlock:
                return .blocked
            case .failed(let error):
                return .failed(error)
            }
        }
        while controlOffset < control.count {
            let outcome = control.withUnsafeBytes {
                stream.write(UnsafeRawBufferPointer(rebasing: $0[controlOffset...]))
            }
            switch outcome {
            case .wrote(let count):
                written += count
                controlOffset += count
            case .wouldBlock:
                return .blocked
            case .failed(let error):
                return .failed(error)
            }
        }
        control = []
        controlOffset = 0
        return .all
    }
}
