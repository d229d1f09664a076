import RedisStreams

/// An event's JSON is looked through. A step is an event.
struct JSONScanPath: HotPath {
    private let events = (0..<500).map { Sample.event($0, channels: 100) }

    mutating func walk() -> Int {
        for event in events {
            guard case .event = event.withUnsafeBytes({ EventJSON.scan($0) }) else { fatalError("no event") }
        }
        return events.count
    }
}
