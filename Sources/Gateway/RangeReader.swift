import EventLog
import RedisStreams

/// Takes a channel's events out of the answer to a range query while it is still arriving. Of other channels' events and
/// of what is beyond the limit nothing is kept.
struct RangeReader {
    enum Outcome {
        case needMore
        case answer(ReplayRound.Answer)
        /// Redis refused.
        case refused(ServerError)
        /// Not an answer to a range query: a sentence.
        case protocolError(String)
    }

    private var decoder = StreamEntryDecoder(.range)
    private var found: [HistoryEntry] = []
    private var bytes = 0
    private var total = 0
    private var last = StreamID.zero
    private var isFull = false

    /// - Parameters:
    ///   - count: how many entries were asked for.
    ///   - limit: bytes of events after which the rest of the reply is let go; one event is always kept.
    mutating func next(_ replies: ReplyReader, of channel: Channel, count: Int, limit: Int) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                total += 1
                if !isFull { take(id, data, of: channel, limit: limit) }
            case .end, .empty:
                let answer = ReplayRound.Answer.entries(found, last: isFull || total >= count ? last : nil)
                self = RangeReader()
                return .answer(answer)
            case .error(let text):
                self = RangeReader()
                return .refused(ServerError(text))
            case .protocolError(let text):
                return .protocolError(text)
            }
        }
    }

    private mutating func take(_ id: StreamID, _ data: UnsafeRawBufferPointer?, of channel: Channel, limit: Int) {
        if let data, isEvent(data, of: channel) {
            guard found.isEmpty || bytes + data.count <= limit else {
                isFull = true
                return
            }
            bytes += data.count
            found.append(HistoryEntry(id: id, data: data))
        }
        last = id
    }

    private func isEvent(_ data: UnsafeRawBufferPointer, of channel: Channel) -> Bool {
        switch EventJSON.scan(data) {
        case .event(let range): channel.name.elementsEqual(data[range])
        case .eventEscaped(let name): name == channel.name
        case .malformed: false
        }
    }
}
