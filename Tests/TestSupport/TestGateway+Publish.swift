import JSONWebToken

extension WebSocketClient {
    /// A token that may publish to these channels, signed with ``secret``.
    public static func publisherToken(_ channels: [String], channel: String? = nil, expiresAt: Int64? = nil) -> String {
        signed(Signer.claims(channel: channel, publish: channels, expiresAtSeconds: expiresAt))
    }

    /// These claims, signed with ``secret``.
    public static func signed(_ claims: [UInt8]) -> String {
        let signer = try? Signer(algorithm: .HS256, secret: Array(secret.utf8))
        return (try? signer?.sign(claims: claims)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

extension TestGateway {
    /// The head of a request to publish, without the length of its body.
    public static func publishRequest(
        _ channels: [String] = ["alpha"], key: String? = nil, token: String? = nil
    ) -> RequestText {
        var request = RequestText("/api/publish", method: "POST")
        request.fields += [
            "Content-Type: application/json",
            "Authorization: Bearer \(token ?? WebSocketClient.publisherToken(channels))",
        ]
        if let key { request.fields.append("Idempotency-Key: \(key)") }
        return request
    }

    /// Publishes on a connection of its own.
    public func publish(
        _ body: String, to channels: [String] = ["alpha"], key: String? = nil, token: String? = nil,
        _ change: (RequestText) -> RequestText = { $0 }
    ) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: port, tls: tls)
        let request = change(Self.publishRequest(channels, key: key, token: token))
        try socket.send(request.adding("Content-Length: \(body.utf8.count)").text + body)
        return try HTTPAnswer.read(from: socket)
    }
}

extension HTTPAnswer {
    /// The ID in the answer to a publish.
    public var publishedID: String? {
        guard status == 200, body.hasPrefix("{\"id\":\""), body.hasSuffix("\"}") else { return nil }
        return String(body.dropFirst(7).dropLast(2))
    }
}
