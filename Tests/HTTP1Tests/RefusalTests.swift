import HTTP1
import Testing

@Suite("Refused heads")
struct RefusalTests {
    static let cases: [(String, Refusal)] = [
        // request line
        ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .tooManyEmptyLines),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareLineFeed),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareCarriageReturn),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        ("G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        ("SSH-2.0-OpenSSH_9.2\r\n", .invalidMethod),
        ("*1\r\n$4\r\nPING\r\n", .invalidMethod),
        ("GET\n", .bareLineFeed),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .tlsHandshake),
        (String(repeating: "A", count: 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", .methodTooLong),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /\u{7F} HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /#fragment HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /" + String(repeating: "x", count: 8192) + " HTTP/1.1\r\nHost: a\r\n\r\n", .targetTooLong),
        ("GET /\r\n", .invalidVersion),
        ("GET / \r\n", .invalidVersion),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .invalidVersion),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .invalidVersion),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .invalidVersion),
        ("GET / HTTP/1\r\nHost: a\r\n\r\n", .invalidVersion),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", .invalidVersion),
        ("GET / HTTP/1.1\nHost: a\n\n", .bareLineFeed),
        ("GET /\nHost: a\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
        // field lines
        ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n", .controlCharacter),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{1B}[1m\r\n\r\n", .controlCharacter),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{7F}\r\n\r\n", .controlCharacter),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .spaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", .spaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", .invalidFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", .invalidFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: b\r\n\r\n", .invalidFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nÄ: b\r\n\r\n", .invalidFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", .missingColon),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 100) + "\r\n", .tooManyFields
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "y", count: 16_384) + "\r\n\r\n", .headTooLong),
        ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "x", count: 16_384), .headTooLong),
        // Host
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", .missingHost),
        ("GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .duplicateHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", .duplicateHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .duplicateHost),
        ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", .invalidHost),
        // lengths
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            .lengthAndTransferEncoding
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\ncontent-length: 0\r\n\r\n",
            .lengthAndTransferEncoding
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,\r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", .invalidContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .conflictingContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", .conflictingContentLength),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", .invalidTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
    ]

    @Test("a wrong head is refused for its own reason, however it is cut", arguments: cases)
    func refused(bytes: String, expected: Refusal) {
        for feeding in Feeding.allCases {
            #expect(
                parseRefusal(Array(bytes.utf8), feeding) == expected, "\(feeding): \(bytes.prefix(80).debugDescription)"
            )
        }
    }

    @Test("every refusal has a case in the table, a status and a sentence", arguments: Refusal.allCases)
    func complete(refusal: Refusal) {
        #expect(Self.cases.contains { $0.1 == refusal })
        #expect(refusal.status.rawValue >= 400)
        #expect(refusal.reason.hasSuffix("."))
    }

    @Test("limits have statuses of their own")
    func statuses() {
        #expect(Refusal.headTooLong.status == .requestHeaderFieldsTooLarge)
        #expect(Refusal.tooManyFields.status == .requestHeaderFieldsTooLarge)
        #expect(Refusal.targetTooLong.status == .uriTooLong)
        #expect(Refusal.unsupportedVersion.status == .httpVersionNotSupported)
        #expect(Refusal.lengthAndTransferEncoding.status == .badRequest)
    }

    @Test(
        "an invalid Host is refused, and so is an absolute target with it",
        arguments: [
            "", "a b", "a,b c", "u@a", "u:p@a", "a:", "a:b", "a:-1", "a:65536", "a:8080:1", "a/b", "a?b", "a\\b", "ä",
            "%", "%4", "%zz", ":80", "[", "[]", "[::1", "::1", "[::1]x", "[::1]:x", "[1::2::3]", "[fe80::1%25eth0]",
            "[127.0.0.1]", "[v.x]", "[v1.]", "[vz.x]", "[v1x]", "[12345::]", "[1:2:3:4:5:6:7:8:9]", "http://a", "<a>",
            "\"a\"",
        ])
    func invalidHost(host: String) {
        let isEmptyPort = host == "a:"
        let bytes = Array("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        for feeding in Feeding.allCases {
            // `port = *DIGIT` (RFC 3986 section 3.2.3): an empty port is none.
            #expect(parseRefusal(bytes, feeding) == (isEmptyPort ? nil : .invalidHost))
        }
    }

    @Test(
        "bytes that are no HTTP are refused at once and not when the limit is full",
        arguments: [
            ([0x16], .tlsHandshake), ([0x00], .invalidMethod), ([0xFF], .invalidMethod),
            (Array("{".utf8), .invalidMethod),
            ([0x80, 0x2E], .invalidMethod), (Array("<?".utf8), .invalidMethod),
            (Array("GET \u{1}".utf8), .invalidTarget),
        ] as [([UInt8], Refusal)])
    func garbage(bytes: [UInt8], expected: Refusal) {
        #expect(parseRefusal(bytes) == expected)
    }

    @Test("after a refusal every further call says the same")
    func staysRefused() {
        var parser = RequestHeadParser()
        for bytes in ["GET /\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""] {
            let outcome = Array(bytes.utf8).withUnsafeBytes { parser.parse($0) }
            guard case .refused(.bareLineFeed) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
    }

    @Test("each limit admits what is exactly as long")
    func exactLimits() {
        for feeding in Feeding.allCases {
            let target = "/" + String(repeating: "x", count: 8191)
            #expect(parseHead("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", feeding) != nil)
            let fields = String(repeating: "X: y\r\n", count: 99)
            #expect(parseHead("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n", feeding)?.fields.count == 100)
            let bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            #expect(parseHead(bytes, feeding, limits: Limits(maxHeadBytes: bytes.utf8.count)) != nil)
            let short = Limits(maxHeadBytes: bytes.utf8.count - 1)
            #expect(parseRefusal(Array(bytes.utf8), feeding, limits: short) == .headTooLong)
            #expect(
                parseRefusal(Array("GET /aaaaaaaaaa".utf8), feeding, limits: Limits(maxHeadBytes: 9)) == .targetTooLong)
        }
    }

    @Test("a field name may hold each token character and no other byte")
    func tokenCharacters() {
        let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nx".utf8) + [byte] + Array("y: z\r\n\r\n".utf8)
            let isTaken = parseRefusal(bytes) == nil
            #expect(isTaken == (tokens.contains(byte) || byte == UInt8(ascii: ":")), "byte \(byte)")
        }
    }

    @Test("a field value may hold visible characters, spaces, tabs and bytes from 0x80 on")
    func valueCharacters() {
        for byte in UInt8.min...UInt8.max {
            let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nx: y".utf8) + [byte] + Array("z\r\n\r\n".utf8)
            #expect((parseRefusal(bytes) == nil) == (byte == 9 || (byte >= 32 && byte != 127)), "byte \(byte)")
        }
    }

    @Test("random changes to a good head give the same outcome however it is cut")
    func mutations() {
        var generator = SeededGenerator(seed: 11)
        let good = Array(
            "GET /x?last_id=1-2 HTTP/1.1\r\nHost: a:80\r\nCookie: a=b; c=d\r\nUpgrade: websocket\r\n\r\n".utf8)
        let hostile: [UInt8] = [0, 9, 10, 13, 32, 58, 127, 128, 255, 65, 47]
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = hostile[Int.random(in: 0..<hostile.count, using: &generator)]
                case 1: bytes.remove(at: index)
                default: bytes.insert(hostile[Int.random(in: 0..<hostile.count, using: &generator)], at: index)
                }
            }
            let outcomes = Feeding.allCases.map { feeding -> String in
                switch feeding.parse(bytes) {
                case .needMore: "needMore"
                case .head(let head, let consumed): "\(head.method) \(consumed) \(head.fields.count)"
                case .refused(let refusal): refusal.rawValue
                }
            }
            #expect(Set(outcomes).count == 1, "\(outcomes) \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }
}
