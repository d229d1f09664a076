import EventLog
import RedisStreams

/// One event at a time, as at a steady rate: a reply of one entry, and the look at the anchor behind it; the two commands that
/// ask for the next. A step is an event.
struct SingleEventPath: HotPath {
    private static let count = 200
    private let replies = (0..<count).map { Sample.reply($0..<$0 + 1, channels: 100) }
    private let anchors = (0..<count).map { number in
        Array(
            Sample.reply(number..<number + 1, channels: 100).dropFirst(
                "*1\r\n*2\r\n$17\r\nasync-events-full\r\n".utf8.count))
    }
    private let reader = ReplyReader()
    private var index = BucketIndex(historyBytes: 1 << 20)
    private let read = CommandTemplate.xread(
        count: 1000, blockMilliseconds: 1000, stream: Array("async-events-full".utf8))
    private let look = CommandTemplate.xrange(stream: Array("async-events-full".utf8))
    private var output: [UInt8] = []
    private var continuity = StreamContinuity(nil)

    mutating func walk() -> Int {
        var batches = BatchReader()
        for (reply, anchor) in zip(replies, anchors) {
            var builder = BatchBuilder(capacity: 0)
            reply.withUnsafeBytes { reader.feed($0) }
            anchor.withUnsafeBytes { reader.feed($0) }
            guard case .end = batches.read(reader, into: &builder, limit: 256 * 1024),
                let newest = batches.takeNewest()
            else { fatalError("the sample is no reply") }
            var decoder = StreamEntryDecoder(.range)
            continuity.anchor(newest.id, newest.data)
            guard case .entry(newest.id, let data?) = decoder.next(reader), continuity.anchor?.holds(data) == true,
                case .end = decoder.next(reader)
            else { fatalError("the anchor is not there") }
            _ = builder.seal(index: &index)
            output.removeAll(keepingCapacity: true)
            read.append(newest.id, to: &output)
            look.append(newest.id, to: &output)
        }
        return replies.count
    }
}
