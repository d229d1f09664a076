import HTTP1
import WebSocket

/// Puts a server's frames together to messages.
struct MessageReader {
    enum Message {
        case event([UInt8])
        /// To be answered with this payload.
        case ping([UInt8])
        case close(CloseCode?, reason: String)
        case violation(Violation)
    }

    /// Far above any event; a server that says it sends more is not believed.
    private static let maximumBytes = 64 << 20

    private var decoder = FrameDecoder(role: .client, maxMessageBytes: maximumBytes)
    private var message: [UInt8] = []

    /// What is complete with these bytes, in order. After a close or a violation nothing more comes.
    mutating func read(_ bytes: [UInt8]) -> [Message] {
        var bytes = bytes
        var found: [Message] = []
        bytes.withUnsafeMutableBytes { input in
            var consumed = 0
            while let decoded = decoder.decode(input, consumed: &consumed) {
                switch decoded {
                case .data(_, let payload, let endOfMessage):
                    message.append(contentsOf: payload)
                    if endOfMessage {
                        found.append(.event(message))
                        message = []
                    }
                case .ping(let payload): found.append(.ping(payload.bytes))
                case .pong: break
                case .close(let code, let reason):
                    found.append(.close(code, reason: String(decoding: reason.bytes, as: UTF8.self)))
                case .violation(let violation): found.append(.violation(violation))
                }
            }
        }
        return found
    }
}

extension HTTPAnswer {
    /// Why this answer does not open the WebSocket that `key` asked for; nil if it does.
    func webSocketBreach(key: String) -> ClientHandshake.Breach? {
        ClientHandshake.verify(
            statusCode: head.statusCode, upgradeHasWebSocket: head.listContains("Upgrade", "websocket"),
            connectionHasUpgrade: head.listContains("Connection", "upgrade"),
            accepts: head.values("Sec-WebSocket-Accept"),
            hasExtensions: head.first("Sec-WebSocket-Extensions") != nil,
            hasSubprotocol: head.first("Sec-WebSocket-Protocol") != nil, key: key)
    }
}
