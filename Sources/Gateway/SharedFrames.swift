import EventLog

/// The frames that sockets of this loop are in the middle of, by event: each is held once, by the sockets that need it.
struct SharedFrames {
    private struct Weak {
        weak var frame: FrameBytes?
    }

    private var frames: [EventNumber: Weak] = [:]
    /// Sweeping at every doubling keeps the table in proportion to what is alive.
    private var sweepAt = 64

    /// - Parameters:
    ///   - rest: the last bytes of the event's frame, those that were not sent.
    mutating func rest(of event: Gather.Event, rest: UnsafeRawBufferPointer) -> (frame: FrameBytes, offset: Int) {
        // A short rest is cheaper to copy than to share; a replay's events are nobody else's.
        guard rest.count >= 4096, event.number != 0 else { return (FrameBytes([UInt8](rest)), 0) }
        if let frame = frames[event.number]?.frame, frame.bytes.count >= rest.count {
            return (frame, frame.bytes.count - rest.count)
        }
        let frame = FrameBytes([UInt8](rest))
        frames[event.number] = Weak(frame: frame)
        if frames.count >= sweepAt {
            frames = frames.filter { $0.value.frame != nil }
            sweepAt = max(64, frames.count * 2)
        }
        return (frame, 0)
    }
}
