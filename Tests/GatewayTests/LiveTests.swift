import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

@Suite("Live delivery")
struct LiveTests {
    @Test("an event reaches every socket of its channel and no other")
    func fanOut() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let first = try gateway.connect("alpha")
        let second = try gateway.connect("alpha")
        let other = try gateway.connect("beta")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-1"))
        let expected = "{\"id\":\"\(id)\", " + sampleEvent("alpha", "job-1").dropFirst()
        #expect(try first.event() == expected)
        #expect(try second.event() == expected)
        let (_, next) = try redis.publish("beta", sampleEvent("beta", "job-2"))
        #expect(eventID(try other.event()) == next)
    }

    @Test("a socket without last_id is given what is written from now on, and nothing from before")
    func fromNowOn() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let early = try gateway.connect("alpha")
        try redis.publish("alpha", sampleEvent("alpha", "before"))
        #expect(try early.event().contains("before"))
        try gateway.settle()
        let late = try gateway.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        try late.expect([eventText(id, sampleEvent("alpha", "after"))])
        try early.expect([eventText(id, sampleEvent("alpha", "after"))])
    }

    @Test("sockets spread over so many event loops all get their events in order", arguments: [1, 2, 3])
    func loops(count: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = count }.open()
        #expect(gateway.gateway.loopCount == count)
        let sockets = try (0..<48).map { try gateway.connect("c\($0 % 6)") }
        try redis.burst(300, channels: 6)
        let expected = try (0..<6).map { try redis.texts(of: "c\($0)") }
        for (index, socket) in sockets.enumerated() {
            try socket.expect(expected[index % 6], "socket \(index)")
        }
        let figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 48)
        #expect(figures.deliveries == 48 * 50)
        #expect(figures.eventsRead == 300)
        withExtendedLifetime(sockets) {}
    }

    @Test("a burst of thousands of events to many channels arrives whole and in order")
    func burst() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let sockets = try (0..<80).map { try gateway.connect("c\($0 % 40)") }
        for round in 0..<4 { try redis.burst(2000, channels: 50, first: round * 2000) }
        let all = try redis.entries()
        #expect(all.count == 8000)
        for (index, socket) in sockets.enumerated() {
            let expected = all.filter { $0.data.hasPrefix("{\"channel_id\": \"c\(index % 40)\",") }.map(\.text)
            try socket.expect(expected, "socket \(index)")
        }
    }

    @Test(
        "replies that are full are delivered together, in order and each event once, whatever the log holds",
        arguments: [1024, 100_000, 64 << 20], [7, 150])
    func fullReplies(historyBytes: Int, count: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.redisStreamReadCount = count
            $0.historyBytes = historyBytes
        }.open()
        let sockets = try (0..<6).map { index in
            try WebSocketClient(port: gateway.port, channel: "c\(index % 3)", receiveBuffer: index == 0 ? 4096 : nil)
        }
        try redis.burst(3000, channels: 3)
        for (index, socket) in sockets.enumerated() {
            try socket.expect(try redis.texts(of: "c\(index % 3)"), "socket \(index)")
        }
    }

    @Test("more events of a channel at once than one gathered write takes arrive in order")
    func manyAtOnce() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.redisStreamReadCount = 10_000
            $0.eventLoops = 1
        }.open()
        let sockets = try (0..<4).map { index in
            try WebSocketClient(port: gateway.port, channel: "c0", receiveBuffer: index == 0 ? 4096 : nil)
        }
        try redis.burst(7000, channels: 1)
        let expected = try redis.texts(of: "c0")
        #expect(expected.count == 7000)
        for socket in sockets { try socket.expect(expected) }
    }

    @Test("events of several producers arrive in the order of the global stream")
    func producers() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let sockets = try (0..<3).map { _ in try gateway.connect("alpha") }
        let path = redis.socketPath
        let writers = (0..<4).map { writer in
            Background { _ in
                let producer = try Producer(socketPath: path, channel: "alpha")
                for number in 0..<250 { try producer.publish(sampleEvent("alpha", "job-\(writer)-\(number)")) }
            }
        }
        for writer in writers { try writer.join() }
        let expected = try redis.entries().map(\.text)
        #expect(expected.count == 1000)
        for socket in sockets { try socket.expect(expected) }
    }

    // MARK: Sizes

    @Test(
        "each length form of a frame is right at its boundaries, text of so many bytes",
        arguments: [
            (125, [0x81, 125]), (126, [0x81, 126, 0, 126]), (127, [0x81, 126, 0, 127]), (128, [0x81, 126, 0, 128]),
            (65535, [0x81, 126, 0xFF, 0xFF]), (65536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (65537, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 1]), (1 << 20, [0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]),
        ] as [(Int, [UInt8])])
    func lengthForms(length: Int, header: [UInt8]) throws {
        let redis = try RedisProcess()
        // No ping among the bytes.
        let gateway = try TestGateway(redis: redis) { $0.pingSocketsIntervalMs = 86_400_000 }.open()
        let client = try gateway.connect("alpha")
        let id = "1700000000000-7"
        let shortest = eventText(id, "{\"channel_id\":\"alpha\",\"p\":\"\"}").utf8.count
        let padding = String(repeating: "x", count: length - shortest)
        let data = "{\"channel_id\":\"alpha\",\"p\":\"\(padding)\"}"
        try redis.add("async-events-full", id, data: data)
        #expect(try client.socket.read(header.count) == header)
        #expect(try client.socket.read(length) == Array(eventText(id, data).utf8))
        #expect(try client.barrier().isEmpty)
    }

    @Test("the smallest event there is arrives")
    func smallest() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("a")
        try redis.add("async-events-full", "0-1", data: "{\"channel_id\":\"a\"}")
        try client.expect(["{\"id\":\"0-1\", \"channel_id\":\"a\"}"])
    }

    @Test("events of 1 MiB among small ones reach sockets that take little at a time, whole and in order")
    func largeToSmallSockets() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let sockets = try (0..<6).map { index in
            try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: index % 2 == 0 ? 4096 : nil)
        }
        var expected: [String] = []
        for number in 0..<18 {
            let padding = String(repeating: "\(number % 10)", count: number % 3 == 0 ? 1 << 20 : 300)
            let data = "{\"channel_id\": \"alpha\", \"job_id\": \"job-\(number)\", \"padding\": \"\(padding)\"}"
            expected.append(eventText(try redis.publish("alpha", data).global, data))
        }
        for socket in sockets {
            let texts = try socket.drain(18)
            #expect(texts.map(eventID) == expected.map(eventID))
            #expect(texts == expected)
        }
    }

    @Test("a reader that stops is owed its events, past the end of the log too, and gets them when it reads again")
    func slowReader() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = 1 << 20 }.open()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096)
        let quick = try gateway.connect("alpha")
        let padding = String(repeating: "p", count: 40_000)
        var expected: [String] = []
        for number in 0..<300 {
            let data = "{\"channel_id\": \"alpha\", \"n\": \(number), \"padding\": \"\(padding)\"}"
            expected.append(eventText(try redis.publish("alpha", data).global, data))
            #expect(try quick.event() == expected[number])
        }
        let texts = try slow.drain(300)
        #expect(texts.map(eventID) == expected.map(eventID))
        #expect(texts == expected)
        #expect(try gateway.figures().figures.replaysFromChannelStream > 0, "the log alone could serve it")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "last"))
        try slow.expect([eventText(id, sampleEvent("alpha", "last"))])
    }

    // MARK: Entries with more to them

    @Test("an entry may have fields beside data, before and behind it")
    func furtherFields() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        var expected: [String] = []
        for fields in [["before", "1"], [], ["datum", "{}", "dat", "", "DATA", "x"]] {
            for behind in [["behind", "2"], [], ["", "", "data2", "{\"channel_id\": \"beta\"}"]] {
                let data = sampleEvent("alpha", "job-\(expected.count)")
                let arguments = ["XADD", "async-events-full", "*"] + fields + ["data", data] + behind
                let id = try redis.command(arguments.map { Array($0.utf8) }).text
                expected.append(eventText(id, data))
            }
        }
        try client.expect(expected)
        #expect(try gateway.figures().figures.eventsSkipped == 0)
    }

    @Test("a prefix of the operator's choosing names the streams")
    func prefix() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.redisStreamPrefix = "my:{app}:" }.open()
        let client = try gateway.connect("alpha")
        try redis.publish("alpha", sampleEvent("alpha", "elsewhere"))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "here"), prefix: "my:{app}:")
        try client.expect([eventText(id, sampleEvent("alpha", "here"))])
    }
}
