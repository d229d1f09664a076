import EventLog
import Gateway

/// Events of channels that nobody here listens to are looked up among those that somebody does. A step is an event.
struct MissPath: HotPath {
    private var table = ChannelTable()
    private let batch: Batch

    init(channels: Int) {
        var index = BucketIndex(historyBytes: 1 << 20)
        batch = Sample.builder(0..<1000, channels: 1000).seal(index: &index)
        for number in 0..<channels { _ = table.join(Channel(Array("another channel, \(number)".utf8))) }
    }

    mutating func walk() -> Int {
        for index in 0..<batch.count
        where table.listeners(of: batch, at: index, batch.entries[index].channelHash) != nil {
            fatalError("somebody listens")
        }
        return batch.count
    }
}
