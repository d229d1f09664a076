import Configuration
import EventLog
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// `maxTotalConnections` and `maxConnectionsPerChannel`.
@Suite("Connection limits")
struct LimitTests {
    private func answer(_ gateway: TestGateway, _ channel: String) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText(upgradeTo: channel).bytes)
        return try HTTPAnswer.read(from: socket)
    }

    @Test("one connection more than maxTotalConnections is 503 with Retry-After, over all loops, and ready says so")
    func total() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.maxTotalConnections = 8
            $0.eventLoops = 3
        }.ready()
        var clients = try (0..<8).map { try gateway.connect("channel-\($0)") }
        let refused = try answer(gateway, "one-more")
        #expect(refused.status == 503)
        #expect(refused.field("Retry-After") != nil)
        #expect(refused.field("Connection") == "close")
        #expect(try gateway.get("/ready").status == 503)
        #expect(try gateway.get("/ready").body == "maxTotalConnections reached\n")
        #expect(try gateway.get("/health").status == 200)
        #expect(try gateway.figures().figures.handshakesRefused["too_many_connections"] == 1)
        #expect(gateway.log.contains("maxTotalConnections is reached"))
        // Each way of ending gives a place back.
        clients.removeLast().socket.reset()
        clients.removeLast().socket.close()
        try clients[0].socket.send(WebSocketClient.frame(opcode: 8, [0x03, 0xE8]))
        #expect(try clients[0].frame().closeCode == 1000)
        try clients[1].socket.send(WebSocketClient.frame(opcode: 1, [0xFF]))
        #expect(try clients[1].frame().closeCode == 1007)
        try eventually("four are left") { try gateway.figures().figures.webSocketConnections == 4 }
        let again = try (0..<4).map { try gateway.connect("again-\($0)") }
        #expect(try answer(gateway, "one-more").status == 503)
        withExtendedLifetime((clients, again)) {}
    }

    @Test("one connection more than maxConnectionsPerChannel is 429 on that channel only")
    func perChannel() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.maxConnectionsPerChannel = 3
            $0.eventLoops = 3
        }.ready()
        var clients = try (0..<3).map { _ in try gateway.connect("alpha") }
        let refused = try answer(gateway, "alpha")
        #expect(refused.status == 429)
        #expect(refused.field("Retry-After") != nil)
        #expect(try gateway.figures().figures.handshakesRefused["too_many_on_channel"] == 1)
        let others = try (0..<3).map { _ in try gateway.connect("beta") }
        #expect(try gateway.get("/ready").status == 200)
        clients.removeLast().socket.close()
        try eventually("one is gone") { try gateway.figures().figures.webSocketConnections == 5 }
        clients.append(try gateway.connect("alpha"))
        #expect(try answer(gateway, "alpha").status == 429)
        withExtendedLifetime((clients, others)) {}
    }

    @Test("refused handshakes take no place")
    func refusalsTakeNone() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxTotalConnections = 1 }.ready()
        for _ in 0..<10 {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText(upgradeTo: "alpha", token: "garbage").bytes)
            #expect(try HTTPAnswer.read(from: socket).status == 401)
        }
        let client = try gateway.connect("alpha")
        #expect(try answer(gateway, "alpha").status == 503)
        withExtendedLifetime(client) {}
    }

    @Test("counts are given back to the unit, and without limits nothing is counted")
    func counts() {
        let limits = ConnectionLimits(total: 3, perChannel: 2)
        let (alpha, beta) = (Channel(Array("alpha".utf8)), Channel(Array("beta".utf8)))
        for _ in 0..<100 {
            #expect(limits.admit(alpha) == .admitted)
            #expect(limits.admit(alpha) == .admitted)
            #expect(limits.admit(alpha) == .tooManyOnChannel)
            #expect(limits.admit(beta) == .admitted)
            #expect(limits.isFull)
            #expect(limits.admit(beta) == .tooMany)
            limits.release(alpha)
            #expect(!limits.isFull)
            #expect(limits.admit(beta) == .admitted)
            limits.release(beta)
            limits.release(beta)
            limits.release(alpha)
        }
        let unlimited = ConnectionLimits(total: 0, perChannel: 0)
        for _ in 0..<1000 { #expect(unlimited.admit(alpha) == .admitted) }
        #expect(!unlimited.isFull)
    }
}
