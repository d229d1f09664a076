import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// Promise 5: an open socket is closed at its token's `exp` and the same 30 seconds that the handshake gives.
@Suite("Token expiry")
struct DeadlineTests {
    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }
    /// An `exp` whose leeway ends in two to three seconds: time enough for the handshake.
    private static var soon: Int64 { now - 27 }

    private func connect(_ gateway: TestGateway, _ channel: String, expiresAt: Int64?) throws -> TestSocket {
        let socket = try TestSocket.connect(port: gateway.port)
        let token = WebSocketClient.token(channel, expiresAt: expiresAt)
        try socket.send(RequestText(upgradeTo: channel, token: token).bytes)
        let answer = try HTTPAnswer.read(from: socket)
        guard answer.status == 101 else { throw Failure("\(answer.statusLine): \(answer.body)") }
        return socket
    }

    @Test("a socket is closed with 4401 when its token has expired, leeway included, and no other is")
    func expiry() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let other = try connect(gateway, "alpha", expiresAt: Self.now + 3600)
        let eternal = try connect(gateway, "alpha", expiresAt: nil)
        let expiresAt = Self.soon
        let socket = try connect(gateway, "alpha", expiresAt: expiresAt)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "before"))
        #expect(eventID(try socket.frame().text) == id)
        let close = try socket.frame()
        #expect(Date().timeIntervalSince1970 >= Double(expiresAt + 30))
        #expect(close.opcode == 8)
        #expect(close.closeCode == 4401)
        #expect(close.closeReason.contains("expired"))
        let (_, late) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        for stays in [other, eternal] {
            #expect(eventID(try stays.frame().text) == id)
            #expect(eventID(try stays.frame().text) == late)
        }
        // Its answer is taken, and the stream ends in order.
        try socket.send(WebSocketClient.frame(opcode: 8, Array(close.payload.prefix(2))))
        #expect(try socket.ending() == .finished)
        let figures = try gateway.figures().figures
        #expect(figures.closedAsExpired == 1)
        #expect(figures.webSocketConnections == 2)
    }

    @Test("a client that does not answer the close frame is cut off")
    func unanswered() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try connect(gateway, "alpha", expiresAt: Self.soon)
        #expect(try socket.frame().closeCode == 4401)
        #expect(try socket.ending() == .finished)
    }

    @Test("an expiry comes in time for an idle socket whose next ping is far away")
    func beforeThePing() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        #expect(try connect(gateway, "alpha", expiresAt: Self.soon).frame().closeCode == 4401)
    }

    @Test("with closeOnTokenExpiry false the socket stays open")
    func kept() throws {
        let redis = try RedisProcess()
        let keeping = try TestGateway.quiet(redis) { $0.closeOnTokenExpiry = false }.ready()
        let closing = try TestGateway.quiet(redis).ready()
        let expiresAt = Self.soon
        let kept = try connect(keeping, "alpha", expiresAt: expiresAt)
        // When the other gateway has closed its socket, the token has expired.
        let closed = try connect(closing, "alpha", expiresAt: expiresAt)
        #expect(try closed.frame().closeCode == 4401)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        #expect(eventID(try kept.frame().text) == id)
        #expect(try keeping.figures().figures.closedAsExpired == 0)
    }
}
