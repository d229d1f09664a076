import EventLog
import Gateway

/// Events are delivered to a socket each, one event to a batch as at a steady rate, the call of the kernel not counted. A step is
/// an event.
struct DeliveryPath: HotPath {
    private let probe: DeliveryProbe
    private var walks: [[Batch]] = []
    private static let channels = 100

    init() {
        var index = BucketIndex(historyBytes: 64 << 20)
        // The second is the one that is counted.
        for walk in 0..<2 {
            let first = walk * Self.channels
            walks.append(
                (first..<first + Self.channels).map {
                    Sample.builder($0..<$0 + 1, channels: Self.channels).seal(index: &index)
                })
        }
        do {
            probe = try DeliveryProbe(channels: walks[0].map { Array($0.channelName(0)) })
        } catch {
            fatalError("no sockets: \(error)")
        }
    }

    mutating func walk() -> Int {
        let batches = walks.removeFirst()
        for batch in batches {
            guard probe.deliver(batch) == 1 else { fatalError("not delivered") }
        }
        return batches.count
    }
}
