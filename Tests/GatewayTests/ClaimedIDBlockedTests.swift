import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// The same for a client whose socket takes no more when the primary changes.
@Suite("An ID of another primary's stream, and a socket that is full")
struct ClaimedIDBlockedTests {
    private static let padding = String(repeating: "x", count: 60_000)

    /// Until the socket is full of answers.
    private static func block(_ client: WebSocketClient, _ gateway: TestGateway) throws {
        let ping = [UInt8](repeating: 65, count: 120)
        try eventually("the socket takes no more") {
            for _ in 0..<200 { try client.send(opcode: 9, ping) }
            return try gateway.figures().figures.socketsBlocked == 1
        }
    }

    /// The IDs of the events until a ping with this payload is answered.
    private static func given(_ client: WebSocketClient, through mark: String) throws -> [String] {
        try client.send(opcode: 9, Array(mark.utf8))
        var ids: [String] = []
        while true {
            let frame = try client.frame()
            if frame.opcode == 1 { ids.append(eventID(frame.text)) }
            if frame.opcode == 10, frame.text == mark { return ids }
        }
    }

    /// A gateway that has read these, and a client that reads only when it is told to, with an ID of a stream that is to come.
    private static func setting(historyBytes: Int = 1 << 20, _ numbers: [Int]) throws -> (
        RedisProcess, HoldingRelay, TestGateway, WebSocketClient
    ) {
        let (redis, relay, gateway) = try ClaimedIDTests.relayed(historyBytes: historyBytes)
        for number in numbers {
            try redis.addEvent(
                "alpha", ClaimedIDTests.event(number), channelID: past(number), globalID: past(number))
        }
        try gateway.settle()
        let client = try WebSocketClient(
            port: gateway.port, channel: "alpha", lastID: past(2500), receiveBuffer: 4096)
        try ClaimedIDTests.settle(gateway)
        #expect(try client.barrier().map(eventID) == numbers.filter { $0 > 2500 }.map { past($0) })
        return (redis, relay, gateway, client)
    }

    @Test(
        "who waits for its turn to ask is given once what it is owed, and nothing again later",
        arguments: [false, true])
    func queued(isBlocked: Bool) throws {
        let (redis, relay, gateway, client) = try Self.setting([1000, 2000])
        try relay.hold()
        let others = try (0..<16).map { try gateway.connect("beta", lastID: past(1500 + $0)) }
        try eventually("the others wait") { try gateway.figures().figures.replaysWaiting == others.count }
        try ClaimedIDTests.removeUnread(redis, 4000)
        try eventually("it waits, too") { try gateway.figures().figures.replaysWaiting == others.count + 1 }
        if isBlocked { try Self.block(client, gateway) }
        try ClaimedIDTests.change(
            redis, common: [1000, 2000].map { ($0, ClaimedIDTests.event($0)) }, new: [2300, 2500, 3000])
        try eventually("the break was noticed") { try gateway.figures().figures.streamBreaks == 2 }
        relay.release()
        // It reads again.
        let first = try Self.given(client, through: "one")
        try ClaimedIDTests.settle(gateway)
        #expect(try first + Self.given(client, through: "two") == [past(3000)])
        try ClaimedIDTests.removeUnread(redis, 5000)
        try eventually("the hole was noticed") { try gateway.figures().figures.streamBreaks == 3 }
        try ClaimedIDTests.settle(gateway)
        #expect(try Self.given(client, through: "three") == [])
    }

    @Test("what the channel's stream alone has kept of the stream before is not given again to who has had all of that")
    func orphan() throws {
        let (redis, relay, gateway, client) = try Self.setting(historyBytes: 256 * 1024, [1000, 2000, 3000, 4000])
        defer { relay.release() }
        try Self.block(client, gateway)
        try ClaimedIDTests.change(
            redis, common: [1000, 2000].map { ($0, ClaimedIDTests.event($0)) }, new: [2300, 2600], orphan: 3000)
        try eventually("the break was noticed") { try gateway.figures().figures.streamBreaks == 1 }
        // Far apart: else a channel so dense is read from the global stream alone.
        let large = (2..<22).map { $0 * 10_000 }
        for number in large {
            try redis.addEvent(
                "alpha", ClaimedIDTests.event(number, padding: Self.padding), channelID: past(number),
                globalID: past(number))
        }
        try gateway.settle()
        var given: [String] = []
        try eventually("the last was given") {
            given += try Self.given(client, through: "\(given.count)")
            return given.contains(past(210_000))
        }
        #expect(given == ([2300, 2600] + large).map { past($0) })
    }

    @Test("who has fallen behind and waits for Redis when the primary changes once more is told so: 1013")
    func fallenBehind() throws {
        let (redis, relay, gateway, client) = try Self.setting(historyBytes: 256 * 1024, [1000, 2000, 4000])
        try Self.block(client, gateway)
        let common = [1000, 2000].map { ($0, ClaimedIDTests.event($0)) }
        try ClaimedIDTests.change(redis, common: common, new: [2300, 2600])
        try eventually("the break was noticed") { try gateway.figures().figures.streamBreaks == 1 }
        let before = try gateway.figures().figures.eventsRead
        for number in 5000..<5020 {
            try redis.addEvent(
                "alpha", ClaimedIDTests.event(number, padding: Self.padding), channelID: past(number),
                globalID: past(number))
        }
        try eventually("all was read") { try gateway.figures().figures.eventsRead == before + 20 }
        try relay.hold()
        #expect(try Self.given(client, through: "one") == [])
        try eventually("it waits") { try gateway.figures().figures.replaysWaiting == 1 }
        try ClaimedIDTests.change(redis, common: common, new: [2700, 3000])
        let frame = try client.frame()
        #expect(frame.opcode == 8 && frame.closeCode == 1013)
    }
}
