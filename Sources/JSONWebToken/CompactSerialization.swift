/// The three parts of a token in compact form (RFC 7515 section 7.1): header, payload and signature, still encoded.
struct CompactSerialization {
    let header: Range<Int>
    let payload: Range<Int>
    let signature: Range<Int>

    /// What the signature signs: header, dot and payload as they stand.
    var signingInput: Range<Int> { header.lowerBound..<payload.upperBound }

    /// Nil unless there are exactly two dots. Parts may be empty.
    init?(_ token: Span<UInt8>) {
        var first: Int?
        var second: Int?
        for index in token.indices where token[index] == UInt8(ascii: ".") {
            if first == nil {
                first = index
            } else if second == nil {
                second = index
            } else {
                return nil
            }
        }
        guard let first, let second else { return nil }
        header = 0..<first
        payload = first + 1..<second
        signature = second + 1..<token.count
    }
}
