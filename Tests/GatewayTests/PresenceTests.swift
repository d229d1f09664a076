import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// `presence: true`: whether anyone still waits.
@Suite("Presence")
struct PresenceTests {
    private static func gateway(
        _ redis: RedisProcess, ttl: Int = 1000, _ configure: (inout Settings) -> Void = { _ in }
    ) throws -> TestGateway {
        try TestGateway.quiet(redis) {
            $0.presence = true
            $0.presenceTtlMs = ttl
            $0.pollDelayMaxMs = 300
            $0.pollDelayMinMs = 100
            configure(&$0)
        }.open()
    }

    private func isPresent(_ redis: RedisProcess, _ channel: String) throws -> Bool {
        try redis.command("EXISTS", "async-events-presence:\(channel)").text == "1"
    }

    private func ask(_ gateway: TestGateway, _ request: RequestText) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.text)
        return try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD")
    }

    private func request(_ channel: String) -> RequestText {
        RequestText("/api/presence").adding("Authorization: Bearer \(WebSocketClient.token(channel))")
    }

    @Test(
        "a channel's key is there from the first client on and goes with the last, over every transport",
        arguments: ContractTransport.allCases)
    func comesAndGoes(transport: ContractTransport) throws {
        let redis = try RedisProcess()
        let gateway = try Self.gateway(redis)
        #expect(try !isPresent(redis, "alpha"))
        var clients = try (0..<2).map { _ in try transport.connect(gateway, "alpha", lastID: "0-0") }
        let poller = Background { [gateway = Unchecked(gateway)] background in
            // Whoever polls does so again and again.
            guard transport == .polling else { return }
            let client = try gateway.value.poller("alpha")
            while !background.isStopped { _ = try client.poll(wait: "0.1") }
        }
        try eventually("it is told") { try isPresent(redis, "alpha") }
        let left = try #require(Int(try redis.command("PTTL", "async-events-presence:alpha").text))
        #expect((1...1000).contains(left))
        #expect(try redis.command("TYPE", "async-events-presence:alpha").text == "string")
        #expect(try !isPresent(redis, "beta"))
        // It is set anew for as long as somebody is there.
        let written = try gateway.figures().figures.presenceWrites
        try eventually("it was set again and again") { try gateway.figures().figures.presenceWrites >= written + 5 }
        #expect(try isPresent(redis, "alpha"))
        clients.removeFirst().close()
        let again = try gateway.figures().figures.presenceWrites
        try eventually("it still is") { try gateway.figures().figures.presenceWrites >= again + 5 }
        #expect(try isPresent(redis, "alpha"))
        poller.stop()
        try poller.join()
        clients.removeFirst().close()
        try eventually("it has gone") { try !isPresent(redis, "alpha") }
        try eventually("nothing turns any more") { try gateway.figures().figures.channelsPresent == 0 }
    }

    @Test("each of many channels is set anew, and none twice in a round because others came at once")
    func many() throws {
        let redis = try RedisProcess()
        let gateway = try Self.gateway(redis, ttl: 3000)
        let clients = try (0..<300).map { try gateway.connect("c\($0)") }
        try eventually("all are told") { try gateway.figures().figures.presenceWrites >= 300 }
        try eventually("some rounds have passed") { try gateway.figures().figures.presenceWrites >= 300 * 5 }
        for index in 0..<300 { #expect(try isPresent(redis, "c\(index)")) }
        #expect(try gateway.figures().figures.channelsPresent == 300)
        withExtendedLifetime(clients) {}
    }

    @Test("when Redis comes back without its keys they are all set again")
    func redisAway() throws {
        let redis = try RedisProcess()
        let gateway = try Self.gateway(redis, ttl: 60_000)
        let clients = try (0..<20).map { try gateway.connect("c\($0)") }
        try eventually("they are told") { try (0..<20).allSatisfy { try isPresent(redis, "c\($0)") } }
        redis.kill()
        try eventually("the loss is noticed") { try gateway.get("/ready").status == 503 }
        try redis.start()
        try eventually("they are told again") { try (0..<20).allSatisfy { try isPresent(redis, "c\($0)") } }
        withExtendedLifetime(clients) {}
    }

    @Test("what Redis refuses is logged, and is no harm to the clients")
    func refused() throws {
        let redis = try RedisProcess()
        let gateway = try Self.gateway(redis)
        let client = try gateway.connect("alpha")
        try eventually("it is told") { try isPresent(redis, "alpha") }
        try redis.command("CONFIG", "SET", "maxmemory", "1")
        try eventually("it is logged") { gateway.log.contains("Redis could not be told who is there") }
        try redis.command("CONFIG", "SET", "maxmemory", "0")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "x"))
        #expect(eventID(try client.event()) == id)
        try eventually("it is told again") { try isPresent(redis, "alpha") }
    }

    @Test("in a cluster each key is where its slot is")
    func cluster() throws {
        let cluster = try RedisCluster()
        let gateway = try Self.gateway(cluster.nodes[0]) {
            $0.redis.socketPath = nil
            $0.redis.port = cluster.nodes[0].port ?? 0
        }
        let clients = try (0..<12).map { try gateway.connect("c\($0)") }
        for index in 0..<12 {
            let key = "async-events-presence:c\(index)"
            let node = cluster.nodes[try cluster.node(of: key)]
            try eventually("c\(index) is told") { try node.command("EXISTS", key).text == "1" }
            #expect(try ask(gateway, request("c\(index)")).body == "{\"present\":true}")
        }
        withExtendedLifetime(clients) {}
    }

    // MARK: GET /api/presence

    @Test("the caller's own channel, over all gateways")
    func endpoint() throws {
        let redis = try RedisProcess()
        let gateways = try (0..<2).map { _ in try Self.gateway(redis, ttl: 20_000) }
        let none = try ask(gateways[0], request("alpha"))
        #expect(none.status == 200)
        #expect(none.body == "{\"present\":false}")
        #expect(none.field("Content-Type") == "application/json")
        #expect(none.field("Cache-Control") == "no-store")
        #expect(none.field("Connection") == "keep-alive")
        let client = try gateways[0].connect("alpha")
        for gateway in gateways {
            try eventually("it is told") { try ask(gateway, request("alpha")).body == "{\"present\":true}" }
            #expect(try ask(gateway, request("beta")).body == "{\"present\":false}")
        }
        let head = try ask(gateways[1], request("alpha").with(method: "HEAD"))
        #expect(head.status == 200)
        // Pipelined, and a plain one behind.
        let socket = try TestSocket.connect(port: gateways[1].port)
        try socket.send(request("alpha").text + request("beta").text + RequestText("/health").text)
        #expect(try HTTPAnswer.read(from: socket).body == "{\"present\":true}")
        #expect(try HTTPAnswer.read(from: socket).body == "{\"present\":false}")
        #expect(try HTTPAnswer.read(from: socket).body == "OK")
        _ = client
        withExtendedLifetime((gateways, client)) {}
    }

    @Test("refusals are those of the other endpoints; without presence there is no such path")
    func refusals() throws {
        let redis = try RedisProcess()
        let gateway = try Self.gateway(redis)
        let anonymous = try ask(gateway, request("alpha").without("Authorization"))
        #expect(anonymous.status == 401)
        #expect(anonymous.field("Cache-Control") == "no-store")
        #expect(try ask(gateway, request("alpha").adding("Origin: https://evil.example")).status == 403)
        #expect(try ask(gateway, request("presence:alpha")).status == 401, "no channel's name")
        let wrong = try ask(gateway, request("alpha").with(method: "DELETE"))
        #expect(wrong.status == 405)
        #expect(wrong.field("Allow") == "GET, HEAD, OPTIONS")
        redis.kill()
        try eventually("it says so") { try ask(gateway, request("alpha")).status == 503 }
        let away = try ask(gateway, request("alpha"))
        #expect(away.body == "Redis does not answer, and nobody else knows who is there; ask again.\n")
        #expect(away.field("Retry-After") != nil)

        try redis.start()
        let without = try TestGateway.quiet(redis).open()
        #expect(try ask(without, request("alpha")).status == 404)
        let client = try without.connect("alpha")
        #expect(try client.barrier().isEmpty)
        #expect(try !isPresent(redis, "alpha"))
    }
}

/// `@unchecked Sendable`: a test gateway's figures and connections may be asked for from any thread.
private final class Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
