import HTTP1
import Testing

@Suite("Request heads")
struct RequestHeadTests {
    @Test("a browser's handshake is read", arguments: Feeding.allCases)
    func browser(feeding: Feeding) throws {
        let bytes =
            "GET /chat?last_id=1700000000000-0 HTTP/1.1\r\nHost: gateway.example:8080\r\nConnection: keep-alive, Upgrade\r\n"
            + "Pragma: no-cache\r\nUpgrade: WebSocket\r\nOrigin: http://gateway.example:8088\r\n"
            + "Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nCookie: async-token=a.b.c; session=x\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        let head = try #require(parseHead(bytes, feeding))
        #expect(head.method == .get)
        #expect(text(head.methodBytes) == "GET")
        #expect(head.minorVersion == 1)
        #expect(text(head.target) == "/chat?last_id=1700000000000-0")
        #expect(text(head.path) == "/chat")
        #expect(head.hasPath("/chat") && !head.hasPath("/cha") && !head.hasPath("/chat?"))
        #expect(text(head.query) == "last_id=1700000000000-0")
        #expect(head.queryParameter("last_id") == Array("1700000000000-0".utf8))
        #expect(head.host == "gateway.example:8080")
        #expect(text(head.authority?.host) == "gateway.example")
        #expect(head.authority?.port == 8080)
        #expect(head.listContains("Connection", "upgrade") && head.listContains("connection", "KEEP-ALIVE"))
        #expect(head.listContains("UPGRADE", "websocket") && !head.listContains("upgrade", "web"))
        #expect(head.keepAlive && !head.hasBody)
        #expect(text(head.first("sec-websocket-key")) == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(head.values("sec-websocket-version").map { text($0) } == ["13"])
        #expect(text(head.cookies(named: Array("async-token".utf8))) == "a.b.c")
        #expect(head.first("x-none") == nil && head.values("x-none").isEmpty)
        #expect(head.fields.count == 9)
        #expect(text(head.fields[0].name) == "Host")
    }

    @Test("pipelined heads come one after the other", arguments: Feeding.allCases)
    func pipelined(feeding: Feeding) {
        var rest = Array(
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.0\r\n\r\n\r\nGET /c HTTP/1.1\r\nHost: c\r\n\r\nGE".utf8)
        var paths: [String?] = []
        while case .head(let head, let consumed) = feeding.parse(rest) {
            paths.append(text(head.path))
            rest.removeFirst(consumed)
        }
        #expect(paths == ["/a", "/b", "/c"])
        #expect(rest == Array("GE".utf8))
    }

    @Test("one parser reads one head after the other")
    func reuse() {
        var parser = RequestHeadParser()
        var buffer: [UInt8] = []
        var paths: [String?] = []
        for byte in "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n".utf8 {
            buffer.append(byte)
            if case .head(let head, let consumed) = buffer.withUnsafeBytes({ parser.parse($0) }) {
                paths.append(text(head.path))
                buffer.removeFirst(consumed)
            }
        }
        #expect(paths == ["/a", "/b"] && buffer.isEmpty)
    }

    @Test("a few empty lines before the request line are passed over and counted as consumed")
    func emptyLines() {
        let bytes = Array("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest".utf8)
        for feeding in Feeding.allCases {
            guard case .head(let head, let consumed) = feeding.parse(bytes) else {
                Issue.record("no head: \(feeding)")
                continue
            }
            #expect(consumed == bytes.count - 4)
            #expect(head.method == .get && text(head.path) == "/" && text(head.first("host")) == "a")
        }
    }

    @Test(
        "methods are told apart and case-sensitive",
        arguments: [
            ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete), ("OPTIONS", .options),
            ("PATCH", .patch), ("TRACE", .trace), ("get", .other), ("PROPFIND", .other),
        ] as [(String, RequestHead.Method)])
    func methods(name: String, expected: RequestHead.Method) {
        let head = parseHead("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(head?.method == expected)
        #expect(text(head?.methodBytes) == name)
    }

    @Test(
        "each form of target has its path, query and authority",
        arguments: [
            ("GET", "/", "/", nil, "field:1"),
            ("GET", "//", "//", nil, "field:1"),
            ("GET", "//evil/x", "//evil/x", nil, "field:1"),
            ("GET", "/a?", "/a", "", "field:1"),
            ("GET", "/a?b?c=/d", "/a", "b?c=/d", "field:1"),
            ("GET", "/a{|}\"<>", "/a{|}\"<>", nil, "field:1"),
            ("GET", "http://Host/p?q", "/p", "q", "Host"),
            ("GET", "HTTP://host", "/", nil, "host"),
            ("GET", "ws://host:9?q", "/", "q", "host:9"),
            ("GET", "wss://[::1]:9/", "/", nil, "[::1]:9"),
            ("GET", "https://h//x", "//x", nil, "h"),
            ("OPTIONS", "*", "*", nil, "field:1"),
            ("OPTIONS", "/x", "/x", nil, "field:1"),
            ("CONNECT", "h:443", "", nil, "h:443"),
        ] as [(String, String, String, String?, String)])
    func targets(method: String, target: String, path: String, query: String?, host: String) throws {
        for feeding in Feeding.allCases {
            let head = try #require(parseHead("\(method) \(target) HTTP/1.1\r\nHost: field:1\r\n\r\n", feeding))
            #expect(text(head.target) == target)
            #expect(text(head.path) == path)
            #expect(text(head.query) == query)
            #expect(head.host == host)
            #expect(head.authority != nil)
        }
    }

    @Test(
        "valid Host values are taken apart",
        arguments: [
            ("a", "a", nil), ("a:", "a", nil), ("a:0", "a", 0), ("a:65535", "a", 65535), ("a:0000080", "a", 80),
            ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]", "[::1]", nil), ("[::ffff:1.2.3.4]:8", "[::ffff:1.2.3.4]", 8),
            ("[2001:db8::1]:443", "[2001:db8::1]", 443), ("[v1.x:y]", "[v1.x:y]", nil),
            ("a_b-c.example.", "a_b-c.example.", nil),
            ("%41b", "%41b", nil), ("*.example", "*.example", nil),
        ] as [(String, String, UInt16?)])
    func hosts(value: String, host: String, port: UInt16?) throws {
        let head = try #require(parseHead("GET / HTTP/1.1\r\nHost: \t\(value) \r\n\r\n"))
        #expect(head.host == value)
        #expect(text(head.authority?.host) == host)
        #expect(head.authority?.port == port)
    }

    @Test("HTTP/1.0 is read without Host and never kept alive")
    func http10() throws {
        let head = try #require(parseHead("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        #expect(head.minorVersion == 0 && !head.keepAlive)
        #expect(head.host == "" && head.authority == nil)
    }

    @Test("a higher minor version is served as 1.1")
    func http19() throws {
        let head = try #require(parseHead("GET / HTTP/1.9\r\nHost: a\r\nConnection: foo, CLOSE\r\n\r\n"))
        #expect(head.minorVersion == 1 && !head.keepAlive)
    }

    @Test(
        "a body is seen by its length or its coding",
        arguments: [
            ("", nil, false, false), ("Content-Length: 0\r\n", 0, false, false),
            ("Content-Length: 7\r\n", 7, false, true),
            ("Content-Length: 7, 7\r\ncontent-length: 07\r\n", 7, false, true),
            ("Content-Length: 9223372036854775807\r\n", Int.max, false, true),
            ("Transfer-Encoding: Chunked\r\n", nil, true, true),
        ] as [(String, Int?, Bool, Bool)])
    func bodies(fields: String, length: Int?, isChunked: Bool, hasBody: Bool) throws {
        let head = try #require(parseHead("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"))
        #expect(head.contentLength == length && head.isChunked == isChunked && head.hasBody == hasBody)
    }

    @Test("lists run over several fields and tolerate empty elements")
    func lists() throws {
        let head = try #require(
            parseHead(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: ,, a\r\nConnection:\r\nconnection:b\t,  Upgrade ,\r\n\r\n"))
        for token in ["a", "b", "upgrade"] as [StaticString] { #expect(head.listContains("connection", token)) }
        #expect(!head.listContains("connection", "up") && !head.listContains("connection", "upgrade2"))
        #expect(head.values("connection").map { text($0) } == [",, a", "", "b\t,  Upgrade ,"])
    }

    @Test(
        "query parameters are decoded, the first one counts",
        arguments: [
            ("last_id=1-2", "1-2"), ("last_id=", ""), ("last_id", ""), ("last_id&last_id=2", ""),
            ("a=b&last_id=3-0", "3-0"),
            ("last_id=1&last_id=2", "1"), ("last%5Fid=1%2d2", "1-2"), ("last_id=a+b%20c", "a b c"), ("last_id=%", "%"),
            ("last_id=%4", "%4"), ("last_id=%zz%41", "%zzA"), ("&&last_id=x", "x"), ("last_id=a=b", "a=b"),
            ("last_id=%00%0A", "\u{0}\n"), ("xlast_id=1", nil), ("last_idx=1", nil), ("LAST_ID=1", nil), ("", nil),
            ("=1", nil),
        ] as [(String, String?)])
    func query(query: String, expected: String?) throws {
        let head = try #require(parseHead("GET /?\(query) HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(head.queryParameter("last_id") == expected.map { Array($0.utf8) })
    }

    @Test("no query, no parameter")
    func noQuery() {
        #expect(parseHead("GET /last_id=1 HTTP/1.1\r\nHost: a\r\n\r\n")?.queryParameter("last_id") == nil)
    }

    @Test(
        "cookies are found in every form that browsers and proxies write",
        arguments: [
            ("t=v", "v"), ("a=b; t=v", "v"), ("a=b;t=v", "v"), ("a=b ;\tt = v ;c=d", "v"), ("t=\"v\"", "v"),
            ("t=\"\"", ""),
            ("t=\"", "\""), ("t=\"v", "\"v"), ("t=", ""), ("t=v=w==", "v=w=="), ("t=1; t=2", "1"), ("t=; t=2", ""),
            ("t; t=2", "2"), (";;; t=v;", "v"), ("=x; t=v", "v"), ("tt=x; t=v", "v"), ("T=x; t=v", "v"), ("T=x", nil),
            ("xt=v", nil), ("", nil), ("t", nil), ("a=\"b; t=v\"", "v\""), ("b=ä\u{FE}; t=v", "v"),
            ("n=\(String(repeating: "x", count: 3072)); t=v; m=\(String(repeating: "y", count: 3072))", "v"),
        ] as [(String, String?)])
    func cookies(field: String, expected: String?) throws {
        for feeding in Feeding.allCases {
            let head = try #require(parseHead("GET / HTTP/1.1\r\nHost: a\r\nCookie: \(field)\r\n\r\n", feeding))
            #expect(text(head.cookies(named: [UInt8(ascii: "t")])) == expected)
        }
    }

    @Test("the first cookie of several Cookie fields counts")
    func cookieFields() throws {
        let head = try #require(
            parseHead("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCOOKIE: t=1\r\nCookie: t=2\r\n\r\n"))
        #expect(text(head.cookies(named: [UInt8(ascii: "t")])) == "1")
    }

    @Test("bytes that were looked at are not looked at again, so a slow head costs no more than a fast one")
    func dribble() {
        // Shown by spoiling them: a second look would find the NUL in a line that was judged, or the LF in a line
        // whose end is still searched for.
        let judged = "GET / HTTP/1.1\r\nHost: a\r\nX: yyy\r\nZ: "
        for (spoilt, spoiler, expected) in [(28, 0x00, nil), (37, 0x0A, .controlCharacter)] as [(Int, UInt8, Refusal?)]
        {
            var parser = RequestHeadParser()
            var bytes = Array((judged + "zzzz").utf8)
            for end in 1...bytes.count {
                guard case .needMore = bytes[..<end].withUnsafeBytes({ parser.parse($0) }) else {
                    Issue.record("complete at \(end)")
                    return
                }
            }
            bytes[spoilt] = spoiler
            bytes += Array("\r\n\r\n".utf8)
            let outcome = bytes.withUnsafeBytes { parser.parse($0) }
            switch outcome {
            case .needMore: Issue.record("not complete")
            case .head: #expect(expected == nil)
            case .refused(let refusal): #expect(refusal == expected)
            }
        }
    }
}
