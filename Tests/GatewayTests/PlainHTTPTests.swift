import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// DESIGN 1.4: what everyone else sees.
@Suite("Plain HTTP")
struct PlainHTTPTests {
    private func ask(_ gateway: TestGateway, _ request: RequestText, body: String = "") throws -> (
        HTTPAnswer, TestSocket
    ) {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.text + body)
        return (try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD"), socket)
    }

    @Test("health is 200 as long as the process serves, ready when it would accept a connection")
    func healthAndReady() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for (path, body) in [("/health", "OK"), ("/ready", "ready\n")] {
            let (get, _) = try ask(gateway, RequestText(path))
            #expect(get.statusLine == "HTTP/1.1 200 OK")
            #expect(get.body == body)
            #expect(get.field("Content-Type") == "text/plain; charset=utf-8")
            #expect(get.field("Cache-Control") == "no-store")
            #expect(get.field("Connection") == "keep-alive")
            #expect(get.field("Date")?.hasSuffix(" GMT") == true)
            let (head, socket) = try ask(gateway, RequestText(path, method: "HEAD").adding("Connection: close"))
            #expect(head.statusLine == "HTTP/1.1 200 OK")
            #expect(head.field("Content-Length") == "\(body.utf8.count)")
            #expect(try socket.ending() == .finished, "no body follows")
        }
        #expect(try ask(gateway, RequestText("/health?probe=1")).0.status == 200)
    }

    @Test("before Redis was reached: health 200, ready 503 with a line that says why, upgrades 503 with Retry-After")
    func starting() throws {
        let redis = try RedisProcess()
        redis.kill()
        let gateway = try TestGateway.quiet(redis)
        #expect(try gateway.get("/health").status == 200)
        let (ready, _) = try ask(gateway, RequestText("/ready"))
        #expect(ready.status == 503)
        #expect(ready.body == "Redis has not been reached yet\n")
        #expect(ready.field("Retry-After") != nil)
        let (head, _) = try ask(gateway, RequestText("/ready", method: "HEAD"))
        #expect(head.status == 503)
        let (upgrade, socket) = try ask(gateway, RequestText(upgradeTo: "alpha"))
        #expect(upgrade.status == 503)
        #expect(upgrade.field("Retry-After") != nil)
        #expect(upgrade.field("Connection") == "close")
        #expect(try socket.ending() == .finished)
        try redis.start()
        _ = try gateway.ready()
        #expect(try gateway.connect("alpha").barrier().isEmpty)
    }

    @Test("any other path is 404, any other method 405 with Allow")
    func notFoundAndWrongMethod() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for path in [
            "/", "//", "/healthy", "/health/", "/Health", "/metricsx", "/%68ealth", "/../health", "/favicon.ico", "/?x",
        ] {
            let (answer, _) = try ask(gateway, RequestText(path))
            #expect(answer.status == 404, "\(path)")
            #expect(answer.body == "Not Found\n")
            #expect(answer.field("Connection") == "keep-alive")
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"] {
            for path in ["/health", "/ready"] {
                let (answer, _) = try ask(gateway, RequestText(path, method: method))
                #expect(answer.status == 405, "\(method)")
                #expect(answer.field("Allow") == "GET, HEAD")
            }
        }
        #expect(try ask(gateway, RequestText("*", method: "OPTIONS")).0.status == 404)
        #expect(try ask(gateway, RequestText("localhost:80", method: "CONNECT")).0.status == 404)
    }

    @Test("a request that asks for another protocol is a plain one")
    func otherUpgrades() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let request = RequestText("/health").adding(
            "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")
        #expect(try ask(gateway, request).0.status == 200)
    }

    @Test("a request with a body is answered, and the connection ends before the body is taken for a request")
    func bodies() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let smuggled = RequestText("/health").text
        for request in [
            RequestText("/health", method: "POST").adding("Content-Length: \(smuggled.utf8.count)"),
            RequestText("/health").adding("Content-Length: \(smuggled.utf8.count)"),
            RequestText("/nowhere", method: "POST").adding("Transfer-Encoding: chunked"),
            RequestText("/health", method: "POST").adding("Content-Length: 1000000", "Expect: 100-continue"),
        ] {
            let (answer, socket) = try ask(gateway, request, body: smuggled)
            #expect(answer.field("Connection") == "close")
            #expect([200, 404, 405].contains(answer.status))
            #expect(try socket.ending() == .finished)
        }
    }

    @Test("a body of megabytes behind a refusal does not cost the client the answer")
    func largeBody() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        let body = String(repeating: "b", count: 4 << 20)
        try socket.send(
            RequestText("/nowhere", method: "POST").adding("Content-Length: \(body.utf8.count)").text + body)
        #expect(try HTTPAnswer.read(from: socket).status == 404)
        #expect(try socket.ending() == .finished)
    }

    @Test("connections are kept as the version and the Connection header say")
    func keepAlive() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for (request, isKept) in [
            (RequestText("/health"), true), (RequestText("/health").adding("Connection: Close"), false),
            (RequestText("/health").adding("Connection: foo, close"), false),
            (RequestText("/health").with(version: "HTTP/1.0"), false),
            (RequestText("/health").with(version: "HTTP/1.0").adding("Connection: keep-alive"), false),
        ] {
            let (answer, socket) = try ask(gateway, request)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == (isKept ? "keep-alive" : "close"))
            if isKept {
                try socket.send(RequestText("/ready").bytes)
                #expect(try HTTPAnswer.read(from: socket).status == 200)
            } else {
                #expect(try socket.ending() == .finished)
            }
        }
    }

    @Test("an HTTP/1.0 request needs no Host")
    func oldClient() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        #expect(try ask(gateway, RequestText("/health").with(version: "HTTP/1.0").without("Host")).0.status == 200)
    }

    @Test("pipelined requests are answered in order, and what stands behind the last one is thrown away")
    func pipelining() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        let requests = [
            RequestText("/health"), RequestText("/nowhere"), RequestText("/health", method: "HEAD"),
            RequestText("/ready"),
            RequestText("/health", method: "POST"), RequestText("/health").adding("Connection: close"),
            RequestText("/ready"),
        ]
        try socket.send(requests.map(\.text).joined())
        let statuses = try requests.dropLast().map {
            try HTTPAnswer.read(from: socket, toHead: $0.method == "HEAD").status
        }
        #expect(statuses == [200, 404, 200, 200, 405, 200])
        #expect(try socket.ending() == .finished)
    }

    @Test("a client that ends its side behind its requests still gets all answers")
    func halfClosed() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(String(repeating: RequestText("/health").text, count: 500))
        socket.shutdownWrite()
        let answers = String(decoding: try socket.readToEnd(), as: UTF8.self)
        #expect(answers.split(separator: "HTTP/1.1 200 OK").count == 500)
    }

    @Test(
        "who pipelines requests by the thousand without reading holds no memory and nobody up, and gets every answer in order"
    )
    func pipelineFlood() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.handshakeTimeoutMs = 600_000
        }.ready()
        let client = try gateway.connect("alpha")
        // Requests that can be told apart by their answers: of every four the last is 404. Long ones, so that the
        // kernel's buffers hold thousands and not tens of thousands.
        let padding = "X-Padding: " + String(repeating: "p", count: 200)
        let quartet =
            String(repeating: RequestText("/health").adding(padding).text, count: 3)
            + RequestText("/nowhere").adding(padding).text
        let flood = Array(String(repeating: quartet, count: 10_000).utf8)
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
        let sent = try socket.flood(flood)
        #expect(sent < flood.count, "the gateway stops to read who does not read")
        // Meanwhile others are served.
        for job in 0..<20 {
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-\(job)"))
            #expect(eventID(try client.event()) == id)
            #expect(try gateway.get("/health").status == 200)
        }
        // Then it reads: all that was sent whole is answered, in order.
        socket.shutdownWrite()
        let statuses = Self.statuses(in: try socket.readToEnd())
        #expect(statuses.count == sent * 4 / quartet.utf8.count)
        #expect(statuses.indices.allSatisfy { statuses[$0] == ($0 % 4 == 3 ? 404 : 200) })
        #expect(statuses.count > 1000)
    }

    @Test("an upgrade behind thousands of unread answers, with frames behind it, is come to when they have been read")
    func upgradeBehindAFlood() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 600_000 }.ready()
        let request = RequestText("/health").adding("X-Padding: " + String(repeating: "p", count: 400)).bytes
        let flood = [[UInt8]](repeating: request, count: 40_000).flatMap { $0 }
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
        let sent = try socket.flood(flood)
        #expect(sent < flood.count, "the gateway stops to read who does not read")
        let count = sent / request.count + 1
        let rest =
            flood[sent..<(count * request.count)] + RequestText(upgradeTo: "alpha").bytes
            + WebSocketClient.frame(opcode: 9, Array("at last".utf8)) + WebSocketClient.frame(opcode: 8, [])
        // The one thread only sends while the other only receives; neither closes.
        nonisolated(unsafe) let sender = socket
        Thread { try? sender.send(Array(rest), deadline: Deadline(seconds: 120)) }.start()
        let bytes = try socket.readToEnd(deadline: Deadline(seconds: 120))
        let statuses = Self.statuses(in: bytes)
        #expect(statuses.count == count + 1)
        #expect(statuses.dropLast().allSatisfy { $0 == 200 })
        #expect(statuses.last == 101)
        let frames: [UInt8] = [0x8A, 7] + Array("at last".utf8) + [0x88, 0]
        #expect(bytes.suffix(frames.count) == frames[...])
    }

    /// The statuses of all answers in the bytes, bodies being those of `/health` and of 404.
    private static func statuses(in bytes: [UInt8]) -> [Int] {
        let data = Data(bytes)
        var statuses: [Int] = []
        var start = 0
        while let end = data.range(of: Data("\r\n\r\n".utf8), in: start..<data.count)?.upperBound {
            guard let status = Int(String(decoding: data[start..<end].dropFirst(9).prefix(3), as: UTF8.self)) else {
                break
            }
            statuses.append(status)
            start = end + (status == 200 ? 2 : status == 404 ? 10 : 0)
        }
        return statuses
    }

    @Test("who never reads its answers is dropped after handshakeTimeoutMs, without a further answer for every turn")
    func unreadAnswers() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 1000 }.ready()
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
        let flood = Array(String(repeating: RequestText("/health").text, count: 100_000).utf8)
        #expect(try socket.flood(flood, patience: 100) < flood.count)
        try eventually("the gateway lets go of it") { try ProcessFacts.sockets(onLocalPort: gateway.port) == 2 }
        #expect(gateway.log.lines.count { $0.contains("did not arrive within handshakeTimeoutMs") } <= 1)
    }

    @Test("a head that is not complete within handshakeTimeoutMs is answered with 408, also when bytes keep coming")
    func headTimeout() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 1000 }.ready()
        for isDribbling in [false, true] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send("GET / HTTP/1.1\r\nX: ")
            if isDribbling {
                let deadline = Deadline()
                while !socket.hasInput(within: 20), !deadline.isOver { try socket.send("x") }
            }
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 408)
            #expect(answer.field("Connection") == "close")
            #expect(try socket.ending() == .finished)
        }
        #expect(try gateway.figures().figures.handshakesRefused["timeout"] == 2)
    }

    @Test("a connection on which nothing comes, or nothing further, is closed without a word")
    func idleTimeout() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 1000 }.ready()
        let silent = try TestSocket.connect(port: gateway.port)
        #expect(try silent.ending() == .finished)
        let kept = try TestSocket.connect(port: gateway.port)
        try kept.send(RequestText("/health").bytes)
        #expect(try HTTPAnswer.read(from: kept).status == 200)
        #expect(try kept.ending() == .finished)
        #expect(try gateway.figures().figures.handshakesRefused["timeout"] == 0)
    }

    @Test("an open WebSocket is not closed by handshakeTimeoutMs")
    func openSocketsStay() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.handshakeTimeoutMs = 1000 }.ready()
        let client = try gateway.connect("alpha")
        // Meanwhile another that came later comes to its end.
        #expect(try TestSocket.connect(port: gateway.port).ending() == .finished)
        #expect(try client.barrier().isEmpty)
    }

    @Test("the Date field is RFC 9110's form, made anew each second")
    func date() {
        let date = HTTPDate()
        #expect(String(decoding: date.bytes(at: 784_111_777), as: UTF8.self) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(String(decoding: date.bytes(at: 784_111_777), as: UTF8.self) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(String(decoding: date.bytes(at: 0), as: UTF8.self) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(String(decoding: date.bytes(at: 1_709_164_799), as: UTF8.self) == "Wed, 28 Feb 2024 23:59:59 GMT")
        #expect(String(decoding: date.bytes(at: 4_107_542_400), as: UTF8.self) == "Mon, 01 Mar 2100 00:00:00 GMT")
    }
}
