import WebSocket

/// An event as a value of its own; the pieces of a message are joined.
enum Event: Equatable {
    case message(MessageKind, [UInt8])
    /// A message that did not end.
    case unfinished(MessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, String)
    case violation(Violation)
}

/// Decodes `bytes`, cut at `cuts` (offsets, in order), each piece in a buffer of just its size.
func record(
    _ bytes: [UInt8], cuts: [Int] = [], role: FrameDecoder.Role = .server, maxMessageBytes: Int = 4096
) -> [Event] {
    var decoder = FrameDecoder(role: role, maxMessageBytes: maxMessageBytes)
    var events: [Event] = []
    var open: (kind: MessageKind, bytes: [UInt8])?
    var start = 0
    for end in cuts + [bytes.count] {
        var piece = Array(bytes[start..<end])
        start = end
        piece.withUnsafeMutableBytes { input in
            var consumed = 0
            while let decoded = decoder.decode(input, consumed: &consumed) {
                switch decoded {
                case .data(let kind, let payload, let endOfMessage):
                    var joined = open ?? (kind, [])
                    joined.bytes += Array(payload)
                    open = endOfMessage ? nil : joined
                    if endOfMessage { events.append(.message(kind, joined.bytes)) }
                case .ping(let payload): events.append(.ping(payload.bytes))
                case .pong(let payload): events.append(.pong(payload.bytes))
                case .close(let code, let reason):
                    events.append(.close(code?.rawValue, String(decoding: reason.bytes, as: UTF8.self)))
                case .violation(let violation): events.append(.violation(violation))
                }
            }
            precondition(consumed == input.count)
        }
    }
    if let open { events.append(.unfinished(open.kind, open.bytes)) }
    return events
}

/// A client's frame.
func masked(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true, key: UInt32 = 0x3D21_FA37) -> [UInt8] {
    payload.withUnsafeBytes { Frame.encode(opcode, payload: $0, isFinal: isFinal, maskingKey: key) }
}

func masked(_ opcode: Opcode, _ payload: String, isFinal: Bool = true) -> [UInt8] {
    masked(opcode, Array(payload.utf8), isFinal: isFinal)
}

/// A server's frame.
func unmasked(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    payload.withUnsafeBytes { Frame.encode(opcode, payload: $0, isFinal: isFinal) }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
