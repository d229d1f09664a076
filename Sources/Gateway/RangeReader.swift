import CLinux
import EventLog
import Glibc
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

    private let channel: Channel
    private let count: Int
    private let limit: Int
    private var decoder = StreamEntryDecoder(.range)
    private var found: [HistoryEntry] = []
    private var bytes = 0
    private var total = 0
    private var last = StreamID.zero
    private var isFull = false

    /// - Parameters:
    ///   - count: how many entries were asked for.
    ///   - limit: bytes of events after which the rest of the reply is let go; one event is always kept.
    init(_ channel: Channel, count: Int, limit: Int) {
        self.channel = channel
        self.count = count
        self.limit = limit
    }

    /// Takes what has arrived. After an answer it is ready for another reply to the same question.
    mutating func next(_ replies: ReplyReader) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                total += 1
                if !isFull { take(id, data) }
            case .end, .empty:
                let answer = ReplayRound.Answer.entries(found, last: isFull || total >= count ? last : nil)
                self = RangeReader(channel, count: count, limit: limit)
                return .answer(answer)
            case .error(let text):
                self = RangeReader(channel, count: count, limit: limit)
                return .refused(ServerError(text))
            case .protocolError(let text):
                return .protocolError(text)
            }
        }
    }

    private mutating func take(_ id: StreamID, _ data: UnsafeRawBufferPointer?) {
        if let data, isEvent(data) {
            guard found.isEmpty || bytes + data.count <= limit else {
                isFull = true
                return
            }
            bytes += data.count
            found.append(HistoryEntry(id: id, data: data))
        }
        last = id
    }

    private func isEvent(_ data: UnsafeRawBufferPointer) -> Bool {
        guard mayHoldName(data) else { return false }
        return switch EventJSON.scan(data) {
        case .event(let range): channel.name.elementsEqual(data[range])
        case .eventEscaped(let name): name == channel.name
        case .malformed: false
        }
    }

    /// Of a busy global stream most entries are other channels': they need no reading. A name that is not there as it is
    /// could only be there with escapes.
    private func mayHoldName(_ data: UnsafeRawBufferPointer) -> Bool {
        guard let base = data.baseAddress else { return false }
        let isThere = channel.name.withUnsafeBytes { name in
            // Sound: both calls only read, and only within the lengths that they are given.
            name.baseAddress.map { memmem(base, data.count, $0, name.count) != nil } ?? true
        }
        return isThere || memchr(base, Int32(UInt8(ascii: "\\")), data.count) != nil
    }
}
