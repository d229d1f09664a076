import WebSocket

/// The ways of misbehaving, by name.
enum HostileKind: String, CaseIterable, Sendable {
    /// Request heads that never end, a byte at a time.
    case slowloris
    /// Connections that are opened and dropped, at four stages, as fast as it goes.
    case drops
    /// Pings without a pause; half of the peers do not read the pongs.
    case pings
    /// A message in fragments without bytes, or of one byte each, without a pause.
    case fragments
    /// Requests for `/health` without a pause.
    case requests
    /// What begins like TLS and goes on at random.
    case garbage

    var summary: String {
        switch self {
        case .slowloris: "request heads that dribble in and never end"
        case .drops: "connections that are opened and dropped, at all stages"
        case .pings: "WebSockets that send pings without a pause, half of them without reading"
        case .fragments: "WebSockets that send fragments of no byte or of one, without a pause"
        case .requests: "requests for /health without a pause"
        case .garbage: "what begins like TLS and goes on at random"
        }
    }

    /// How many peers, where nothing else is asked for.
    var peers: Int {
        switch self {
        case .slowloris: 1000
        case .drops, .garbage: 64
        case .pings, .fragments, .requests: 8
        }
    }

    /// Speaks TLS where the server does; otherwise it never gets so far.
    var speaksTLS: Bool { self != .garbage }

    /// What a peer does with a connection.
    struct Script {
        enum Act {
            /// Leaves, by the book or with a reset.
            case leave(resets: Bool)
            /// Sends a byte now and then.
            case drip
            /// Sends this, over and over.
            case flood([UInt8])
        }

        /// What is sent first.
        var opening: [UInt8] = []
        /// An answer has to come before it goes on.
        var awaitsAnswer = false
        var act: Act
        /// What the server sends is taken.
        var reads = true
    }

    /// - Parameters:
    ///   - number: the peer's.
    ///   - round: how many connections it has had before.
    ///   - handshake: the request that opens a WebSocket.
    func script(number: Int, round: Int, handshake: [UInt8]) -> Script {
        switch self {
        case .slowloris:
            return Script(opening: Array("GET / HTTP/1.1\r\nX-Slow: ".utf8), act: .drip)
        case .drops:
            switch round % 4 {
            case 0: return Script(act: .leave(resets: false))
            case 1: return Script(act: .leave(resets: true))
            case 2: return Script(opening: Array("GET / HT".utf8), act: .leave(resets: true))
            default: return Script(opening: handshake, awaitsAnswer: true, act: .leave(resets: false))
            }
        case .pings:
            return Script(
                opening: handshake, awaitsAnswer: true, act: .flood(Self.frames(.ping, [0x61], isFinal: true)),
                reads: number % 2 == 0)
        case .fragments:
            let begun = [0x61].withUnsafeBytes { Frame.encode(.text, payload: $0, isFinal: false, maskingKey: 7) }
            return Script(
                opening: handshake + begun, awaitsAnswer: true,
                act: .flood(Self.frames(.continuation, number % 2 == 0 ? [] : [0x61], isFinal: false)))
        case .requests:
            let request = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
            return Script(act: .flood(Array(String(repeating: request, count: 2000).utf8)))
        case .garbage:
            return Script(
                opening: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03],
                act: .flood((0..<4096).map { _ in .random(in: .min ... .max) }))
        }
    }

    /// Some 64 KiB of a frame, over and over.
    private static func frames(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool) -> [UInt8] {
        let frame = payload.withUnsafeBytes { Frame.encode(opcode, payload: $0, isFinal: isFinal, maskingKey: 7) }
        return Array(repeatElement(frame, count: (64 << 10) / frame.count).joined())
    }
}
