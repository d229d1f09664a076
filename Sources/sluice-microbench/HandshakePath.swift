import WebSocket

/// A WebSocket's opening handshake is checked and answered. A step is a handshake.
struct HandshakePath: HotPath {
    private let key = Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)[...]
    private let version = Array("13".utf8)[...]

    mutating func walk() -> Int {
        for _ in 0..<100 {
            guard
                case .accepted(let accept) = Handshake.validate(
                    isGet: true, httpMinor: 1, upgradeHasWebSocket: true, connectionHasUpgrade: true,
                    versions: [version], keys: [key]),
                Handshake.response(accept: accept).count > accept.count
            else { fatalError("not accepted") }
        }
        return 100
    }
}
