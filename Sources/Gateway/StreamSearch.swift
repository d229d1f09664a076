import EventLog
import RedisStreams

/// The search for the last entry that the global stream and the log have in common, from the stream's end backwards.
final class StreamSearch {
    static let pageCount = 64

    enum Outcome {
        case needMore
        case refused(ServerError)
        /// A sentence.
        case failed(String)
        /// Another page has to be read, from ``next`` on.
        case goOn
        /// - Parameter isNewest: no entry of the stream lies between it and the end of what was read.
        case ended(common: StreamID?, isNewest: Bool)
    }

    let info: StreamInfo
    private(set) var next: StreamID
    private var decoder = StreamEntryDecoder(.range)
    private var common: StreamID?
    private var isNewest = true
    private var found = 0
    private var oldest = StreamID.max

    init(info: StreamInfo, from: StreamID, lastID: StreamID) {
        self.info = info
        next = min(from, lastID)
    }

    /// Takes what has arrived of a page.
    func take(_ replies: ReplyReader, log: EventLog) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                found += 1
                oldest = id
                if common == nil, let data { compare(id, data, log: log) }
            case .end, .empty:
                let isLast = found < Self.pageCount || oldest == .zero
                found = 0
                decoder = StreamEntryDecoder(.range)
                if common != nil || isLast || oldest <= log.floor { return .ended(common: common, isNewest: isNewest) }
                next = oldest.predecessor
                return .goOn
            case .error(let text):
                return .refused(ServerError(text))
            case .protocolError(let text):
                return .failed(text)
            }
        }
    }

    private func compare(_ id: StreamID, _ data: UnsafeRawBufferPointer, log: EventLog) {
        if let (batch, index) = log.event(id), HistoryEntry(id: id, data: data).body.elementsEqual(batch.body(index)) {
            common = id
            return
        }
        switch EventJSON.scan(data) {
        case .event, .eventEscaped: isNewest = false
        // What is no event is in no log.
        case .malformed: break
        }
    }
}
