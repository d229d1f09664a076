import HTTP1

/// A request's body in chunks: the same whatever pieces it comes in, never beyond its limit, and what is decoded can be made
/// of what was consumed.
enum RequestBodyFuzzing {
    private static let limit = 512

    static func finding(in input: [UInt8]) -> String? {
        let text = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        var parser = RequestHeadParser(limits: Limits())
        guard case .head(let head, _) = text.withUnsafeBytes({ parser.parse($0) }) else { return "the head is refused" }
        return findingOfCuts(input) { pieces in
            var reader = RequestBodyReader(head, limit: limit)
            var total = 0
            for piece in pieces {
                var consumed = 0
                let progress = piece.withUnsafeBytes { reader.take($0, consumed: &consumed) }
                guard consumed <= piece.count, reader.bytes.count <= limit else {
                    return "\(consumed) of \(piece.count) bytes, and \(reader.bytes.count) in the body"
                }
                total += consumed
                switch progress {
                case .needMore:
                    guard consumed == piece.count else { return "it wants more, and has left some" }
                case .complete:
                    guard reader.bytes.count < total else { return "more came out than went in" }
                    return "\(reader.bytes.shown) of \(total)"
                case .refused(let refusal):
                    return "refused: \(refusal) after \(total)"
                }
            }
            return "needs more after \(reader.bytes.shown)"
        }
    }
}
