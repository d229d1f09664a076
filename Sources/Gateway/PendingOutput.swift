import EventLoop

/// The bytes of one frame that some socket is in the middle of: shared by all who stopped inside the same event.
final class FrameBytes {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// What a socket would not take: never more than the rest of one frame and a few control frames or plain answers.
/// Events are not queued here; their place is the subscriber's cursor.
struct PendingOutput {
    /// The rest of a frame, to be sent before all else.
    private var tail: (frame: FrameBytes, offset: Int)?
    /// Whole frames or answers, behind the tail.
    private var control: [UInt8] = []
    private var controlOffset = 0

    var isEmpty: Bool { tail == nil && control.isEmpty }
    var controlBytes: Int { control.count - controlOffset }

    mutating func setTail(_ frame: FrameBytes, offset: Int) { tail = (frame, offset) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { control.append(contentsOf: bytes) }

    enum Flushed: Equatable {
        case all
        case blocked
        case failed(SystemError)
    }

    /// Writes what it can.
    mutating func flush(to stream: ByteStream) -> Flushed {
        while let (frame, offset) = tail {
            let outcome = frame.bytes.withUnsafeBytes {
                stream.write(UnsafeRawBufferPointer(rebasing: $0[offset...]))
            }
            switch outcome {
            case .wrote(let count):
                tail = offset + count < frame.bytes.count ? (frame, offset + count) : nil
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
