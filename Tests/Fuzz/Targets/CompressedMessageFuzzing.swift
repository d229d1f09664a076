import WebSocket

/// Whole messages of a peer that may compress them: the same whatever pieces they come in, within the limit, and text is
/// UTF-8. The first byte says which of RFC 7692's settings were agreed on, the others are a server's frames (without masks,
/// so that small changes stay small).
enum CompressedMessageFuzzing {
    private static let maxMessageBytes = 512

    static func finding(in input: [UInt8]) -> String? {
        guard let settings = input.first else { return nil }
        var deflate = PerMessageDeflate()
        deflate.serverNoContextTakeover = settings & 1 != 0
        deflate.serverMaxWindowBits = 8 + Int(settings >> 1 & 7)
        var broken: String?
        let difference = findingOfCuts(Array(input.dropFirst())) { pieces in
            var assembler = MessageAssembler(role: .client, maxMessageBytes: maxMessageBytes, deflate: deflate)
            var seen = ""
            for piece in pieces {
                var piece = piece
                piece.withUnsafeMutableBytes { bytes in
                    var consumed = 0
                    while let received = assembler.next(bytes, consumed: &consumed) {
                        if case .message(let kind, let message) = received {
                            broken = broken ?? problem(of: message, kind)
                        }
                        seen += "\(received)\n"
                    }
                    if consumed != bytes.count { broken = "it left \(bytes.count - consumed) bytes" }
                }
            }
            return seen
        }
        return broken ?? difference
    }

    private static func problem(of message: [UInt8], _ kind: MessageKind) -> String? {
        if message.count > maxMessageBytes { return "a message of \(message.count) bytes passed" }
        if kind == .text, String(validating: message, as: UTF8.self) == nil {
            return "a text that is not UTF-8 passed: \(message)"
        }
        return nil
    }
}
