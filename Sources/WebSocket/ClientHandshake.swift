/// The client's side of the opening handshake (RFC 6455 section 4.1).
public enum ClientHandshake {
    /// Why a server's answer does not open the connection.
    public enum Breach: String, Equatable, Sendable, Error, CaseIterable {
        /// Not 101; what the server says instead is in the response.
        case notSwitching
        /// `Upgrade` is not `websocket`.
        case upgradeMissing
        /// No `upgrade` in `Connection`.
        case connectionMissing
        /// Not exactly one `Sec-WebSocket-Accept` with the value that belongs to the key.
        case acceptWrong
        /// An extension that was not asked for.
        case extensionUnasked
        /// A subprotocol that was not asked for.
        case subprotocolUnasked

        /// One sentence for the person who called the server.
        public var reason: String {
            switch self {
            case .notSwitching: "The server did not switch to WebSocket (status 101 was expected)."
            case .upgradeMissing: "The server's answer has no Upgrade header that names websocket."
            case .connectionMissing: "The server's answer has no Connection header that names Upgrade."
            case .acceptWrong: "The server's Sec-WebSocket-Accept does not belong to the key that was sent."
            case .extensionUnasked: "The server chose a WebSocket extension that was not asked for."
            case .subprotocolUnasked: "The server chose a WebSocket subprotocol that was not asked for."
            }
        }
    }

    /// A key for ``request(host:target:key:fields:)`` from 16 random bytes, which the caller draws anew each time.
    public static func key(nonce: (UInt64, UInt64)) -> String {
        let bytes = withUnsafeBytes(of: nonce.0) { Array($0) } + withUnsafeBytes(of: nonce.1) { Array($0) }
        return String(decoding: bytes.withUnsafeBytes { Handshake.base64($0) }, as: UTF8.self)
    }

    /// The request that opens a connection. Control characters are left out of what the caller gives, and spaces of
    /// host and target, so that none of it can begin a line of its own.
    /// - Parameters:
    ///   - host: host and port for the `Host` field.
    ///   - target: path and query, beginning with `/`.
    ///   - key: of ``key(nonce:)``.
    ///   - fields: further fields, such as `Cookie`.
    public static func request(
        host: String, target: String, key: String, fields: [(name: String, value: String)] = []
    ) -> [UInt8] {
        var out = Array("GET ".utf8)
        out.append(contentsOf: target.utf8.filter { $0 > 0x20 && $0 != 0x7F })
        out.append(contentsOf: " HTTP/1.1\r\nHost: ".utf8)
        out.append(contentsOf: host.utf8.filter { $0 > 0x20 && $0 != 0x7F })
        out.append(contentsOf: "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n".utf8)
        for field in [(name: "Sec-WebSocket-Key", value: key)] + fields {
            out.append(contentsOf: field.name.utf8.filter { $0 > 0x20 && $0 != 0x7F })
            out.append(contentsOf: ": ".utf8)
            out.append(contentsOf: field.value.utf8.filter { $0 >= 0x20 && $0 != 0x7F })
            out.append(contentsOf: "\r\n".utf8)
        }
        out.append(contentsOf: "\r\n".utf8)
        return out
    }

    /// Checks a server's answer; nil when it opens the connection.
    /// - Parameters:
    ///   - upgradeHasWebSocket: the list in `Upgrade` holds `websocket`, in either case.
    ///   - connectionHasUpgrade: the list in `Connection` holds `upgrade`, in either case.
    ///   - accepts: the values of all `Sec-WebSocket-Accept` fields.
    ///   - hasExtensions: there is a `Sec-WebSocket-Extensions` field.
    ///   - hasSubprotocol: there is a `Sec-WebSocket-Protocol` field.
    ///   - key: what was sent.
    public static func verify(
        statusCode: Int, upgradeHasWebSocket: Bool, connectionHasUpgrade: Bool, accepts: [ArraySlice<UInt8>],
        hasExtensions: Bool, hasSubprotocol: Bool, key: String
    ) -> Breach? {
        guard statusCode == 101 else { return .notSwitching }
        guard upgradeHasWebSocket else { return .upgradeMissing }
        guard connectionHasUpgrade else { return .connectionMissing }
        guard accepts.count == 1, let expected = Handshake.accept(key: ArraySlice(key.utf8)),
            accepts[0].elementsEqual(expected)
        else { return .acceptWrong }
        guard !hasExtensions else { return .extensionUnasked }
        guard !hasSubprotocol else { return .subprotocolUnasked }
        return nil
    }
}
