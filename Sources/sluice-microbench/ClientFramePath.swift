import WebSocket

/// What a quiet client sends is decoded: a pong, as each ping has one. A step is a frame.
struct ClientFramePath: HotPath {
    private let pongs: [UInt8]
    private static let count = 200

    init() {
        let pong = [].withUnsafeBytes { Frame.encode(.pong, payload: $0, maskingKey: 0x1234_5678) }
        pongs = (0..<Self.count).flatMap { _ in pong }
    }

    mutating func walk() -> Int {
        var bytes = pongs
        var decoder = FrameDecoder(role: .server, maxMessageBytes: 4096)
        var found = 0
        bytes.withUnsafeMutableBytes { bytes in
            var consumed = 0
            while case .pong? = decoder.decode(bytes, consumed: &consumed) { found += 1 }
        }
        guard found == Self.count else { fatalError("\(found) pongs") }
        return found
    }
}
