import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Who is connected is never skipped an event in silence: what is gone for good costs the connection (1013), whatever was
/// before.
@Suite("A gap on an open connection")
struct SilentGapTests {
    private static let padding = String(repeating: "x", count: 60_000)

    private static func large(_ number: Int) -> String {
        "{\"channel_id\": \"alpha\", \"n\": \(number), \"p\": \"\(padding)\"}"
    }

    /// Events that are trimmed from both streams before they are read, but for the last few.
    private static func trimmedUnread(_ ids: [String], kept: Int) -> [[String]] {
        ids.enumerated().flatMap { number, id in
            ["alpha", "full"].map { StreamBreakTests.add($0, id, AmbushedGateway.event(100 + number)) }
        } + ["alpha", "full"].map { ["XTRIM", "async-events-\($0)", "MAXLEN", "\(kept)"] }
    }

    /// What came until the connection was closed.
    private static func numbersUntilClosed(_ client: WebSocketClient) throws -> (numbers: [Int], closeCode: Int?) {
        var numbers: [Int] = []
        while true {
            let frame = try client.frame()
            if frame.opcode == 8 { return (numbers, frame.closeCode.map { Int($0) }) }
            guard frame.opcode == 1, let start = frame.text.range(of: "\"n\": ")?.upperBound else { continue }
            numbers.append(Int(frame.text[start...].prefix { $0.isNumber }) ?? -1)
        }
    }

    @Test("a socket that is full while entries are trimmed unread is closed when it comes to what is missing")
    func slowAcrossAHole() throws {
        let setting = try AmbushedGateway()
        let slow = try WebSocketClient(port: setting.gateway.port, channel: "alpha", receiveBuffer: 4096)
        for number in 0..<200 {
            let id = past(number + 1)
            try setting.redis.addEvent("alpha", Self.large(number), channelID: id, globalID: id)
        }
        try eventually("all was read") { try setting.gateway.figures().figures.eventsRead == 200 }
        #expect(try setting.gateway.figures().figures.socketsBlocked == 1)
        try setting.transaction(Self.trimmedUnread((200..<220).map { past($0 * 1000) }, kept: 5))
        try eventually("the break was noticed") { try setting.breaks == 1 }
        let (numbers, closeCode) = try Self.numbersUntilClosed(slow)
        #expect(numbers == Array(0..<200) && closeCode == 1013)
        #expect(try setting.gateway.figures().figures.closedAsSlow == 1)
    }

    @Test(
        "an open socket whose events are gone from both streams is closed, also where nothing is left",
        arguments: [0, 5])
    func bothTrimmed(kept: Int) throws {
        let setting = try AmbushedGateway()
        let client = try setting.client()
        try setting.transaction(Self.trimmedUnread((5..<25).map { past($0 * 1000) }, kept: kept))
        let (numbers, closeCode) = try Self.numbersUntilClosed(client)
        #expect(numbers == [] && closeCode == 1013)
    }

    enum Earlier: CaseIterable { case nothing, flushed, oldID }

    /// A stream that has had a beginning before.
    private static func prepared() throws -> RedisProcess {
        let redis = try RedisProcess()
        for number in 0..<2 { try redis.add("async-events-full", past(number), data: AmbushedGateway.other(0)) }
        try redis.command("XDEL", "async-events-full", past(0))
        return redis
    }

    @Test("a gap that there was before does not speak for one that comes", arguments: Earlier.allCases)
    func gapAfterGap(earlier: Earlier) throws {
        let setting = try AmbushedGateway(Self.prepared())
        let (redis, gateway) = (setting.redis, setting.gateway)
        // Its channel's stream is gone: days have passed.
        let client = try gateway.connect("alpha", lastID: earlier == .oldID ? past(-100_000) : nil)
        try ClaimedIDTests.settle(gateway)
        #expect(try client.barrier() == [])
        let (_, first) = try redis.publish("alpha", AmbushedGateway.event(0))
        try client.expect(ids: [first])
        if earlier == .flushed {
            try redis.command("FLUSHALL")
            try eventually("the break was noticed") { try setting.breaks == 1 }
            try ClaimedIDTests.settle(gateway)
        }
        let (_, second) = try redis.publish("alpha", AmbushedGateway.event(1))
        try client.expect(ids: [second])
        try setting.transaction(Self.trimmedUnread([String](repeating: "*", count: 20), kept: 5))
        let (numbers, closeCode) = try Self.numbersUntilClosed(client)
        #expect(numbers == [] && closeCode == 1013)
    }

    @Test(
        "a slow reader is closed when what it has not had is gone, also if it came with an old ID",
        arguments: [false, true])
    func slowAfterGap(isOld: Bool) throws {
        let setting = try AmbushedGateway(Self.prepared()) { $0.historyBytes = 256 * 1024 }
        let (redis, gateway) = (setting.redis, setting.gateway)
        let slow = try WebSocketClient(
            port: gateway.port, channel: "alpha", lastID: isOld ? past(-100_000) : nil, receiveBuffer: 4096)
        try ClaimedIDTests.settle(gateway)
        for number in 0..<300 {
            try redis.publish("alpha", Self.large(number))
            if number % 50 == 0 { try ReplayScenario.hasRead(gateway, redis) }
        }
        try ReplayScenario.hasRead(gateway, redis)
        for stream in ["alpha", "full"] { try redis.command("XTRIM", "async-events-\(stream)", "MAXLEN", "5") }
        let (numbers, closeCode) = try Self.numbersUntilClosed(slow)
        #expect(numbers == Array(0..<numbers.count) && numbers.count < 295 && closeCode == 1013)
        #expect(try gateway.figures().figures.closedAsSlow == 1)
    }

    @Test(
        "who has nothing to miss is not closed, and has its first event, whatever goes unread",
        arguments: [false, true])
    func idle(isOld: Bool) throws {
        let setting = try AmbushedGateway { $0.historyBytes = 1024 }
        let clients = try (0..<5).map {
            try setting.gateway.connect("idle\($0)", lastID: isOld ? past(-100_000) : nil)
        }
        try ClaimedIDTests.settle(setting.gateway)
        func others(_ count: Int, from place: Int) -> [[String]] {
            (0..<count).map { StreamBreakTests.add("full", past(place + $0), AmbushedGateway.other($0, padding: 900)) }
        }
        let trim = [["XTRIM", "async-events-full", "MAXLEN", "0"]]
        for round in 1...5 {
            try setting.transaction(others(30, from: 100_000 * round) + trim)
            for command in others(10, from: 100_000 * round + 1000) {
                try setting.redis.command(command.map { Array($0.utf8) })
            }
        }
        let firsts = (0..<5).flatMap { number in
            ["idle\(number)", "full"].map {
                StreamBreakTests.add($0, past(9_000_000 + number), "{\"channel_id\": \"idle\(number)\", \"n\": 1}")
            }
        }
        try setting.transaction(firsts + others(30, from: 9_100_000) + trim)
        for (number, client) in clients.enumerated() {
            #expect(try client.event().contains("\"channel_id\": \"idle\(number)\""))
        }
        #expect(try setting.gateway.figures().figures.closedAsSlow == 0)
    }
}
