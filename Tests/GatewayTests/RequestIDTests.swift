import Configuration
import Foundation
import HTTP1
import JSONWebToken
import TestSupport
import Testing
import WebSocket

@testable import Gateway

/// What ties a request to log lines.
@Suite("Request IDs")
struct RequestIDTests {
    private func refusal(_ gateway: TestGateway, _ id: String?) throws -> (given: String?, line: String?) {
        let socket = try TestSocket.connect(port: gateway.port)
        var request = RequestText(upgradeTo: "alpha", token: "garbage")
        if let id { request.fields.append("X-Request-ID: \(id)") }
        try socket.send(request.text)
        let answer = try HTTPAnswer.read(from: socket)
        let given = answer.field("X-Request-ID")
        return (given, gateway.log.lines.first { $0.contains("refused") && $0.contains("request=\(given ?? "?")") })
    }

    @Test(
        "a sane one is taken over, in the answer and in the log",
        arguments: [
            "a", "9d1e7a52-6a3c-4f4e-8c1c-2c8f3f1f9f10", "Root=1-67891233-abcdef", String(repeating: "x", count: 128),
        ])
    func taken(id: String) throws {
        let gateway = try TestGateway.quiet(try RedisProcess()).ready()
        let (given, line) = try refusal(gateway, id)
        #expect(given == id)
        #expect(line != nil)
    }

    @Test(
        "any other is replaced by one of ours, and so is none",
        arguments: [nil, "", "two words", String(repeating: "x", count: 129), "caf\u{E9}", "a\tb"])
    func made(id: String?) throws {
        let gateway = try TestGateway.quiet(try RedisProcess()).ready()
        let (given, line) = try refusal(gateway, id)
        let made = try #require(given)
        #expect(made.count == 16 && made.allSatisfy { $0.isHexDigit })
        #expect(line != nil)
        #expect(try refusal(gateway, id).given != made, "each connection has its own")
    }

    @Test("a session's lines carry it, and say at its end how long it was and what it was given")
    func session() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha", fields: ["X-Request-ID: from-the-proxy"])
        for number in 0..<3 { try redis.publish("alpha", sampleEvent("alpha", "job-\(number)")) }
        _ = try client.events(3)
        let received = client.socket.receivedBytes
        client.socket.close()
        let stream = try gateway.stream("beta")
        stream.socket.shutdownWrite()
        #expect(try stream.remaining().isEmpty)
        try eventually("both ends are logged") { gateway.log.lines.count { $0.contains("closed a connection") } == 2 }
        let lines = gateway.log.lines.filter { $0.contains("request=from-the-proxy") }
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("debug opened a WebSocket channel=alpha") == true)
        let end = try #require(lines.last)
        #expect(end.contains("closed a connection") && end.contains(" deliveries=3 ") && end.contains(" durationMs="))
        #expect(end.contains(" bytes=\(received) "))
        #expect(end.contains(" reason=the client closed the connection "))
        let other = gateway.log.lines.filter { $0.contains("an event stream") || $0.contains("deliveries=0") }
        let made = other.compactMap { $0.split(separator: " ").first { $0.hasPrefix("request=") } }
        #expect(made.count == 2 && made[0] == made[1])
    }

    @Test("plain requests that are refused carry it too; others have no such header")
    func plain() throws {
        let gateway = try TestGateway.quiet(try RedisProcess()).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText("/nothing").adding("X-Request-ID: first").text)
        #expect(try HTTPAnswer.read(from: socket).field("X-Request-ID") == "first")
        try socket.send(RequestText("/health", method: "POST").adding("X-Request-ID: second").text)
        #expect(try HTTPAnswer.read(from: socket).field("X-Request-ID") == "second")
        try socket.send(RequestText("/health").adding("X-Request-ID: third").text)
        #expect(try HTTPAnswer.read(from: socket).field("X-Request-ID") == nil)
        // Of a head that cannot be read nothing is taken over.
        try socket.send("GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: fourth\r\nbroken\r\n\r\n")
        #expect(try HTTPAnswer.read(from: socket).field("X-Request-ID") != "fourth")
    }

    @Test("made IDs of a loop are never the same")
    func distinct() {
        let ids = Set((0..<10_000).map { RequestID.made(seed: 42, number: UInt64($0) << 32 | 7) })
        #expect(ids.count == 10_000)
        #expect(ids.allSatisfy { $0.utf8.count == 16 })
        #expect(RequestID.made(seed: 1, number: 1) != RequestID.made(seed: 2, number: 1))
    }

    @Test("every reason for which a handshake is refused is counted from the start")
    func tags() {
        let refusals: [RequestRefusal] =
            [
                .head(.invalidMethod), .handshake(.keyMissing), .bodyInHandshake, .handshakeTimeout, .noToken,
                .malformedAuthorization,
                .origin("x"), .starting, .draining, .tooManyConnections, .tooManyOnChannel, .tooManyFromAddress,
                .notAcceptable, .notFound, .plainHTTP,
                .wrongMethod(allowed: "GET"),
            ] + JSONWebToken.Refusal.allCases.map { .token($0) }
        // Those are refused before there is a request.
        let beforeRequest: Set = ["tls", "tls_timeout", "proxy_header"]
        #expect(Set(refusals.compactMap(\.tag)).union(beforeRequest) == Set(RequestRefusal.tags))
        #expect(Set(RequestRefusal.tags).count == RequestRefusal.tags.count)
        #expect(RequestRefusal.tags == RefusalNames.all)
    }
}
