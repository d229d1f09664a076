import Foundation
import ServerSentEvents
import TestSupport
import Testing

/// Promise 2 on the built binary: what a hundred megabytes that somebody does not read cost the process.
@Suite("Slow readers", .serialized)
struct SlowReaderTests {
    private static let historyBytes = 16 << 20
    /// What the promise allows beside the log, however many readers there are.
    private static let allowance = 16 << 20
    private static let eventBytes = 16_000
    /// 100 MB altogether.
    private static let count = 6400

    @Test(
        "while 100 MB pass readers that have stopped, the process grows by the log and 16 MiB at most, and who reads on gets all of it once and in order",
        arguments: [1, 200])
    func stopped(readers: Int) throws {
        let redis = try RedisProcess()
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        environment["HISTORY_BYTES"] = "\(Self.historyBytes)"
        // Liveness still applies, and is not what is tested here.
        environment["SOCKET_RESPONSE_TIMEOUT_MS"] = "3600000"
        environment["PING_SOCKETS_INTERVAL_MS"] = "3600000"
        let sluice = try SluiceProcess(["serve"], environment: environment)
        try sluice.waitUntilReady(port: port)
        let quick = try WebSocketClient(port: port, channel: "beta")
        let webSockets = try (0..<(readers + 1) / 2).map { _ in
            try WebSocketClient(port: port, channel: "c0", receiveBuffer: 4096)
        }
        let streams = try (0..<readers / 2).map { _ in
            try EventStreamClient(port: port, channel: "c0", receiveBuffer: 4096)
        }
        // What a process has used once it does not give back at once: the first events come before the measure is taken.
        try Self.publish(redis, first: 0, 64)
        try Self.expectAnswer(quick, redis)
        let before = try sluice.memory("VmRSS")

        var next = 64
        while next < Self.count {
            try Self.publish(redis, first: next, 64)
            next += 64
            // The others have theirs at once, however much there is that nobody takes.
            try Self.expectAnswer(quick, redis)
        }
        try Self.read(webSockets[0], Self.count)
        #expect(try webSockets[0].barrier() == [])
        if let stream = streams.first { try Self.read(stream, Self.count) }
        // The rest of them begins to read too, all at once.
        for client in webSockets.dropFirst() { try Self.read(client, 50) }
        for client in streams.dropFirst() { try Self.read(client, 50) }
        try Self.expectAnswer(quick, redis)
        let grown = try sluice.memory("VmHWM") - before
        #expect(Sanitizer.isActive || grown <= Self.historyBytes + Self.allowance, "it grew by \(grown) bytes")
    }

    private static func publish(_ redis: RedisProcess, first: Int, _ count: Int) throws {
        let script = """
            local padding = string.rep('x', \(eventBytes))
            for n = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1 do
              local data = '{"channel_id": "c0", "n": ' .. n .. ', "padding": "' .. padding .. '"}'
              redis.call('XADD', 'async-events-c0', '*', 'data', data)
              redis.call('XADD', 'async-events-full', '*', 'data', data)
            end
            """
        try redis.command("EVAL", script, "0", "\(first)", "\(count)")
    }

    private static func expectAnswer(_ client: WebSocketClient, _ redis: RedisProcess) throws {
        let (_, id) = try redis.publish("beta", sampleEvent("beta", "job"))
        #expect(try eventID(client.event()) == id)
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        let head = text.prefix(100)
        guard let start = head.range(of: "\"n\": ")?.upperBound else { return nil }
        return Int(head[start...].prefix { $0.isNumber })
    }

    /// Reads the first events, and fails on any that is not the next one.
    private static func read(_ client: WebSocketClient, _ count: Int) throws {
        for expected in 0..<count {
            let text = try client.event(deadline: Deadline(seconds: 60))
            guard number(text) == expected else {
                throw Failure("\(text.prefix(80)) came where event \(expected) was expected")
            }
        }
    }

    private static func read(_ client: EventStreamClient, _ count: Int) throws {
        for expected in 0..<count {
            guard let event = try client.next(deadline: Deadline(seconds: 60)) else {
                throw Failure("the stream ended before event \(expected)")
            }
            let text = String(decoding: event.data.prefix(100), as: UTF8.self)
            guard number(text) == expected else {
                throw Failure("\(text) came where event \(expected) was expected")
            }
        }
    }
}
