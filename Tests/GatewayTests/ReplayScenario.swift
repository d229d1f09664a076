import Configuration
import Foundation
import TestSupport
import Testing

/// What a gateway has in memory when a client comes back.
enum Memory: String, CaseIterable, CustomStringConvertible, Sendable {
    /// It ran all the time, and its log has everything.
    case everything
    /// It ran all the time, and its log begins somewhere among the last events.
    case theLastFew
    /// It ran all the time, and its log has only an event that came long after.
    case nothingOfIt
    /// It was started afterwards, and filled its log.
    case restarted
    /// It was started afterwards, and its log has only other events that came later.
    case restartedWithout

    var description: String { rawValue }
}

/// A Redis, what was written to it, and a gateway that stands to it as ``Memory`` says.
struct ReplayScenario {
    let redis: RedisProcess
    let gateway: TestGateway

    /// - Parameter write: writes the events; IDs of its own choosing must lie in the past.
    init(
        _ memory: Memory, redis: RedisProcess? = nil, settings: @escaping (inout Settings) -> Void = { _ in },
        write: (RedisProcess) throws -> Void
    ) throws {
        let redis = try redis ?? RedisProcess()
        self.redis = redis
        let make = { (historyBytes: Int) in
            try TestGateway(redis: redis) {
                $0.historyBytes = historyBytes
                settings(&$0)
            }.open()
        }
        switch memory {
        case .everything:
            gateway = try make(64 << 20)
            try write(redis)
        case .theLastFew:
            gateway = try make(4096)
            try write(redis)
        case .nothingOfIt:
            gateway = try make(1024)
            try write(redis)
            try Self.hasRead(gateway, redis)
            // Larger than the log may be: whatever stood before it goes.
            try Self.addFiller(redis, bytes: 4096)
        case .restarted:
            try write(redis)
            gateway = try make(64 << 20)
        case .restartedWithout:
            try write(redis)
            // More than the first page of what is read backwards at the start.
            for _ in 0..<100 { try Self.addFiller(redis, bytes: 100) }
            gateway = try make(1024)
        }
        try Self.hasRead(gateway, redis)
    }

    static func addFiller(_ redis: RedisProcess, bytes: Int) throws {
        let padding = String(repeating: "f", count: bytes)
        try redis.add("async-events-full", data: "{\"channel_id\": \"filler\", \"padding\": \"\(padding)\"}")
    }

    /// Waits until the gateway's loops have all there is in the global stream.
    static func hasRead(_ gateway: TestGateway, _ redis: RedisProcess) throws {
        let client = try gateway.connect("reader-check")
        let id = try redis.add("async-events-full", data: "{\"channel_id\": \"reader-check\"}")
        let text = try client.event()
        guard eventID(text) == id else { throw Failure("\(text) came before \(id)") }
        client.socket.close()
        try gateway.settle()
    }
}

/// An event in both streams.
struct Twin {
    var channel: String
    var data: String
    var channelID: (milliseconds: Int, sequence: Int)
    var globalID: (milliseconds: Int, sequence: Int)

    var channelText: String { past(channelID.milliseconds, channelID.sequence) }
    var globalText: String { past(globalID.milliseconds, globalID.sequence) }
    var text: String { eventText(globalText, data) }

    init(_ channel: String, _ data: String, channel c: (Int, Int), global g: (Int, Int)) {
        self.channel = channel
        self.data = data
        channelID = c
        globalID = g
    }

    /// Events of two channels whose two writes lie apart by chance, so that the two streams have them in different
    /// orders; in the order of the global stream.
    /// - Parameters:
    ///   - span: milliseconds over which they are spread.
    ///   - apart: how many milliseconds at the most the second write comes after the first.
    static func random(
        seed: UInt64, count: Int, span: Int, apart: Int, channels: [String] = ["alpha", "beta"], equalEvery: Int = .max
    ) -> [Twin] {
        var generator = SplitMix64(state: seed)
        var twins: [Twin] = (0..<count).map { number in
            let channel = channels.randomElement(using: &generator) ?? "alpha"
            let first = Int.random(in: 0..<span, using: &generator)
            let second = first + Int.random(in: 0...apart, using: &generator)
            let job = number % equalEvery == 0 && equalEvery < .max ? "equal" : "\(number)"
            return Twin(
                channel, "{\"channel_id\": \"\(channel)\", \"job\": \"\(job)\"}", channel: (first, 0),
                global: (second, 0))
        }
        // Redis gives IDs of one millisecond ascending sequence numbers, in each stream for itself.
        for stream in Set(twins.map(\.channel)) {
            var used: [Int: Int] = [:]
            for index in twins.indices where twins[index].channel == stream {
                let time = twins[index].channelID.milliseconds
                twins[index].channelID.sequence = used[time, default: 0]
                used[time, default: 0] += 1
            }
        }
        var used: [Int: Int] = [:]
        for index in twins.indices {
            let time = twins[index].globalID.milliseconds
            twins[index].globalID.sequence = used[time, default: 0]
            used[time, default: 0] += 1
        }
        return twins.sorted { $0.globalID < $1.globalID }
    }
}

extension RedisProcess {
    /// Writes the events to both streams, each stream in the order of its IDs.
    func write(_ twins: [Twin]) throws {
        for twin in twins.sorted(by: { $0.channelID < $1.channelID }) {
            try add("async-events-\(twin.channel)", twin.channelText, data: twin.data)
        }
        for twin in twins.sorted(by: { $0.globalID < $1.globalID }) {
            try add("async-events-full", twin.globalText, data: twin.data)
        }
    }
}

/// A small generator with a seed, so that a failure can be had again (Steele, Lea, Flood: SplitMix64).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension WebSocketClient {
    /// The next events have these texts, and no further one is there.
    func expect(
        _ texts: [String], _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(texts, comment, sourceLocation) { $0 }
    }

    /// The next events are these, under whatever IDs, and no further one is there. A replay gives an event under its
    /// channel's ID where the global stream is young or was trimmed, and it cannot be told whether it had the event.
    func expect(
        events texts: [String], _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(texts, comment, sourceLocation) { withoutID($0) }
    }

    /// The next events have these IDs, and no further one is there.
    func expect(
        ids: [String], _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(ids, comment, sourceLocation) { $0.hasPrefix("{") ? eventID($0) : $0 }
    }

    private func expect(
        _ wanted: [String], _ comment: String, _ sourceLocation: SourceLocation, _ part: (String) -> String
    ) throws {
        var got: [String] = []
        do {
            while got.count < wanted.count { got.append(try event()) }
            got += try barrier("that is all")
        } catch {
            let difference = firstDifference(got, wanted, part) ?? "none"
            Issue.record("\(comment) \(error); first difference: \(difference)", sourceLocation: sourceLocation)
            throw error
        }
        if let difference = firstDifference(got, wanted, part) {
            Issue.record("\(comment) \(difference)", sourceLocation: sourceLocation)
        }
    }
}

/// Where the two lists part, with what stands around it; nil when they are the same.
func firstDifference(_ got: [String], _ wanted: [String], _ part: (String) -> String = { $0 }) -> String? {
    guard
        let index = (0..<max(got.count, wanted.count)).first(where: { index in
            index >= got.count || index >= wanted.count || part(got[index]) != part(wanted[index])
        })
    else { return nil }
    let around = { (list: [String]) in
        list.indices.clamped(to: max(0, index - 3)..<index + 5).map { "\n    \($0): \(list[$0].prefix(140))" }.joined()
    }
    return
        "event \(index): came (\(got.count) in all):\(around(got))\n  expected (\(wanted.count) in all):\(around(wanted))"
}

/// What the producer wrote, of an event's text.
func withoutID(_ text: String) -> String { String(text.dropFirst(7).drop { $0 != "\"" }) }
