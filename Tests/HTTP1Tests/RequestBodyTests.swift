import HTTP1
import Testing

@Suite("Request bodies")
struct RequestBodyTests {
    private func head(_ field: String) throws -> RequestHead {
        try #require(parseHead("POST / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n"))
    }

    /// What comes of the bytes, given in pieces of this size.
    private func read(
        _ text: String, _ field: String = "Transfer-Encoding: chunked", limit: Int = 100, by size: Int
    ) throws -> (progress: RequestBodyReader.Progress, body: String, rest: String) {
        var reader = RequestBodyReader(try head(field), limit: limit)
        let bytes = Array(text.utf8)
        var start = 0
        var progress = RequestBodyReader.Progress.needMore
        repeat {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            var consumed = 0
            progress = piece.withUnsafeBytes { reader.take($0, consumed: &consumed) }
            start += consumed
            if progress == .needMore { #expect(consumed == piece.count) }
        } while progress == .needMore && start < bytes.count
        return (
            progress, String(decoding: reader.bytes, as: UTF8.self), String(decoding: bytes[start...], as: UTF8.self)
        )
    }

    @Test("a body ends where its length says, and the next request begins there", arguments: [1, 2, 3, 1000])
    func length(size: Int) throws {
        let (progress, body, rest) = try read("hello worldGET", "Content-Length: 11", by: size)
        #expect(progress == .complete)
        #expect(body == "hello world")
        #expect(rest == "GET")
        #expect(try read("hello", "Content-Length: 11", by: size).progress == .needMore)
        #expect(try read("", "Content-Length: 0", by: size).progress == .complete)
        #expect(try read("", "Content-Length: 101", by: size).progress == .refused(.tooLarge))
    }

    @Test(
        "chunks are put together; extensions and trailers are passed over",
        arguments: [
            "b\r\nhello world\r\n0\r\n\r\n", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            "00000B;name=\"v;a\"\r\nhello world\r\n0;x\r\nTrailer: y\r\nOther:\r\n\r\n",
            "1\r\nh\r\n0a \t;a\r\nello world\r\n000\r\n\r\n",
        ], [1, 2, 3, 1000])
    func chunks(text: String, size: Int) throws {
        let (progress, body, rest) = try read(text + "GET / HTTP/1.1", by: size)
        #expect(progress == .complete)
        #expect(body == "hello world")
        #expect(rest == "GET / HTTP/1.1")
        // Every true beginning wants more.
        for count in 0..<text.utf8.count {
            #expect(try read(String(decoding: text.utf8.prefix(count), as: UTF8.self), by: size).progress == .needMore)
        }
    }

    @Test(
        "framing that another reader could understand otherwise is refused",
        arguments: [
            ("\r\n", .invalidChunkSize), (";x\r\n", .invalidChunkSize), ("0x5\r\n", .invalidChunkSize),
            ("-1\r\n", .invalidChunkSize), (" 5\r\n", .invalidChunkSize), ("+5\r\n", .invalidChunkSize),
            ("10000000000000000\r\n", .invalidChunkSize), ("5\nhello", .invalidChunkSize),
            ("5;\nhello", .invalidLineEnd),
            ("5\r\rhello", .invalidLineEnd), ("5\r\nhello!\r\n", .invalidLineEnd), ("5\r\nhello\n", .invalidLineEnd),
            ("5\r\nhello\r\r", .invalidLineEnd), ("0\r\n\n", .invalidLineEnd), ("0\r\nA: b\n\r\n", .invalidLineEnd),
            ("0\r\nA: b\r\r", .invalidLineEnd), ("0\r\n\r\r", .invalidLineEnd),
        ] as [(String, RequestBodyReader.Refusal)], [1, 2, 1000])
    func malformed(_ given: (text: String, refusal: RequestBodyReader.Refusal), size: Int) throws {
        #expect(try read(given.text, by: size).progress == .refused(given.refusal))
    }

    @Test("no more than the limit is taken, in chunks of any number; one of just the limit is", arguments: [1, 1000])
    func limit(size: Int) throws {
        let full = String(repeating: "x", count: 100)
        #expect(try read("64\r\n\(full)\r\n0\r\n\r\n", by: size).progress == .complete)
        #expect(try read("65\r\n", by: size).progress == .refused(.tooLarge))
        #expect(try read("64\r\n\(full)\r\n1\r\n", by: size).progress == .refused(.tooLarge))
        #expect(try read("7fffffffffffffff\r\n", by: size).progress == .refused(.tooLarge))
        #expect(try read("1\r\nx\r\n7fffffffffffffff\r\n", by: size).progress == .refused(.tooLarge))
        #expect(try read(full, "Content-Length: 100", by: size).progress == .complete)
    }

    @Test("extensions and trailers do not go on for ever", arguments: [1, 1000])
    func framing(size: Int) throws {
        let long = String(repeating: "e", count: RequestBodyReader.maxFramingBytes)
        #expect(try read("5;\(long)", by: size).progress == .refused(.framingTooLong))
        #expect(try read("0\r\n\(long)\r\n\(long)", by: size).progress == .refused(.framingTooLong))
        let many = String(repeating: "1;\(String(repeating: "e", count: 99))\r\nx\r\n", count: 50)
        #expect(try read(many, by: size).progress == .refused(.framingTooLong))
    }
}

@Suite("Fields of a request with a body")
struct BodyFieldTests {
    private func head(_ lines: String...) throws -> RequestHead {
        try #require(
            parseHead((["POST / HTTP/1.1", "Host: a"] + lines).joined(separator: "\r\n") + "\r\n\r\n"))
    }

    @Test("an idempotency key may be quoted or not, and must be one string of visible ASCII")
    func keys() throws {
        #expect(try IdempotencyKey(head()) == .absent)
        for value in ["\"a-1\"", "a-1"] {
            #expect(try IdempotencyKey(head("Idempotency-Key: \(value)")) == .key(Array("a-1".utf8)))
        }
        let longest = String(repeating: "k", count: 255)
        #expect(try IdempotencyKey(head("idempotency-key: \"\(longest)\"")) == .key(Array(longest.utf8)))
        for value in ["", "\"\"", "\"", "\"a", "a\"", "a b", "a\\b", "\"a\\\"b\"", "é", longest + "k"] {
            #expect(try IdempotencyKey(head("Idempotency-Key: \(value)")) == .malformed, "\(value)")
        }
        #expect(try IdempotencyKey(head("Idempotency-Key: a", "Idempotency-Key: a")) == .malformed)
    }

    @Test("a content type counts without its parameters, and only when it is there once")
    func contentType() throws {
        for value in ["application/json", "Application/JSON; charset=utf-8", "application/json ;x"] {
            #expect(try head("Content-Type: \(value)").hasContentType("application/json"))
        }
        for value in ["", "application/jsonp", "text/json", "application/json, text/plain"] {
            #expect(try !head("Content-Type: \(value)").hasContentType("application/json"))
        }
        #expect(
            try !head("Content-Type: application/json", "Content-Type: text/plain").hasContentType("application/json"))
        #expect(try !head().hasContentType("application/json"))
    }

    @Test("of Expect only 100-continue is known, and nothing counts in HTTP/1.0")
    func expectation() throws {
        #expect(try head().expectation == .nothing)
        #expect(try head("Expect: 100-Continue").expectation == .goOn)
        #expect(try head("Expect: 200-ok").expectation == .unknown)
        #expect(try head("Expect: 100-continue, x").expectation == .unknown)
        #expect(parseHead("POST / HTTP/1.0\r\nExpect: x\r\n\r\n")?.expectation == .nothing)
    }
}
