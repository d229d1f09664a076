import Configuration
import Foundation
import TestSupport
import Testing

/// Promise 1 over every transport: order and exactly once, for each client.
@Suite("The contract, over WebSocket, event stream and polling")
struct ContractTests {
    private static func events(_ count: Int) -> [Twin] {
        (0..<count).map { number in
            let time = number * 10_000
            return Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (time, 0), global: (time + 1, 0))
        }
    }

    /// The next events are these, and behind them nothing but what is live.
    private func expect(
        _ client: any ContractClient, _ texts: [String], _ redis: RedisProcess, _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let data = sampleEvent("alpha", "live-\(UUID().uuidString)")
        let (_, id) = try redis.publish("alpha", data)
        let expected = texts + [eventText(id, data)]
        let difference = firstDifference(try client.events(expected.count), expected)
        #expect(difference == nil, "\(comment)", sourceLocation: sourceLocation)
    }

    @Test(
        "what came after the last ID is sent, in order, and then what is live",
        arguments: ContractTransport.allCases, Memory.allCases)
    func resume(transport: ContractTransport, memory: Memory) throws {
        let events = Self.events(8)
        let scenario = try ReplayScenario(memory) { try $0.write(events) }
        var live: [String] = []
        for (id, first) in [(events[2].globalText, 3), (events[5].channelText, 6), ("0-0", 0), (past(45_000), 5)] {
            let client = try transport.connect(scenario.gateway, "alpha", lastID: id)
            try expect(client, events[first...].map(\.text) + live, scenario.redis, "after \(id)")
            live = try scenario.redis.texts(of: "alpha").suffix(from: 8).map { $0 }
        }
    }

    @Test(
        "who comes back at any moment of a busy stream gets every event once and in order",
        arguments: ContractTransport.allCases, [1 << 20, 16 << 10])
    func seam(transport: ContractTransport, historyBytes: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = historyBytes }.open()
        // Nothing tells what a client of a stream that is younger than the producers' skew has had: this one is not.
        try redis.addEvent("alpha", sampleEvent("alpha", "first"), channelID: past(0), globalID: past(1))
        try ReplayScenario.hasRead(gateway, redis)
        let path = redis.socketPath
        let writer = Background { _ in
            let producer = try Producer(socketPath: path, channel: "alpha")
            for number in 0..<1200 { try producer.publish(sampleEvent("alpha", "job-\(number)")) }
        }
        var client = try transport.connect(gateway, "alpha", lastID: "0-0")
        var texts: [String] = []
        var pause = 1
        while texts.count < 1201 {
            texts += try client.events(min(pause, 1201 - texts.count))
            pause = pause % 97 + 13
            let id = client.lastID
            client.close()
            client = try transport.connect(gateway, "alpha", lastID: id)
        }
        try writer.join()
        let difference = firstDifference(texts, try redis.texts(of: "alpha"), withoutID)
        #expect(difference == nil, "\(difference ?? "")")
    }

    @Test(
        "crossed writes of many producers: from any event on, the rest comes once and in the global order",
        arguments: ContractTransport.allCases, Memory.allCases)
    func crossed(transport: ContractTransport, memory: Memory) throws {
        let twins = Twin.random(seed: 20_261_121, count: 240, span: 4000, apart: 600, equalEvery: 9)
        let scenario = try ReplayScenario(memory) { try $0.write(twins) }
        let own = twins.filter { $0.channel == "alpha" }
        for index in stride(from: 0, to: own.count, by: 17) {
            let client = try transport.connect(scenario.gateway, "alpha", lastID: own[index].globalText)
            let expected = own[(index + 1)...].map(\.text)
            let got = try client.events(expected.count)
            #expect(firstDifference(got, expected) == nil, "after event \(index)")
            client.close()
        }
    }

    @Test(
        "the object is as the producer wrote it, with the ID put first, on one line",
        arguments: ContractTransport.allCases)
    func text(transport: ContractTransport) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let (_, before) = try redis.publish("alpha", sampleEvent("alpha", "before"))
        try ReplayScenario.hasRead(gateway, redis)
        let client = try transport.connect(gateway, "alpha", lastID: before)
        for data in [
            "{\"channel_id\": \"alpha\"}", "{\n  \"a\": [1, 2.0, \"]}\\\"{[\"],\r\n  \"channel_id\":\"alpha\"\n}",
            "{\"channel_id\": \"alpha\", \"id\": \"own\", \"n\": 12345678901234567890}",
            "{\"\\u0063hannel_id\": \"\\u0061lpha\", \"é\": \"😀\"}",
        ] {
            let (_, id) = try redis.publish("alpha", data)
            #expect(try client.event(deadline: Deadline()) == eventText(id, data))
        }
    }

    @Test("every client of a channel gets its events, and nobody else's", arguments: ContractTransport.allCases)
    func channels(transport: ContractTransport) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        // Of a stream that is young a replay gives events under their channel's IDs, too.
        let clients = try ["alpha", "alpha", "beta"].map { try transport.connect(gateway, $0, lastID: "0-0") }
        var expected: [String: [String]] = [:]
        for number in 0..<60 {
            let channel = ["alpha", "beta", "gamma"][number % 3]
            let data = sampleEvent(channel, "\(number)")
            expected[channel, default: []].append(eventText(try redis.publish(channel, data).global, data))
        }
        for (client, channel) in zip(clients, ["alpha", "alpha", "beta"]) {
            #expect(firstDifference(try client.events(20), expected[channel] ?? [], withoutID) == nil)
        }
    }

    @Test(
        "Redis goes away and comes back: what was read before, and what came after, each once",
        arguments: ContractTransport.allCases)
    func redisAway(transport: ContractTransport) throws {
        let redis = try RedisProcess(persistent: true)
        let gateway = try TestGateway.quiet(redis).open()
        var expected: [String] = []
        func publish(_ number: Int) throws {
            let data = sampleEvent("alpha", "\(number)")
            expected.append(eventText(try redis.publish("alpha", data).global, data))
        }
        for number in 0..<5 { try publish(number) }
        // What it is to give from memory has to be there, under the IDs that memory knows.
        try ReplayScenario.hasRead(gateway, redis)
        let client = try transport.connect(gateway, "alpha", lastID: "0-0")
        var texts = try client.events(3)
        redis.kill()
        // From memory, by a new connection too.
        let id = client.lastID
        client.close()
        let again = try transport.connect(gateway, "alpha", lastID: id)
        texts += try again.events(2)
        try redis.start()
        for number in 5..<10 { try publish(number) }
        texts += try again.events(5)
        #expect(firstDifference(texts, expected, withoutID) == nil)
    }

    @Test(
        "a gateway that is started anew serves who had its IDs from the one before",
        arguments: ContractTransport.allCases)
    func replicas(transport: ContractTransport) throws {
        let redis = try RedisProcess()
        var expected: [String] = []
        var id = "0-0"
        var texts: [String] = []
        for round in 0..<4 {
            let gateway = try TestGateway.quiet(redis).open()
            for number in 0..<7 {
                let data = sampleEvent("alpha", "\(round)-\(number)")
                expected.append(eventText(try redis.publish("alpha", data).global, data))
            }
            let client = try transport.connect(gateway, "alpha", lastID: id)
            texts += try client.events(round == 3 ? expected.count - texts.count : 5)
            id = client.lastID ?? id
            client.close()
        }
        #expect(firstDifference(texts, expected, withoutID) == nil)
    }
}
