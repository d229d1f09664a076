import Testing
import WebSocket

private let sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="
private let sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

private func slices(_ texts: [String]) -> [ArraySlice<UInt8>] { texts.map { ArraySlice($0.utf8) } }

@Suite("Opening handshake")
struct HandshakeTests {
    private func validate(
        isGet: Bool = true, httpMinor: Int = 1, upgrade: Bool = true, connection: Bool = true,
        versions: [String] = ["13"], keys: [String] = [sampleKey]
    ) -> HandshakeResult {
        Handshake.validate(
            isGet: isGet, httpMinor: httpMinor, upgradeHasWebSocket: upgrade, connectionHasUpgrade: connection,
            versions: slices(versions), keys: slices(keys))
    }

    @Test("the example of RFC 6455 section 1.3 is accepted")
    func example() {
        #expect(validate() == .accepted(Array(sampleAccept.utf8)))
        #expect(Handshake.accept(key: ArraySlice(sampleKey.utf8)) == Array(sampleAccept.utf8))
    }

    @Test("each breach of section 4.2.1 has its refusal")
    func refusals() {
        #expect(validate(isGet: false) == .refused(.methodNotGet))
        #expect(validate(httpMinor: 0) == .refused(.httpTooOld))
        #expect(validate(upgrade: false) == .refused(.upgradeMissing))
        #expect(validate(connection: false) == .refused(.connectionMissing))
        #expect(validate(versions: []) == .refused(.versionMissing))
        #expect(validate(versions: ["13", "13"]) == .refused(.versionRepeated))
        for version in ["8", "0", "", "14", "013", "13, 8", "x"] {
            #expect(validate(versions: [version]) == .refused(.versionUnknown))
        }
        #expect(validate(keys: []) == .refused(.keyMissing))
        #expect(validate(keys: [sampleKey, sampleKey]) == .refused(.keyRepeated))
    }

    @Test(
        "a key that is not base64 of 16 bytes is refused",
        arguments: [
            "", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZWE=", "dGhlIHNhbXBsZSBub25jZWFi", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25=ZQ==", "dGhlIHNhbXBsZSBub2-_ZQ==", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        ])
    func invalidKeys(key: String) {
        #expect(validate(keys: [key]) == .refused(.keyInvalid))
    }

    @Test(
        "every refusal has a status and a sentence; 405 and 426 say what is supported",
        arguments: HandshakeRefusal.allCases)
    func mapping(refusal: HandshakeRefusal) {
        #expect([400, 405, 426, 500].contains(refusal.statusCode) && refusal.reason.hasSuffix("."))
        let field = refusal.headerField.map { "\($0.name): \($0.value)" }
        switch refusal.statusCode {
        case 405: #expect(field == "Allow: GET")
        case 426: #expect(field == "Sec-WebSocket-Version: 13")
        default: #expect(field == nil)
        }
    }

    @Test("a client's request says what section 4.1 asks for, and no input can add a line")
    func request() {
        let bytes = ClientHandshake.request(
            host: "a:8080\r\n", target: "/x y?z\r\nEvil: 1", key: sampleKey, fields: [("Cookie", "t=v\r\nEvil: 2")])
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "GET /xy?zEvil:1 HTTP/1.1\r\nHost: a:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(sampleKey)\r\nCookie: t=vEvil: 2\r\n\r\n")
    }

    @Test("a key made of 16 random bytes is a valid one")
    func key() {
        let key = ClientHandshake.key(nonce: (0, .max))
        #expect(key == "AAAAAAAAAAD//////////w==")
        #expect(validate(keys: [key]) != .refused(.keyInvalid))
    }

    private func verify(
        statusCode: Int = 101, upgrade: Bool = true, connection: Bool = true, accepts: [String] = [sampleAccept],
        hasExtensions: Bool = false, hasSubprotocol: Bool = false
    ) -> ClientHandshake.Breach? {
        ClientHandshake.verify(
            statusCode: statusCode, upgradeHasWebSocket: upgrade, connectionHasUpgrade: connection,
            accepts: slices(accepts), hasExtensions: hasExtensions, hasSubprotocol: hasSubprotocol, key: sampleKey)
    }

    @Test("a client takes the right answer and no other")
    func answers() {
        #expect(verify() == nil)
        #expect(verify(statusCode: 200) == .notSwitching)
        #expect(verify(upgrade: false) == .upgradeMissing)
        #expect(verify(connection: false) == .connectionMissing)
        #expect(verify(accepts: []) == .acceptWrong)
        #expect(verify(accepts: [sampleAccept, sampleAccept]) == .acceptWrong)
        #expect(verify(accepts: [sampleAccept.lowercased()]) == .acceptWrong)
        #expect(verify(hasExtensions: true) == .extensionUnasked)
        #expect(verify(hasSubprotocol: true) == .subprotocolUnasked)
        for breach in ClientHandshake.Breach.allCases { #expect(breach.reason.hasSuffix(".")) }
    }
}
