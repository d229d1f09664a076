import EventLog

/// The ends of events that sockets of this loop are in the middle of. Each is held once, by the sockets that need it,
/// whichever their encoding: both end in the same bytes. Those that are sent it compressed share among themselves.
///
/// Kept are the last bytes of the event, as many as are needed rounded up to a power of two, and at most all: so that
/// wherever the sockets have stopped, all that is kept of an event together is at most about twice its size.
struct SharedFrames {
    private struct Key: Hashable {
        var event: EventNumber
        var byteCount: Int
        var isCompressed: Bool
    }

    private struct Weak {
        weak var frame: FrameBytes?
    }

    private var frames: [Key: Weak] = [:]
    /// Sweeping at every doubling keeps the table in proportion to what is alive.
    private var sweepAt = 64

    /// A rest so short is cheaper to copy than to share.
    private static let leastShared = 4096

    /// - Parameter number: the event's, 0 for one of a replay.
    mutating func tail(of remainder: Gather.Remainder, number: EventNumber) -> PendingOutput.Tail {
        let run = remainder.run
        let needed = run.count - remainder.range.lowerBound
        // A replay's events are nobody else's.
        guard needed >= Self.leastShared, number != 0 else {
            let rest = FrameBytes([UInt8](remainder.prefix) + [UInt8](run[remainder.range]))
            return .init(prefix: [], frame: rest, range: 0..<rest.bytes.count)
        }
        let kept = Self.kept(needed, of: run.count)
        let offset = run.count - kept
        let range = (remainder.range.lowerBound - offset)..<(remainder.range.upperBound - offset)
        return .init(
            prefix: [UInt8](remainder.prefix),
            frame: frame(Key(event: number, byteCount: kept, isCompressed: remainder.isCompressed), run), range: range)
    }

    static func kept(_ needed: Int, of total: Int) -> Int {
        guard needed > 1 else { return min(needed, total) }
        return min(total, 1 << (Int.bitWidth - (needed - 1).leadingZeroBitCount))
    }

    private mutating func frame(_ key: Key, _ run: UnsafeRawBufferPointer) -> FrameBytes {
        if let frame = frames[key]?.frame { return frame }
        let frame = FrameBytes([UInt8](run.suffix(key.byteCount)))
        frames[key] = Weak(frame: frame)
        if frames.count >= sweepAt {
            frames = frames.filter { $0.value.frame != nil }
            sweepAt = max(64, frames.count * 2)
        }
        return frame
    }
}
