import EventLog
import RedisStreams

/// The search for the last event that the global stream has in common with what was read, from the stream's end backwards.
///
/// What was read is told by the trail, and where the log reaches back further than that, by the log.
final class StreamSearch {
    private static let pageCount = 64

    enum Outcome {
        case needMore
        case refused(ServerError)
        /// A sentence.
        case failed(String)
        /// Another page has to be read: ``question(_:)``.
        case goOn
        case ended(StreamContinuity.Verdict)
    }

    let info: StreamInfo
    /// Everything that was read above this ID is known.
    private let floor: StreamID
    private let knownCount: Int
    private var next: StreamID
    private var decoder = StreamEntryDecoder(.range)
    private var common: StreamID?
    /// No event of the stream lies between the common one and the end of what was read.
    private var isNewest = true
    private var found = 0
    private var oldest = StreamID.max

    /// - Parameters:
    ///   - info: how the stream stands that differs.
    ///   - from: no event above it is in common.
    init(_ info: StreamInfo, from: StreamID, trail: ReadTrail, log: EventLog) {
        self.info = info
        floor = min(trail.floor, log.floor)
        knownCount = log.floor < trail.floor ? log.eventCount : trail.countSinceBreak
        next = from
    }

    /// What is to be asked next.
    func question(_ stream: [UInt8]) -> Command {
        .xrevrange(stream: stream, from: next, to: .zero, count: Self.pageCount)
    }

    /// Takes what has arrived of a page.
    func take(_ replies: ReplyReader, continuity: StreamContinuity, trail: ReadTrail, log: EventLog) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                found += 1
                oldest = id
                if common == nil, let data { compare(id, data, trail, log) }
            case .end, .empty:
                let isLast = found < Self.pageCount || oldest == .zero
                found = 0
                decoder = StreamEntryDecoder(.range)
                if common != nil || isLast || oldest <= floor {
                    return .ended(
                        continuity.judge(
                            info, common: common, isNewest: isNewest, known: floor, knownCount: UInt64(knownCount)))
                }
                next = oldest.predecessor
                return .goOn
            case .error(let text):
                return .refused(ServerError(text))
            case .protocolError(let text):
                return .failed(text)
            }
        }
    }

    private func compare(_ id: StreamID, _ data: UnsafeRawBufferPointer, _ trail: ReadTrail, _ log: EventLog) {
        switch EventJSON.scan(data) {
        case .event, .eventEscaped:
            if trail.has(id, data) || id <= trail.floor && log.has(id, data) { common = id } else { isNewest = false }
        // What is no event is nobody's loss.
        case .malformed: break
        }
    }
}

extension EventLog {
    fileprivate func has(_ id: StreamID, _ data: UnsafeRawBufferPointer) -> Bool {
        event(id).map { HistoryEntry(id: id, data: data).body.elementsEqual($0.batch.body($0.index)) } ?? false
    }
}
