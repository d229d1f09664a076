/// The value of an `Idempotency-Key` field (draft-ietf-httpapi-idempotency-key-header): a string that the client makes up
/// once for what is to be done once.
///
/// The draft has it in quotes (a string of RFC 9651); most clients send it bare. Both mean the same key.
public enum IdempotencyKey: Sendable, Equatable {
    case absent
    /// 1 to 255 characters of visible ASCII, without the quotes.
    case key([UInt8])
    /// Something else, or more than one.
    case malformed

    public static let maxBytes = 255

    public init(_ head: RequestHead) {
        let values = head.values("idempotency-key")
        guard let value = values.first else {
            self = .absent
            return
        }
        let quote = UInt8(ascii: "\"")
        var key = value
        if key.first == quote, key.count >= 2, key.last == quote { key = key.dropFirst().dropLast() }
        let isPlain = key.allSatisfy { (0x21...0x7E).contains($0) && $0 != quote && $0 != UInt8(ascii: "\\") }
        self = values.count == 1 && isPlain && (1...Self.maxBytes).contains(key.count) ? .key(Array(key)) : .malformed
    }
}
