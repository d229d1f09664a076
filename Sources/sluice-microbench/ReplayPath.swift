import EventLog

/// A client that comes back is given its channel's last ten events from a log of 20,000. A step is an event.
struct ReplayPath: HotPath {
    private static let channels = 100
    private let log = Sample.log(events: 20_000, channels: channels)
    private let names = (0..<channels).map { number in
        Channel(
            Array("4ba1c9fe-6f6c-4bbd-8f37-\(String(repeating: "0", count: 12 - String(number).count))\(number)".utf8))
    }
    private var numbers: [EventNumber] = []

    mutating func walk() -> Int {
        var events = 0
        for (place, channel) in names.enumerated() {
            // The eleventh of its events from the end.
            let last = Sample.id(20_000 - 11 * Self.channels + place)
            guard case .event(let cursor) = log.place(last, of: channel) else { fatalError("the ID is not in the log") }
            numbers.removeAll(keepingCapacity: true)
            guard log.collect(channel, after: cursor, into: &numbers) == .complete else { fatalError("cut") }
            for number in numbers {
                guard let (batch, index) = log.locate(number), batch.frame(index).count > 350 else {
                    fatalError("an event is missing")
                }
                events += 1
            }
        }
        guard events == 10 * Self.channels else { fatalError("events are missing") }
        return events
    }
}
