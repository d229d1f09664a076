import WebSocket

/// Frames from either side: the same messages whatever pieces they come in, within the limit, and text is UTF-8.
enum WebSocketFuzzing {
    private static let maxMessageBytes = 512

    static func finding(in input: [UInt8]) -> String? {
        finding(in: input, as: .server) ?? finding(in: input, as: .client)
    }

    private static func finding(in input: [UInt8], as role: FrameDecoder.Role) -> String? {
        var broken: String?
        let difference = findingOfCuts(input) { pieces in
            var decoder = FrameDecoder(role: role, maxMessageBytes: maxMessageBytes)
            var seen = ""
            var message: [UInt8] = []
            for piece in pieces {
                var piece = piece
                piece.withUnsafeMutableBytes { bytes in
                    var consumed = 0
                    while let decoded = decoder.decode(bytes, consumed: &consumed) {
                        switch decoded {
                        case .data(let kind, let payload, let endOfMessage):
                            message += payload
                            guard endOfMessage else { continue }
                            broken = broken ?? problem(of: message, kind)
                            seen += "\(kind) \(message)\n"
                            message = []
                        case .ping(let payload): seen += "ping \(payload.bytes)\n"
                        case .pong(let payload): seen += "pong \(payload.bytes)\n"
                        case .close(let code, let reason):
                            seen += "close \(code.map { "\($0.rawValue)" } ?? "without a code") \(reason.bytes)\n"
                        case .violation(let violation): seen += "violation \(violation)\n"
                        }
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
