import EventLog
import RedisStreams

/// An `XREAD` reply becomes a batch: parsed, looked through, laid out as it is sent, sealed. A step is an event.
struct ReplyPath: HotPath {
    private let reply = Sample.reply(0..<1000, channels: 100)
    private let reader = ReplyReader()
    private var index = BucketIndex(historyBytes: 1 << 20)

    mutating func walk() -> Int {
        var batches = BatchReader()
        var builder = BatchBuilder(capacity: 0)
        var events = 0
        var fed = 0
        while true {
            switch batches.read(reader, into: &builder, limit: 256 * 1024) {
            case .needMore:
                // As a socket gives it.
                let end = min(fed + 64 * 1024, reply.count)
                reply[fed..<end].withUnsafeBytes { reader.feed($0) }
                fed = end
            case .full:
                events += builder.seal(index: &index).count
                builder = BatchBuilder(capacity: 0)
            case .end:
                events += builder.seal(index: &index).count
                guard events == 1000 else { fatalError("events are missing") }
                return events
            case .skipped, .empty, .error, .protocolError:
                fatalError("the sample is no reply")
            }
        }
    }
}
