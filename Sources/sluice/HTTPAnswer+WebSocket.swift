import HTTP1
import WebSocket

extension HTTPAnswer {
    /// What an answer to an opening handshake comes to.
    enum WebSocketOpening {
        /// It opens the WebSocket, with compression if that was agreed on.
        case opened(PerMessageDeflate?)
        case refused(ClientHandshake.Breach)
    }

    /// - Parameters:
    ///   - key: what was asked with.
    ///   - offersCompression: `permessage-deflate` was offered.
    func webSocketOpening(key: String, offersCompression: Bool) -> WebSocketOpening {
        let extensions = head.values("Sec-WebSocket-Extensions")
        let deflate = offersCompression ? PerMessageDeflate.agreement(extensions) : nil
        let breach = ClientHandshake.verify(
            statusCode: head.statusCode, upgradeHasWebSocket: head.listContains("Upgrade", "websocket"),
            connectionHasUpgrade: head.listContains("Connection", "upgrade"),
            accepts: head.values("Sec-WebSocket-Accept"), hasExtensions: !extensions.isEmpty && deflate == nil,
            hasSubprotocol: head.first("Sec-WebSocket-Protocol") != nil, key: key)
        return breach.map { .refused($0) } ?? .opened(deflate)
    }
}
