import EventLog

/// A log of small events, for as many of them as a process can hold under valgrind.
struct GrownLog {
    var log: EventLog
    var index: BucketIndex
    private var count = 0
    private let channels: [Channel]

    /// - Parameter capacity: in events.
    init(capacity: Int, channels: Int) {
        let bytes = capacity * 256
        log = EventLog(capacity: bytes, floor: .zero)
        index = BucketIndex(historyBytes: bytes)
        self.channels = (0..<channels).map { Channel(Array("channel \($0)".utf8)) }
    }

    func channel(_ number: Int) -> Channel { channels[number % channels.count] }

    mutating func batch() -> Batch {
        var builder = BatchBuilder()
        for _ in 0..<500 {
            builder.append(id: Sample.id(count), body: Array("\"n\":1}".utf8), channel: channel(count))
            count += 1
        }
        return builder.seal(index: &index)
    }

    mutating func fill(events: Int) {
        while count < events { log.append(batch()) }
    }
}

/// Taking batches into a log that holds so many events. A step is an event.
struct AppendGrowth: HotPath {
    private var grown: GrownLog
    private var batches: [Batch]

    init(events: Int) {
        grown = GrownLog(capacity: events, channels: 100)
        grown.fill(events: events)
        batches = []
        for _ in 0..<20 { batches.append(grown.batch()) }
    }

    mutating func walk() -> Int {
        for batch in batches.prefix(10) { grown.log.append(batch) }
        batches.removeFirst(10)
        return 5000
    }
}

/// Placing clients by the ID they bring, and looking up the two last events of their channels, in a log of so many events of so
/// many channels. A step is a client.
struct ReplayGrowth: HotPath {
    private var grown: GrownLog
    private let events: Int
    private let channels: Int
    private var numbers: [EventNumber] = []

    init(events: Int, channels: Int) {
        grown = GrownLog(capacity: events * 2, channels: channels)
        grown.fill(events: events)
        self.events = events
        self.channels = channels
    }

    mutating func walk() -> Int {
        let clients = 100
        for client in 0..<clients {
            // The third of its channel's events from the end.
            let last = events - 3 * channels + client * (channels / clients)
            let channel = grown.channel(last)
            guard case .event(let cursor) = grown.log.place(Sample.id(last), of: channel) else {
                fatalError("the ID is not in the log")
            }
            numbers.removeAll(keepingCapacity: true)
            guard grown.log.collect(channel, after: cursor, into: &numbers) == .complete, numbers.count == 2 else {
                fatalError("events are missing")
            }
            for number in numbers {
                guard let (batch, index) = grown.log.locate(number), batch.frame(index).count > 20 else {
                    fatalError("an event is missing")
                }
            }
        }
        return clients
    }
}
