public import EventLoop
import JSONWebToken

/// A WebSocket client that hides nothing: frames as they are.
public final class WebSocketClient {
    public struct Frame: Equatable {
        public var opcode: UInt8
        public var isFinal: Bool
        public var payload: [UInt8]
        public var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a close frame.
        public var closeCode: Int? { payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
    }

    public let socket: TestSocket
    public let answer: HTTPAnswer

    public static let secret = "a test secret of more than thirty-two bytes"

    /// A token for the channel, signed with ``secret``.
    public static func token(_ channel: String, expiresAt: Int64? = nil) -> String {
        let signer = try? Signer(algorithm: .HS256, secret: Array(secret.utf8))
        let claims = Signer.claims(channel: channel, subject: "1", expiresAtSeconds: expiresAt)
        return (try? signer?.sign(claims: claims)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The head of a handshake for the channel.
    public static func request(
        channel: String, lastID: String? = nil, path: String = "/", token: String? = nil, fields: [String] = []
    ) -> String {
        let query = lastID.map { "?last_id=\($0)" } ?? ""
        let lines =
            [
                "GET \(path)\(query) HTTP/1.1", "Host: localhost:8080", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
                "Cookie: async-token=\(token ?? Self.token(channel))",
            ] + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// Connects and completes the handshake.
    public init(
        port: UInt16, channel: String, lastID: String? = nil, fields: [String] = [], receiveBuffer: Int32? = nil,
        tls: TLSClientContext? = nil
    ) throws {
        socket = try TestSocket.connect(port: port, receiveBuffer: receiveBuffer, tls: tls)
        try socket.send(Self.request(channel: channel, lastID: lastID, fields: fields))
        answer = try HTTPAnswer.read(from: socket)
        guard answer.status == 101 else {
            throw Failure("the handshake was answered with \(answer.statusLine): \(answer.body)")
        }
    }

    /// The next frame, whatever it is.
    public func frame(deadline: Deadline = Deadline()) throws -> Frame {
        let head = try socket.read(2, deadline: deadline)
        guard head[1] & 0x80 == 0 else { throw Failure("the server masked a frame") }
        var length = Int(head[1] & 0x7F)
        if length == 126 {
            length = try socket.read(2, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        } else if length == 127 {
            length = try socket.read(8, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        }
        return Frame(
            opcode: head[0] & 0x0F, isFinal: head[0] & 0x80 != 0, payload: try socket.read(length, deadline: deadline))
    }

    /// The text of the next event; pings are answered on the way.
    public func event(deadline: Deadline = Deadline()) throws -> String {
        while true {
            let frame = try frame(deadline: deadline)
            switch frame.opcode {
            case 1 where frame.isFinal: return frame.text
            case 9: try send(opcode: 10, frame.payload)
            default: throw Failure("a frame with opcode \(frame.opcode) came instead of an event: \(frame.text)")
            }
        }
    }

    public func events(_ count: Int, deadline: Deadline = Deadline()) throws -> [String] {
        try (0..<count).map { _ in try event(deadline: deadline) }
    }

    /// Sends a frame, masked unless told otherwise.
    public func send(opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, masked: Bool = true) throws {
        try socket.send(Self.frame(opcode: opcode, payload, isFinal: isFinal, masked: masked))
    }

    public static func frame(
        opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, masked: Bool = true
    ) -> [UInt8] {
        let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        let bit: UInt8 = masked ? 0x80 : 0
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        if payload.count < 126 {
            bytes.append(bit | UInt8(payload.count))
        } else if payload.count <= 0xFFFF {
            bytes += [bit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        } else {
            bytes.append(bit | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        guard masked else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// A round trip: what the server had sent before has arrived then, and what it did not send did not come.
    /// Returns the texts of events that came in between.
    public func barrier(_ mark: String = "barrier") throws -> [String] {
        try send(opcode: 9, Array(mark.utf8))
        var texts: [String] = []
        while true {
            let frame = try frame()
            switch frame.opcode {
            case 1: texts.append(frame.text)
            case 9: try send(opcode: 10, frame.payload)
            case 10 where frame.text == mark: return texts
            default: throw Failure("a frame with opcode \(frame.opcode) came instead of a pong")
            }
        }
    }
}

/// The value of the first `id` member of an event's text: the one the gateway put there.
public func eventID(_ text: String) -> String {
    String(text.dropFirst(7).prefix { $0 != "\"" })
}
