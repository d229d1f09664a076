/// What a server says on an open connection, whichever the transport.
enum ServerMessage: Equatable, Sendable {
    case event(id: String, data: [UInt8])
    /// `{"id": "…", "gap": true}`, for those who ask for it.
    case gap(String)
    case ping([UInt8])
    /// WebSocket's close frame with its code; nil when it has none.
    case close(Int?)
    /// What has no place there.
    case nonsense(String)
}

/// Reads WebSocket frames as they come in.
struct WebSocketReader: Sendable {
    private var buffer: [UInt8] = []

    mutating func feed(_ bytes: ArraySlice<UInt8>) -> [ServerMessage] {
        buffer += bytes
        var messages: [ServerMessage] = []
        var start = 0
        while let frame = frame(from: start) {
            start = frame.end
            messages.append(message(frame.opcode, frame.payload))
        }
        buffer.removeFirst(start)
        return messages
    }

    private func frame(from start: Int) -> (opcode: UInt8, payload: [UInt8], end: Int)? {
        guard buffer.count >= start + 2 else { return nil }
        var length = Int(buffer[start + 1])
        var at = start + 2
        let extra = length == 126 ? 2 : length == 127 ? 8 : 0
        if extra > 0 {
            guard buffer.count >= at + extra else { return nil }
            length = buffer[at..<at + extra].reduce(0) { $0 << 8 | Int($1) }
            at += extra
        }
        guard buffer.count >= at + length else { return nil }
        return (buffer[start], Array(buffer[at..<at + length]), at + length)
    }

    private func message(_ head: UInt8, _ payload: [UInt8]) -> ServerMessage {
        switch head {
        case 0x81:
            let start = Array("{\"id\":\"".utf8)
            let text = String(decoding: payload.prefix(80), as: UTF8.self)
            if text.hasSuffix(", \"gap\": true}") { return .gap(text) }
            guard payload.starts(with: start), let end = payload[start.count...].firstIndex(of: UInt8(ascii: "\""))
            else { return .nonsense("the text \(text)") }
            return .event(id: String(decoding: payload[start.count..<end], as: UTF8.self), data: payload)
        case 0x88: return .close(payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil)
        case 0x89: return .ping(payload)
        default: return .nonsense("a frame that begins with \(head)")
        }
    }
}

/// Reads an event stream (HTML Living Standard, 9.2.6) as it comes in, in chunks or not.
struct EventStreamReader: Sendable {
    private var raw: [UInt8] = []
    private var buffer: [UInt8] = []
    private let isChunked: Bool
    private var id = ""
    private var data: [UInt8] = []
    private var hasData = false

    init(isChunked: Bool) { self.isChunked = isChunked }

    mutating func feed(_ bytes: ArraySlice<UInt8>) -> [ServerMessage] {
        if isChunked {
            raw += bytes
            takeChunks()
        } else {
            buffer += bytes
        }
        var messages: [ServerMessage] = []
        while let end = buffer.firstIndex(of: 10) {
            let line = Array(buffer[..<end])
            buffer.removeFirst(end + 1)
            if let message = take(line) { messages.append(message) }
        }
        return messages
    }

    private mutating func takeChunks() {
        while let end = raw.firstIndex(of: 10),
            let length = Int(String(decoding: raw[..<end].dropLast(), as: UTF8.self), radix: 16),
            raw.count >= end + 1 + length + 2
        {
            buffer += raw[(end + 1)..<(end + 1 + length)]
            raw.removeFirst(end + 1 + length + 2)
        }
    }

    private mutating func take(_ line: [UInt8]) -> ServerMessage? {
        if line.isEmpty {
            defer {
                data = []
                hasData = false
            }
            return hasData ? .event(id: id, data: data) : nil
        }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(name.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: name, as: UTF8.self) {
        case "id": id = String(decoding: value, as: UTF8.self)
        case "data":
            if hasData { data.append(10) }
            data += value
            hasData = true
        case "", "retry", "event": break
        default: return .nonsense("the line \(String(decoding: line.prefix(80), as: UTF8.self))")
        }
        return nil
    }
}
