import TestSupport
import WebSocket

/// A running `sluice-echo`; it ends with its last reference.
final class EchoServer {
    private let process: SluiceProcess
    let port: UInt16

    init(_ arguments: [String] = []) throws {
        let process = try SluiceProcess(["--port", "0"] + arguments, program: "sluice-echo")
        var found: UInt16?
        try eventually("sluice-echo listens") {
            guard process.isRunning else { throw Failure("sluice-echo ended: \(process.standardError)") }
            // The whole line, and not its first digits.
            guard process.standardOutput.hasSuffix("\n") else { return false }
            found = process.lines.first?.split(separator: " ").last.flatMap { UInt16($0) }
            return found != nil
        }
        guard let found else { throw Failure("sluice-echo named no port: \(process.standardOutput)") }
        self.process = process
        port = found
    }
}

/// A client of `sluice-echo` that sends and receives frames as they are.
struct EchoClient {
    let socket: TestSocket
    /// What the server chose.
    let extensions: String?

    /// Connects and completes the handshake.
    init(_ server: EchoServer, offers: [String] = []) throws {
        socket = try TestSocket.connect(port: server.port)
        let answer = try Self.handshake(socket, offers: offers)
        guard answer.status == 101 else { throw Failure("the handshake was answered with \(answer.statusLine)") }
        guard answer.field("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" else {
            throw Failure("Sec-WebSocket-Accept is wrong")
        }
        extensions = answer.field("Sec-WebSocket-Extensions")
    }

    static func handshake(_ socket: TestSocket, offers: [String]) throws -> HTTPAnswer {
        let lines =
            [
                "GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            ] + offers.map { "Sec-WebSocket-Extensions: \($0)" }
        try socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        return try HTTPAnswer.read(from: socket)
    }

    /// The next frame: its first byte, and its payload.
    func frame() throws -> (first: UInt8, payload: [UInt8]) {
        let head = try socket.read(2)
        guard head[1] & 0x80 == 0 else { throw Failure("the server masked a frame") }
        var length = Int(head[1] & 0x7F)
        if length == 126 {
            length = try socket.read(2).reduce(0) { $0 << 8 | Int($1) }
            guard length > 125 else { throw Failure("the server sent a length in more bytes than it needs") }
        } else if length == 127 {
            length = try socket.read(8).reduce(0) { $0 << 8 | Int($1) }
            guard length > 0xFFFF else { throw Failure("the server sent a length in more bytes than it needs") }
        }
        return (head[0], try socket.read(length))
    }

    /// Sends in pieces of so many bytes.
    func send(_ bytes: [UInt8], chop: Int?) throws {
        guard let chop else { return try socket.send(bytes) }
        for start in stride(from: 0, to: bytes.count, by: chop) {
            try socket.send(Array(bytes[start..<min(start + chop, bytes.count)]))
        }
    }
}

/// A client's frame.
/// - Parameter reserved: RSV1 to RSV3 as a number of three bits.
func frame(
    _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0
) -> [UInt8] {
    var bytes = WebSocketClient.frame(opcode: opcode, payload, isFinal: isFinal)
    bytes[0] |= reserved << 4
    return bytes
}

func frame(_ opcode: UInt8, _ payload: String, isFinal: Bool = true, reserved: UInt8 = 0) -> [UInt8] {
    frame(opcode, Array(payload.utf8), isFinal: isFinal, reserved: reserved)
}

/// A client's message in frames of at most so many bytes.
func fragmented(_ opcode: UInt8, _ payload: [UInt8], by size: Int) -> [UInt8] {
    guard !payload.isEmpty else { return frame(opcode) }
    return stride(from: 0, to: payload.count, by: size).flatMap { start in
        let end = min(start + size, payload.count)
        return frame(start == 0 ? opcode : 0, Array(payload[start..<end]), isFinal: end == payload.count)
    }
}

/// A client's close frame.
func closing(_ code: UInt16?, _ reason: [UInt8] = []) -> [UInt8] {
    frame(8, code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] + reason } ?? [])
}
