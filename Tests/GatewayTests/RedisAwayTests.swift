import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Promise 3: Redis may go away.
@Suite("Redis away")
struct RedisAwayTests {
    private static func upgrade(_ gateway: TestGateway, lastID: String? = nil) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(WebSocketClient.request(channel: "alpha", lastID: lastID))
        return try HTTPAnswer.read(from: socket)
    }

    /// Ends the gateway's connections to Redis. Returns how many there were.
    @discardableResult
    private static func cutOff(_ redis: RedisProcess) throws -> Int {
        var killed = 0
        for client in try redis.command("CLIENT", "LIST").text.split(separator: "\n")
        where client.contains(" name=sluice") {
            guard let id = client.split(separator: " ").first?.dropFirst("id=".count) else { continue }
            // It may have gone by itself in the meantime.
            if case .integer(1) = try redis.command("CLIENT", "KILL", "ID", String(id)) { killed += 1 }
        }
        return killed
    }

    // MARK: At the start

    @Test("before the first contact upgrades are refused, and the gateway is there when Redis is")
    func atTheStart() throws {
        let redis = try RedisProcess(persistent: true)
        let (_, earlier) = try redis.publish("alpha", sampleEvent("alpha", "earlier"))
        redis.kill()
        let gateway = try TestGateway(redis: redis)
        for _ in 0..<3 {
            let ready = try gateway.get("/ready")
            #expect(ready.status == 503)
            #expect(ready.body.contains("Redis"))
            #expect(try gateway.get("/health").status == 200)
            let refused = try Self.upgrade(gateway)
            #expect(refused.status == 503)
            #expect((refused.field("Retry-After").flatMap { Int($0) } ?? 0) > 0)
            #expect(refused.field("Upgrade") == nil)
        }
        try eventually("it is logged") { gateway.log.contains("Redis cannot be reached") }
        #expect(try gateway.figures().figures.redisConnected == 0)
        try redis.start()
        let client = try gateway.open().connect("alpha", lastID: "0-0")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [earlier, id])
        #expect(try gateway.figures().figures.redisConnected == 1)
    }

    @Test("a Redis that accepts and does not answer is not contact", arguments: [1, 2])
    func silentAtTheStart(loops: Int) throws {
        let redis = try RedisProcess()
        redis.suspend()
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = loops }
        // Its connection stands in the kernel's queue; nobody is at home.
        for _ in 0..<5 {
            #expect(try gateway.get("/ready").status == 503)
            #expect(try Self.upgrade(gateway).status == 503)
        }
        redis.resume()
        let client = try gateway.open().connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
    }

    @Test("a global key that is no stream: not ready, said in the log in a few lines, and well once it is gone")
    func wrongType() throws {
        let redis = try RedisProcess()
        try redis.command("SET", "async-events-full", "a string")
        let gateway = try TestGateway(redis: redis)
        // The waits between the tries double: the fifth comes long after a hundred would have, were they not.
        try eventually("it was tried five times") { try Self.tries(redis) >= 5 }
        #expect(try gateway.get("/ready").status == 503)
        #expect(gateway.log.contains("WRONGTYPE"))
        let lines = gateway.log.lines.filter { $0.contains("cannot be reached") }
        #expect(lines.count <= 2, "\(lines)")
        try redis.command("DEL", "async-events-full")
        let client = try gateway.open().connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
    }

    /// How often `XINFO` was answered with an error.
    private static func tries(_ redis: RedisProcess) throws -> Int {
        let statistics = try redis.command("INFO", "commandstats").text
        guard let line = statistics.split(separator: "\r\n").first(where: { $0.hasPrefix("cmdstat_xinfo|stream:") }),
            let failed = line.split(separator: ",").first(where: { $0.hasPrefix("failed_calls=") })
        else { return 0 }
        return Int(failed.dropFirst("failed_calls=".count)) ?? 0
    }

    // MARK: Login

    @Test("a password, a user and a database are used; a wrong password is said in the log, but never shown")
    func login() throws {
        let redis = try RedisProcess()
        try redis.command("ACL", "SETUSER", "gateway", "on", ">the right password", "~*", "+@all")
        try redis.command("CONFIG", "SET", "requirepass", "another password")
        try redis.command("SELECT", "3")
        let right = try TestGateway(redis: redis) {
            $0.redis.username = "gateway"
            $0.redis.password = Secret("the right password")
            $0.redis.db = 3
        }.open()
        let client = try right.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])

        let wrong = try TestGateway(redis: redis) {
            $0.redis.username = "gateway"
            $0.redis.password = Secret("the wrong password")
        }
        try eventually("it is logged") { wrong.log.contains("WRONGPASS") }
        let none = try TestGateway(redis: redis)
        try eventually("it is logged") { none.log.contains("NOAUTH") }
        for gateway in [wrong, none] {
            #expect(try gateway.get("/ready").status == 503)
            #expect(!gateway.log.contains("right password") && !gateway.log.contains("wrong password"))
        }
        try redis.command("ACL", "SETUSER", "gateway", ">the wrong password")
        _ = try wrong.open()
    }

    @Test("Redis is reached over TCP, by a name or an address", arguments: ["localhost", "127.0.0.1"])
    func overTCP(host: String) throws {
        // Another process may take the port between the two.
        for attempt in 1...5 {
            let port = try Self.freePort()
            guard let redis = try? RedisProcess(arguments: ["--port", "\(port)", "--bind", "127.0.0.1"]) else {
                if attempt == 5 { Issue.record("no port was free") }
                continue
            }
            let gateway = try TestGateway(redis: redis) {
                $0.redis.socketPath = nil
                $0.redis.host = host
                $0.redis.port = port
            }.open()
            let client = try gateway.connect("alpha")
            let (_, first) = try redis.publish("alpha", sampleEvent("alpha", "now"))
            try client.expect(ids: [first])
            try Self.cutOff(redis)
            let (_, second) = try redis.publish("alpha", sampleEvent("alpha", "then"))
            try client.expect(ids: [second])
            return
        }
    }

    private static func freePort() throws -> UInt16 {
        let gateway = try TestGateway(redis: RedisProcess())
        return gateway.port
    }

    // MARK: Later

    @Test("killed and started again: sockets stay, new ones are served from memory, and no event is lost or doubled")
    func killedAndRestarted() throws {
        let redis = try RedisProcess(persistent: true)
        let gateway = try TestGateway(redis: redis).open()
        let sockets = try (0..<6).map { try gateway.connect("channel-\($0 % 2)") }
        var ids: [[String]] = [[], []]
        func publish(_ count: Int) throws {
            for number in 0..<count {
                let channel = "channel-\(number % 2)"
                ids[number % 2].append(try redis.publish(channel, sampleEvent(channel, "\(number)")).global)
            }
        }
        for round in 0..<3 {
            let before = ids
            try publish(8)
            for (index, socket) in sockets.enumerated() {
                try socket.expect(ids: Array(ids[index % 2][before[index % 2].count...]), "round \(round)")
            }
            redis.kill()
            try gateway.settle()
            try eventually("it is noticed") { try gateway.get("/ready").status == 503 }
            #expect(try gateway.get("/ready").body.contains("Redis"))
            #expect(try gateway.get("/health").status == 200)

            let inMemory = try gateway.connect("channel-0", lastID: ids[0][ids[0].count - 3])
            try inMemory.expect(ids: Array(ids[0].suffix(2)), "round \(round)")
            let fresh = try gateway.connect("channel-0")
            let asking = try gateway.connect("channel-0", lastID: "0-0")
            for socket in sockets + [fresh, asking] { #expect(try socket.barrier().isEmpty) }

            try redis.start()
            try eventually("it is back") { try gateway.get("/ready").status == 200 }
            let known = ids
            try publish(6)
            for (index, socket) in sockets.enumerated() {
                try socket.expect(ids: Array(ids[index % 2][known[index % 2].count...]), "round \(round)")
            }
            for socket in [inMemory, fresh] {
                try socket.expect(ids: Array(ids[0][known[0].count...]), "round \(round)")
            }
            try asking.expect(ids: ids[0], "round \(round)")
        }
        let figures = try gateway.figures().figures
        #expect(figures.redisReconnects >= 3)
        #expect(figures.closedByError == 0)
    }

    @Test("a Redis that comes back empty is read on from there")
    func comesBackEmpty() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let (_, first) = try redis.publish("alpha", sampleEvent("alpha", "before"))
        try client.expect(ids: [first])
        redis.kill()
        try eventually("it is noticed") { try gateway.get("/ready").status == 503 }
        try redis.start()
        let (_, second) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        try client.expect(ids: [second])
        try gateway.connect("alpha", lastID: first).expect(ids: [second])
    }

    @Test("what is written while the gateway is cut off arrives, more than one read takes too")
    func cutOffWhileWriting() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.eventLoops = 1
            $0.redisStreamReadCount = 100
        }.open()
        let clients = try (0..<4).map { try gateway.connect("c\($0)") }
        try redis.burst(40, channels: 4)
        for (index, client) in clients.enumerated() { try client.expect(redis.texts(of: "c\(index)")) }
        let reader = try StoppedReader(gateway, redis)
        let last = try redis.entries().last?.id
        try redis.burst(4000, channels: 4, first: 40)
        for client in clients { #expect(try client.barrier().isEmpty) }
        try reader.goOn()
        for (index, client) in clients.enumerated() {
            let missed = try redis.texts(of: "c\(index)").filter {
                StreamPosition(eventID($0)) > StreamPosition(last ?? "")
            }
            #expect(missed.count == 1000)
            try client.expect(missed)
        }
    }

    @Test(
        "cut off again and again while events are written, every socket gets each once and in order",
        arguments: [64 << 20, 4096])
    func cutOffAgainAndAgain(historyBytes: Int) throws {
        let redis = try RedisProcess()
        // A stream that has a beginning: of one that is missing nobody knows what it once held.
        let (_, earlier) = try redis.publish("alpha", sampleEvent("alpha", "earlier"))
        let gateway = try TestGateway(redis: redis) { $0.historyBytes = historyBytes }.open()
        let staying = try (0..<3).map { _ in try gateway.connect("alpha") }
        let path = redis.socketPath
        let written = 900
        let writer = Background { _ in
            let producer = try Producer(socketPath: path, channel: "alpha")
            for number in 0..<written {
                try producer.publish(sampleEvent("alpha", "\(number)"))
                var pause = timespec(tv_sec: 0, tv_nsec: 1_000_000)
                nanosleep(&pause, nil)
            }
        }
        var had: [String] = []
        while had.count < written {
            try Self.cutOff(redis)
            let client = try gateway.connect("alpha", lastID: had.last.map(eventID) ?? earlier)
            had += try client.events(min(40, written - had.count))
            client.socket.reset()
        }
        try writer.join()
        let all = try redis.texts(of: "alpha", after: earlier)
        #expect(had.map(eventID) == all.map(eventID))
        for socket in staying { try socket.expect(all) }
        #expect(try gateway.figures().figures.redisReconnects > 0)
    }

    @Test("replays that are cut off in the middle are read again, and each client gets its own once")
    func cutOffWhileReplaying() throws {
        let events = (0..<60).map { number in
            Twin(
                "alpha", sampleEvent("alpha", "\(number)"), channel: (number * 3000, 0), global: (number * 3000 + 1, 0))
        }
        let scenario = try ReplayScenario(.nothingOfIt) { try $0.write(events) }
        var clients: [(Int, WebSocketClient)] = []
        for cut in 0..<59 {
            clients.append((cut, try scenario.gateway.connect("alpha", lastID: events[cut].globalText)))
            if cut % 4 == 0 { try Self.cutOff(scenario.redis) }
        }
        for (cut, client) in clients { try client.expect(events[(cut + 1)...].map(\.text), "cut \(cut)") }
    }

    @Test(
        "silent for longer than a read may block and two seconds more, Redis counts as gone, and is read on when it answers"
    )
    func silent() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.redisStreamReadBlockMs = 50
            $0.eventLoops = 1
            $0.historyBytes = 1024
        }.open()
        let client = try gateway.connect("alpha")
        let (_, first) = try redis.publish("alpha", sampleEvent("alpha", "first"))
        try client.expect(ids: [first])
        try ReplayScenario.addFiller(redis, bytes: 4096)
        try ReplayScenario.hasRead(gateway, redis)

        redis.suspend()
        let asking = try gateway.connect("alpha", lastID: "0-0")
        try eventually("it is noticed") { try gateway.get("/ready").status == 503 }
        #expect(gateway.log.contains("has not answered"))
        #expect(try gateway.get("/health").status == 200)
        let asking2 = try gateway.connect("alpha", lastID: "0-0")
        #expect(try client.barrier().isEmpty)
        #expect(try asking.barrier().isEmpty)
        redis.resume()

        try eventually("it is back", within: 60) { try gateway.get("/ready").status == 200 }
        let (_, second) = try redis.publish("alpha", sampleEvent("alpha", "second"))
        try client.expect(ids: [second])
        try asking.expect(ids: [first, second])
        try asking2.expect(ids: [first, second])
    }

    @Test("an idle stream is no silence: reads that end empty-handed keep the connection")
    func idle() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.redisStreamReadBlockMs = 1 }.open()
        let client = try gateway.connect("alpha")
        try eventually("many reads have ended") {
            let statistics = try redis.command("INFO", "commandstats").text
            guard let line = statistics.split(separator: "\r\n").first(where: { $0.hasPrefix("cmdstat_xread:calls=") })
            else { return false }
            return (Int(line.dropFirst("cmdstat_xread:calls=".count).prefix { $0 != "," }) ?? 0) > 200
        }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
        #expect(try gateway.figures().figures.redisReconnects == 0)
    }
}

/// An ID in its order.
struct StreamPosition: Comparable {
    var milliseconds: UInt64
    var sequence: UInt64

    init(_ id: String) {
        let parts = id.split(separator: "-")
        milliseconds = parts.first.flatMap { UInt64($0) } ?? 0
        sequence = parts.count > 1 ? UInt64(parts[1]) ?? 0 : 0
    }

    static func < (a: StreamPosition, b: StreamPosition) -> Bool {
        (a.milliseconds, a.sequence) < (b.milliseconds, b.sequence)
    }
}
