import EventLog
import EventLoop
import HTTP1

/// A poll while it lasts: what its answer will be, and until when it waits for more than nothing.
///
/// Confined to its loop's thread; owned by its subscriber.
final class Poll {
    /// As Superset's own endpoint has it.
    static let maximumEvents = 100
    /// Bytes after which no further event is taken, so that a client that asks and does not read holds no more.
    static let maximumBytes = 256 * 1024

    /// `wait` is over.
    let waitsUntil: MonotonicTime
    /// What the client says it has had.
    let after: StreamID
    let keep: Bool
    let toHead: Bool
    /// Fields of the answer, for pages.
    let fields: [Response.Field]
    /// The events as JSON, with commas between.
    private(set) var events: [UInt8] = []
    private(set) var count = 0
    private(set) var last: StreamID?
    /// Its answer goes out at the end of the loop's turn.
    var isScheduled = false
    /// It was owed more than was taken, or than was read in time.
    var hasMore = false
    /// Its time is over, and what it asks for was not read.
    var isOverdue = false

    init(waitsUntil: MonotonicTime, after: StreamID, keep: Bool, toHead: Bool, fields: [Response.Field]) {
        self.waitsUntil = waitsUntil
        self.after = after
        self.keep = keep
        self.toHead = toHead
        self.fields = fields
    }

    var isFull: Bool { count == Self.maximumEvents || events.count >= Self.maximumBytes }
    var isEmpty: Bool { events.isEmpty }

    func append(_ text: UnsafeRawBufferPointer, _ id: StreamID) {
        appendElement(text)
        count += 1
        last = id
    }

    /// A notice of a gap, which is no event.
    func appendNotice(_ text: [UInt8]) { text.withUnsafeBytes { appendElement($0) } }

    private func appendElement(_ text: UnsafeRawBufferPointer) {
        if !events.isEmpty { events.append(contentsOf: ", ".utf8) }
        events.append(contentsOf: text)
    }

    /// The answer's body.
    func body(delay: Int) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(events.count + 48)
        body.append(contentsOf: "{\"result\":[".utf8)
        body.append(contentsOf: events)
        body.append(contentsOf: "],\"poll_delay\":\(delay)}".utf8)
        return body
    }
}

/// `poll_delay`: how long a client should let pass before it asks again, from how long ago its last event was.
struct PollDelay: Equatable, Sendable {
    /// `pollDelayMinMs`
    let least: Int
    /// `pollDelayMaxMs`
    let most: Int

    /// A tenth of the time since then: what has been quiet for long is not likely to end that in this moment.
    private static let share: UInt64 = 10

    /// - Parameters:
    ///   - last: the last event that the client was given, or says it has had; zero when there was none: then something
    ///     may well be about to come.
    ///   - nowMilliseconds: since 1970.
    func milliseconds(since last: StreamID, nowMilliseconds: Int64) -> Int {
        let now = UInt64(max(nowMilliseconds, 0))
        guard last > .zero, last.milliseconds < now else { return least }
        return max(min(Int(clamping: (now - last.milliseconds) / Self.share), most), least)
    }
}

/// `wait=<seconds>`: how long a poll may wait for its first event.
enum PollWait {
    /// Milliseconds of a decimal number of seconds with at most three digits behind the point, not above `most`; nil for
    /// anything else.
    static func milliseconds(_ text: [UInt8], most: Int) -> Int? {
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.count <= 9, let seconds = number(whole) else { return nil }
        var fraction = 0
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), let digits = number(parts[1]) else { return nil }
            fraction = digits * [100, 10, 1][parts[1].count - 1]
        }
        return min(seconds * 1000 + fraction, most)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
