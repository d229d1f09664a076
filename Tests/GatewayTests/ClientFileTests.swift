import TestSupport
import Testing

@testable import Gateway

/// `/sluice.js` and `/sluice.mjs`.
@Suite("The client's file")
struct ClientFileTests {
    private func ask(_ gateway: TestGateway, _ request: RequestText) throws -> (HTTPAnswer, TestSocket) {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.text)
        return (try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD"), socket)
    }

    @Test(
        "it is there for everybody, as a script and as a module, to GET and HEAD",
        arguments: ["/sluice.js", "/sluice.mjs"])
    func file(path: String) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let (get, _) = try ask(gateway, RequestText(path + "?v=1"))
        #expect(get.statusLine == "HTTP/1.1 200 OK")
        #expect(get.field("Content-Type") == "text/javascript; charset=utf-8")
        #expect(get.field("X-Content-Type-Options") == "nosniff")
        #expect(get.field("Cache-Control") == "public, max-age=600")
        #expect(get.field("Access-Control-Allow-Origin") == "*")
        #expect(get.field("Cross-Origin-Resource-Policy") == "cross-origin")
        #expect(get.field("Connection") == "keep-alive")
        #expect(get.body.contains("var Sluice = "))
        #expect(get.body.contains("export {") == (path == "/sluice.mjs"))
        let (head, socket) = try ask(gateway, RequestText(path, method: "HEAD").adding("Connection: close"))
        #expect(head.statusLine == "HTTP/1.1 200 OK")
        #expect(head.field("Content-Length") == "\(get.body.utf8.count)")
        #expect(head.field("ETag") == get.field("ETag"))
        #expect(try socket.ending() == .finished, "no body follows")
    }

    @Test("who has it already is not sent it again")
    func notModified() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let tag = try #require(try gateway.get("/sluice.js").field("ETag"))
        #expect(try gateway.get("/sluice.mjs").field("ETag") != tag)
        for value in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
            let request = RequestText("/sluice.js").adding("If-None-Match: \(value)", "Connection: close")
            let (answer, socket) = try ask(gateway, request)
            #expect(answer.statusLine == "HTTP/1.1 304 Not Modified")
            #expect(answer.field("ETag") == tag)
            #expect(answer.field("Cache-Control") == "public, max-age=600")
            #expect(answer.field("Content-Length") == nil)
            #expect(try socket.ending() == .finished, "no body follows")
        }
        for value in ["\"other\"", String(tag.dropLast(2)) + "\"", ""] {
            #expect(try ask(gateway, RequestText("/sluice.js").adding("If-None-Match: \(value)")).0.status == 200)
        }
    }

    @Test("other methods are 405 with what is allowed; other spellings are 404")
    func wrong() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let (answer, _) = try ask(gateway, RequestText("/sluice.js", method: method))
            #expect(answer.status == 405)
            #expect(answer.field("Allow") == "GET, HEAD")
        }
        for path in ["/sluice.js/", "/Sluice.js", "//sluice.js", "/sluice.js%00", "/x/../sluice.js"] {
            #expect(try ask(gateway, RequestText(path)).0.status == 404)
        }
        let huge = RequestText("/sluice.js?" + String(repeating: "a", count: 20_000))
        #expect([414, 431].contains(try ask(gateway, huge).0.status))
    }
}
