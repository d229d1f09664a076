import HTTP1
import Testing

@Suite("Responses")
struct ResponseTests {
    private func written(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("a plain answer has its length, its connection and its body")
    func plain() {
        let bytes = Response(.ok, text: "OK").serialized(connection: .keepAlive)
        #expect(
            written(bytes) == "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"
                + "Connection: keep-alive\r\n\r\nOK\n")
    }

    @Test("the date is the caller's")
    func date() {
        let bytes = Response(.notFound).serialized(
            connection: .close, date: Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8))
        #expect(
            written(bytes) == "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n"
                + "Connection: close\r\n\r\n")
    }

    @Test("HEAD gets the length and no body")
    func toHead() {
        let bytes = Response(.ok, body: .bytes(Array("12345".utf8))).serialized(connection: .keepAlive, toHead: true)
        #expect(written(bytes) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n")
    }

    @Test("101 and 204 have neither length nor body")
    func bodiless() {
        let fields = [Response.Field("Upgrade", "websocket"), Response.Field("Sec-WebSocket-Accept", "x")]
        let upgrade = Response(.switchingProtocols, fields: fields, body: .bytes([1])).serialized(connection: .upgrade)
        #expect(
            written(upgrade) == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
                + "Connection: Upgrade\r\n\r\n")
        let noContent = Response(.noContent, body: .bytes([1])).serialized(connection: .keepAlive)
        #expect(written(noContent) == "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n")
    }

    @Test("a body until close has no length and closes")
    func untilClose() {
        let bytes = Response(.ok, body: .untilClose).serialized(connection: .keepAlive)
        #expect(written(bytes) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    }

    @Test("a value with line ends cannot begin a field of its own")
    func injection() {
        let bytes = Response(.ok, fields: [Response.Field("X", "a\r\nSet-Cookie: b\u{0}\u{7F}é")])
            .serialized(connection: .close)
        #expect(written(bytes).contains("X: a  Set-Cookie: b  é\r\n"))
    }

    @Test("every refusal makes an answer that a client reads back", arguments: Refusal.allCases)
    func refusals(refusal: Refusal) throws {
        let bytes = Response(refusal).serialized(connection: .close)
        guard case .head(let head, let consumed) = Feeding.whole.parseResponse(bytes) else {
            Issue.record("not a response")
            return
        }
        #expect(head.statusCode == refusal.status.rawValue)
        #expect(head.contentLength == bytes.count - consumed)
        #expect(head.listContains("connection", "close"))
        #expect(written(Array(bytes[consumed...])) == refusal.reason + "\n")
    }

    @Test("every status is read back with its phrase", arguments: Status.allCases)
    func statuses(status: Status) {
        let bytes = Response(status).serialized(connection: .close)
        for feeding in Feeding.allCases {
            guard case .head(let head, let consumed) = feeding.parseResponse(bytes + [7]) else {
                Issue.record("not a response")
                continue
            }
            #expect(head.statusCode == status.rawValue && head.minorVersion == 1 && consumed == bytes.count)
            #expect(status.reasonPhrase.withUTF8Buffer { $0.elementsEqual(head.reasonPhrase) })
        }
    }
}

@Suite("Response heads")
struct ResponseHeadTests {
    @Test(
        "status lines of other servers are read",
        arguments: [
            ("HTTP/1.1 200 OK", 200, "OK", 1), ("HTTP/1.0 599 \u{E9}", 599, "\u{E9}", 0), ("HTTP/1.1 404", 404, "", 1),
            ("HTTP/1.1 404 ", 404, "", 1), ("HTTP/1.1 999 a b", 999, "a b", 1),
        ] as [(String, Int, String, Int)])
    func statusLines(line: String, code: Int, reason: String, minorVersion: Int) {
        for feeding in Feeding.allCases {
            let bytes = Array("\(line)\r\nRetry-After: 5\r\nUpgrade: a, WebSocket\r\n\r\n".utf8)
            guard case .head(let head, let consumed) = feeding.parseResponse(bytes) else {
                Issue.record("not read: \(line)")
                continue
            }
            #expect(head.statusCode == code && text(head.reasonPhrase) == reason && head.minorVersion == minorVersion)
            #expect(consumed == bytes.count)
            #expect(text(head.first("retry-after")) == "5" && head.values("RETRY-AFTER").count == 1)
            #expect(head.listContains("upgrade", "websocket"))
            #expect(head.contentLength == nil)
        }
    }

    @Test(
        "what is not an HTTP/1.x response is told",
        arguments: [
            ("HTTP/2.0 200 OK\r\n\r\n", .invalidStatusLine), ("HTTP/1.1 20 OK\r\n\r\n", .invalidStatusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", .invalidStatusLine), ("HTTP/1.1 012 OK\r\n\r\n", .invalidStatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", .invalidStatusLine), ("HTTP/1.1 200 \u{0}\r\n\r\n", .invalidStatusLine),
            ("\r\n", .invalidStatusLine), ("-ERR unknown command\r\n", .invalidStatusLine),
            ("\n", .head(.bareLineFeed)), ("HTTP/1.1 200 OK\n\n", .head(.bareLineFeed)),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .head(.spaceBeforeColon)),
            (String(repeating: "x", count: 16_384), .head(.headTooLong)),
        ] as [(String, ResponseBreach)])
    func breaches(bytes: String, expected: ResponseBreach) {
        for feeding in Feeding.allCases {
            guard case .invalid(let breach) = feeding.parseResponse(Array(bytes.utf8)) else {
                Issue.record("read: \(bytes.prefix(40).debugDescription)")
                continue
            }
            #expect(breach == expected)
            #expect(!breach.reason.isEmpty)
        }
    }
}
