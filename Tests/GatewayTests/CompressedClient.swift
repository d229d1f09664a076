import TestSupport
import WebSocket

/// A WebSocket client that offers permessage-deflate, and tells compressed frames from others.
final class CompressedClient {
    struct Message: Equatable {
        var text: String
        var wasCompressed: Bool
        /// Of its frame's payload.
        var byteCount: Int
    }

    let client: WebSocketClient
    private var assembler: MessageAssembler
    var socket: TestSocket { client.socket }
    /// What the gateway chose.
    var extensions: String? { client.answer.field("Sec-WebSocket-Extensions") }

    init(
        port: UInt16, channel: String, lastID: String? = nil, offer: String = "permessage-deflate",
        receiveBuffer: Int32? = nil
    ) throws {
        client = try WebSocketClient(
            port: port, channel: channel, lastID: lastID, fields: ["Sec-WebSocket-Extensions: \(offer)"],
            receiveBuffer: receiveBuffer)
        var agreed = PerMessageDeflate()
        agreed.serverNoContextTakeover = true
        agreed.serverMaxWindowBits = 12
        let isAgreed = client.answer.field("Sec-WebSocket-Extensions") != nil
        assembler = MessageAssembler(role: .client, maxMessageBytes: 4 << 20, deflate: isAgreed ? agreed : nil)
    }

    /// The next frame as it is: its first byte, and its payload.
    func frame(deadline: Deadline = Deadline()) throws -> (first: UInt8, payload: [UInt8]) {
        let head = try socket.read(2, deadline: deadline)
        var length = Int(head[1] & 0x7F)
        if length == 126 {
            length = try socket.read(2, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        } else if length == 127 {
            length = try socket.read(8, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        }
        return (head[0], try socket.read(length, deadline: deadline))
    }

    /// The next event; pings are answered on the way.
    func message(deadline: Deadline = Deadline()) throws -> Message {
        while true {
            let (first, payload) = try frame(deadline: deadline)
            switch first {
            case 0x81, 0xC1:
                let wasCompressed = first == 0xC1
                var bytes = payload.withUnsafeBytes { Frame.encode(.text, payload: $0, isCompressed: wasCompressed) }
                var consumed = 0
                let received = bytes.withUnsafeMutableBytes { assembler.next($0, consumed: &consumed) }
                guard case .message(.text, let text) = received else {
                    throw Failure("the gateway's frame is no message: \(String(describing: received))")
                }
                return Message(
                    text: String(decoding: text, as: UTF8.self), wasCompressed: wasCompressed, byteCount: payload.count)
            case 0x89: try client.send(opcode: 10, payload)
            default: throw Failure("a frame \(first) came instead of an event: \(payload.prefix(100))")
            }
        }
    }

    /// Reads a close frame; returns its code.
    func closeCode() throws -> Int {
        let (first, payload) = try frame()
        guard first == 0x88 else { throw Failure("a frame \(first) came instead of a close") }
        return payload.prefix(2).reduce(0) { $0 << 8 | Int($1) }
    }

    /// A round trip: what the gateway had sent before has arrived then.
    func barrier() throws {
        try client.send(opcode: 9, Array("barrier".utf8))
        let (first, payload) = try frame()
        guard first == 0x8A, payload == Array("barrier".utf8) else {
            throw Failure("a frame \(first) came instead of a pong")
        }
    }
}
