/// A request's head as text, right until a test makes it wrong.
public struct RequestText: Sendable {
    public var method = "GET"
    public var target = "/"
    public var version = "HTTP/1.1"
    /// Lines in order, without their ends.
    public var fields: [String]

    /// A plain request.
    public init(_ target: String, method: String = "GET") {
        self.method = method
        self.target = target
        fields = ["Host: localhost:8080"]
    }

    /// The opening handshake of RFC 6455 section 1.3, with a token for the channel.
    public init(upgradeTo channel: String, token: String? = nil, lastID: String? = nil) {
        target = lastID.map { "/?last_id=\($0)" } ?? "/"
        fields = [
            "Host: localhost:8080", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Cookie: async-token=\(token ?? WebSocketClient.token(channel))",
        ]
    }

    public var text: String {
        ([method + " " + target + " " + version] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }
    public var bytes: [UInt8] { Array(text.utf8) }

    private func index(_ name: String) -> Int? {
        fields.firstIndex { $0.lowercased().hasPrefix(name.lowercased() + ":") }
    }

    public func with(method: String? = nil, target: String? = nil, version: String? = nil) -> RequestText {
        var changed = self
        changed.method = method ?? self.method
        changed.target = target ?? self.target
        changed.version = version ?? self.version
        return changed
    }

    /// With another value of the field.
    public func setting(_ name: String, _ value: String) -> RequestText {
        var changed = self
        if let index = index(name) { changed.fields[index] = "\(name): \(value)" }
        return changed
    }

    public func without(_ name: String) -> RequestText {
        var changed = self
        if let index = index(name) { changed.fields.remove(at: index) }
        return changed
    }

    /// With further lines.
    public func adding(_ lines: String...) -> RequestText {
        var changed = self
        changed.fields += lines
        return changed
    }
}
