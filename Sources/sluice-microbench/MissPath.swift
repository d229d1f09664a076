import EventLog
import Gateway

/// Events of channels that nobody here listens to are looked up among 2,000 that somebody does. A step is an event.
struct MissPath: HotPath {
    static let name = "channel-miss"
    private var table = ChannelTable()
    private let batch: Batch

    init() {
        var index = BucketIndex(historyBytes: 1 << 20)
        batch = Sample.builder(0..<1000, channels: 1000).seal(index: &index)
        for number in 0..<2000 { _ = table.join(Channel(Array("another channel, \(number)".utf8))) }
    }

    mutating func walk() -> Int {
        for index in 0..<batch.count
        where table.listeners(of: batch, at: index, batch.entries[index].channelHash) != nil {
            fatalError("somebody listens")
        }
        return batch.count
    }
}
