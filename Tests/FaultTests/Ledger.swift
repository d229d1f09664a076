import Locks

/// Every event that was written, or tried, with what its producer knows of it.
final class Ledger: Sendable {
    private struct State {
        var next = 0
        var epoch = 0
        var events: [Checker.Event] = []
        var trims: [EntryID] = []
        var losses: [ClosedRange<Int>] = []
        var deletedLife: Int?
    }

    private let state = Mutex(State())

    var epoch: Int { state.withLock { $0.epoch } }
    var count: Int { state.withLock { $0.events.count } }
    var trims: [EntryID] { state.withLock { $0.trims } }
    var losses: [ClosedRange<Int>] { state.withLock { $0.losses } }
    var deletedLife: Int? { state.withLock { $0.deletedLife } }
    var events: [Checker.Event] { state.withLock { $0.events } }

    func newNumber() -> Int {
        state.withLock {
            $0.next += 1
            return $0.next
        }
    }

    func record(_ event: Checker.Event) { state.withLock { $0.events.append(event) } }

    /// The global stream begins a new life. Called before and after what ends the old one, so that what is written
    /// meanwhile belongs to either.
    func beginEpoch() { state.withLock { $0.epoch += 1 } }

    func noteTrim(firstKept: EntryID) { state.withLock { $0.trims.append(firstKept) } }

    /// This life of the global stream ends with its deletion.
    func noteDeletion() { state.withLock { $0.deletedLife = $0.epoch } }

    func noteLoss(from start: Int, through end: Int) { state.withLock { $0.losses.append(start...end) } }

    /// Forgets what was judged, but for the events that a client may still bring the ID of or be given again.
    func forget(before number: Int) {
        state.withLock {
            $0.events.removeAll { $0.number < number }
            // The last one may have two: see ``World/begin(_:)``.
            if $0.trims.count > 2 { $0.trims.removeFirst($0.trims.count - 2) }
        }
    }
}

/// An event as it is written, with what the clients need to tell it and to time it.
func eventData(_ number: Int, channel: Int, padding: Int = 0) -> String {
    """
    {"channel_id": "c\(channel)", "n": \(number), "t": \(nowMilliseconds()), \
    "padding": "\(String(repeating: "p", count: padding))"}
    """
}

enum Streams {
    static let prefix = "async-events-"
    static let global = prefix + "full"
    static func channel(_ channel: Int) -> String { "\(prefix)c\(channel)" }
}

/// The number of an event, from its data or from what a client is sent.
func eventNumber(_ data: [UInt8]) -> Int? { number("\"n\": ", in: data) }

/// When it was written.
func eventTime(_ data: [UInt8]) -> Int? { number("\"t\": ", in: data) }

/// The number behind the mark, which stands near the beginning.
private func number(_ mark: StaticString, in data: [UInt8]) -> Int? {
    mark.withUTF8Buffer { mark in
        let last = min(data.count, 200) - mark.count
        guard last >= 0, let start = (0...last).first(where: { data[$0...].starts(with: mark) }) else { return nil }
        let digits = data[(start + mark.count)...].prefix { $0 >= 48 && $0 <= 57 }
        return digits.isEmpty ? nil : digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }
}
