import Configuration
import EventLoop
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Promise 6, for peers who are gone before they have said what they came to say: where TLS or a proxy's header comes first,
/// and where a request is not at its end.
@Suite("Hostile peers: resets")
struct HostileResetTests {
    /// What must come before a client's request.
    enum Door: String, CaseIterable, CustomTestStringConvertible {
        case plain, secure, proxied, proxiedSecure
        var testDescription: String { rawValue }
        var isSecure: Bool { self == .secure || self == .proxiedSecure }
        var header: [UInt8] { self == .proxied || self == .proxiedSecure ? HostileResetTests.headers[0] : [] }
    }

    private struct Stage {
        var what: String
        var run: (TestSocket) throws -> Void
    }

    private static let headers: [[UInt8]] = [
        Array("PROXY TCP4 192.0.2.77 127.0.0.1 4711 8080\r\n".utf8),
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
            + [192, 0, 2, 77, 127, 0, 0, 1, 0x12, 0x67, 0x1F, 0x90],
    ]

    private static func open(_ door: Door, _ redis: RedisProcess) throws -> TestGateway {
        let configure: (inout Settings) -> Void = {
            $0.proxyProtocol = !door.header.isEmpty
            // No deadline puts in order what a reset has left behind.
            $0.handshakeTimeoutMs = 600_000
            $0.maxPollWaitMs = 600_000
        }
        return try door.isSecure ? TestGateway.secure(redis, configure) : TestGateway.quiet(redis, configure)
    }

    /// Comes so far that a request may be sent.
    private static func enter(_ door: Door, _ gateway: TestGateway, _ socket: TestSocket) throws {
        try socket.send(door.header)
        if let tls = gateway.tls { try socket.startTLS(tls) }
    }

    /// Stages before the request.
    private static func entering(_ door: Door, _ gateway: TestGateway) throws -> [Stage] {
        var stages: [Stage] = []
        if !door.header.isEmpty {
            for (version, header) in zip(1..., headers) {
                for count in [1, 7, header.count - 1, header.count] {
                    stages.append(
                        Stage(what: "behind \(count) bytes of a header of version \(version)") {
                            try $0.send(Array(header[..<count]))
                        })
                }
            }
        }
        guard let tls = gateway.tls else { return stages }
        let hello = try clientHello(tls)
        for count in [1, 3, hello.count / 2, hello.count - 1, hello.count] {
            stages.append(
                Stage(what: "behind \(count) bytes of the ClientHello") {
                    try $0.send(door.header + hello[..<count])
                })
        }
        return stages + [
            Stage(what: "behind the answer to the ClientHello") {
                try $0.send(door.header + hello)
                #expect(try !$0.readSome().isEmpty)
            },
            Stage(what: "behind the TLS handshake") { try enter(door, gateway, $0) },
            Stage(what: "within a record") {
                try enter(door, gateway, $0)
                // Beside TLS: the beginning of a record of 100 bytes.
                let part: [UInt8] = [0x17, 3, 3, 0, 100, 1, 2, 3]
                #expect(Glibc.send($0.descriptor, part, part.count, Int32(MSG_NOSIGNAL)) == part.count)
            },
        ]
    }

    /// Stages of a request, and behind it.
    private static func asking(_ door: Door, _ gateway: TestGateway) -> [Stage] {
        let upgrade = RequestText(upgradeTo: "alpha").bytes
        let post = TestGateway.publishRequest(["posted"]).adding("Expect: 100-continue")
        func publish(_ socket: TestSocket, _ framing: String, _ part: String) throws {
            try socket.send(post.adding(framing).text)
            #expect(try socket.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
            try socket.send(part)
        }
        let event = sampleEvent("posted", "never whole")
        return [
            Stage(what: "in a request head") { try $0.send(Array(upgrade[..<100])) },
            Stage(what: "behind a plain request, unread") { try $0.send(RequestText("/health").bytes) },
            Stage(what: "behind the head of a WebSocket, unread") { try $0.send(upgrade) },
            Stage(what: "in an open WebSocket, within a frame") {
                try $0.send(upgrade)
                #expect(try HTTPAnswer.read(from: $0).status == 101)
                try $0.send([0x81, 0xFE, 0x01])
            },
            Stage(what: "while a poll waits") {
                try $0.send(PollingClient.request(channel: "waited-for", query: "wait=600").text)
                try eventually("the poll waits") { try gateway.figures().figures.pollConnections == 1 }
            },
            Stage(what: "before the body of a publish") { try publish($0, "Content-Length: \(event.utf8.count)", "") },
            Stage(what: "in the body of a publish") {
                try publish($0, "Content-Length: \(event.utf8.count)", String(event.dropLast()))
            },
            Stage(what: "in the size of a chunk of a publish") { try publish($0, "Transfer-Encoding: chunked", "3") },
            Stage(what: "in a chunk of a publish") {
                try publish(
                    $0, "Transfer-Encoding: chunked",
                    "\(String(event.utf8.count, radix: 16))\r\n\(event.dropLast(3))")
            },
            Stage(what: "before the last chunk of a publish") {
                try publish(
                    $0, "Transfer-Encoding: chunked", "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n")
            },
        ].map { stage in
            Stage(what: stage.what) {
                try enter(door, gateway, $0)
                try stage.run($0)
            }
        }
    }

    @Test("a reset at any stage leaves nothing behind, whatever comes before a request", arguments: Door.allCases)
    func resets(door: Door) throws {
        let redis = try RedisProcess()
        let gateway = try Self.open(door, redis)
        let baseline = try ProcessFacts.sockets(onLocalPort: gateway.port)
        func webSocket() throws -> TestSocket? {
            let socket = try TestSocket.connect(port: gateway.port)
            try Self.enter(door, gateway, socket)
            try socket.send(RequestText(upgradeTo: "alpha").bytes)
            return try HTTPAnswer.read(from: socket).status == 101 ? socket : nil
        }
        var opened: TestSocket?
        try eventually("a WebSocket is opened") {
            opened = try webSocket()
            return opened != nil
        }
        let stays = try #require(opened)
        for stage in try Self.entering(door, gateway) + Self.asking(door, gateway) {
            for isReset in [true, false] {
                for _ in 0..<3 {
                    let socket = try TestSocket.connect(port: gateway.port)
                    do { try stage.run(socket) } catch { Issue.record("\(stage.what): \(error)") }
                    if isReset { socket.reset() } else { socket.close() }
                    // One at a time, so that the next one's poll is the only one.
                    try eventually("\(stage.what): its poll is over") {
                        try gateway.figures().figures.pollConnections == 0
                    }
                }
            }
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
            #expect(eventID(try stays.frame().text) == id, "\(stage.what)")
        }
        try eventually("one WebSocket is left") { try gateway.figures().figures.webSocketConnections == 1 }
        try eventually("open sockets are back at \(baseline), and one") {
            try ProcessFacts.sockets(onLocalPort: gateway.port) == baseline + 1
        }
        #expect(try redis.command("EXISTS", "async-events-posted").text == "0", "of no event that was not whole")

        // Another client is served.
        let other = try #require(try webSocket())
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "last"))
        for socket in [stays, other] { #expect(eventID(try socket.frame().text) == id) }
    }
}
