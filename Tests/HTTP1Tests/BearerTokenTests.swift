import HTTP1
import Testing

@Suite("Authorization: Bearer")
struct BearerTokenTests {
    static let cases: [(fields: [String], token: BearerToken)] = [
        ([], .absent), (["Cookie: a=b"], .absent), (["Authorization:"], .absent),
        (["Authorization: Basic abc"], .absent),
        (["Authorization: Bearers abc"], .absent), (["Authorization: Bearer=abc"], .absent),
        (["Authorization: Bear er"], .absent), (["X-Authorization: Bearer abc"], .absent),
        (["Authorization: Digest Bearer abc"], .absent),
        (["Authorization: Bearer abc"], .token(Array("abc".utf8)[...])),
        (["AUTHORIZATION: bearer  a-._~+/9Z=="], .token(Array("a-._~+/9Z==".utf8)[...])),
        (["Authorization:Bearer a \t "], .token(Array("a".utf8)[...])),
        (["Authorization: Basic x", "Authorization: Bearer abc"], .token(Array("abc".utf8)[...])),
        (["Authorization: Bearer abc", "Authorization: Basic x"], .token(Array("abc".utf8)[...])),
        (["Authorization: Bearer"], .malformed), (["Authorization: Bearer   "], .malformed),
        (["Authorization: Bearer ="], .malformed), (["Authorization: Bearer a=b"], .malformed),
        (["Authorization: Bearer a b"], .malformed), (["Authorization: Bearer a,b"], .malformed),
        (["Authorization: Bearer\ta"], .malformed), (["Authorization: Bearer \ta"], .malformed),
        (["Authorization: Bearer \"a\""], .malformed), (["Authorization: Bearer é"], .malformed),
        (["Authorization: Bearer a", "Authorization: Bearer a"], .malformed),
        (["Authorization: Bearer a", "Authorization: Bearer"], .malformed),
    ]

    @Test("the field is read by RFC 6750, other schemes are left alone", arguments: cases)
    func read(_ tried: (fields: [String], token: BearerToken)) throws {
        let bytes = (["GET / HTTP/1.1", "Host: a"] + tried.fields).joined(separator: "\r\n") + "\r\n\r\n"
        for feeding in Feeding.allCases {
            let head = try #require(parseHead(bytes, feeding))
            #expect(head.bearerToken == tried.token)
        }
    }
}
