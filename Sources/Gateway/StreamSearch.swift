import EventLog
import RedisStreams

/// The search for the last event that the global stream has in common with what was read, from the stream's end backwards.
///
/// What was read is told by the trail, and where the log reaches back further than that, by the log.
final class StreamSearch {
    private static let pageLimit = 64

    enum Outcome {
        case needMore
        case refused(ServerError)
        /// A sentence.
        case failed(String)
        /// Another page has to be read: ``question(_:)``.
        case goOn
        /// Nothing is left where there were entries: it was trimmed meanwhile.
        case emptied
        case ended(StreamContinuity.Verdict)
    }

    let info: StreamInfo
    /// Everything that was read above this ID is known.
    private let floor: StreamID
    private let knownCount: Int
    private var next: StreamID
    private var decoder = StreamEntryDecoder(.range)
    private var common: StreamContinuity.Anchor?
    /// The newest entry that was seen at or below ``floor``.
    private var below: StreamContinuity.Anchor?
    /// No event of the stream lies between the common one and the end of what was read.
    private var isNewest = true
    private var pageCount = 0
    /// Of all that was seen.
    private var oldest: StreamID?

    /// An entry at or below the place where reading goes on, if one was seen.
    var found: StreamContinuity.Anchor? { common ?? below }

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
        .xrevrange(stream: stream, from: next, to: .zero, count: Self.pageLimit)
    }

    /// Takes what has arrived of a page.
    func take(_ replies: ReplyReader, continuity: StreamContinuity, trail: ReadTrail, log: EventLog) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                pageCount += 1
                oldest = id
                if below == nil, id <= floor { below = .init(id: id, data: data.map { [UInt8]($0) }) }
                if common == nil, let data { compare(id, data, trail, log) }
            case .end, .empty:
                guard let oldest else { return .emptied }
                if common != nil || pageCount < Self.pageLimit || oldest <= floor || oldest == .zero {
                    return .ended(
                        continuity.judge(
                            info, common: common?.id, isNewest: isNewest, known: floor, knownCount: UInt64(knownCount)))
                }
                next = oldest.predecessor
                pageCount = 0
                decoder = StreamEntryDecoder(.range)
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
            if trail.has(id, data) || id <= trail.floor && log.has(id, data) {
                common = .init(id: id, data: [UInt8](data))
            } else {
                isNewest = false
            }
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
