import COpenSSL

/// What became of an opening handshake.
public enum HandshakeResult: Equatable, Sendable {
    /// Answer 101 with this value in `Sec-WebSocket-Accept`.
    case accepted(String)
    /// Answer with ``HandshakeRefusal/statusCode``.
    case refused(HandshakeRefusal)
}

/// The server's side of the opening handshake (RFC 6455 section 4.2). It sees values, not HTTP: whoever read the
/// request's head hands them over.
public enum Handshake {
    /// The one version there is (section 4.1).
    public static let version: StaticString = "13"
    /// Section 1.3.
    private static let identifier: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Checks a request against section 4.2.1, in this order: method, HTTP version, `Upgrade`, `Connection`, version,
    /// key.
    /// - Parameters:
    ///   - httpMinor: of HTTP/1.x.
    ///   - upgradeHasWebSocket: the list in `Upgrade` holds `websocket`, in either case.
    ///   - connectionHasUpgrade: the list in `Connection` holds `upgrade`, in either case.
    ///   - versions: the values of all `Sec-WebSocket-Version` fields.
    ///   - keys: the values of all `Sec-WebSocket-Key` fields.
    public static func validate(
        isGet: Bool, httpMinor: Int, upgradeHasWebSocket: Bool, connectionHasUpgrade: Bool,
        versions: [ArraySlice<UInt8>], keys: [ArraySlice<UInt8>]
    ) -> HandshakeResult {
        guard isGet else { return .refused(.methodNotGet) }
        guard httpMinor >= 1 else { return .refused(.httpTooOld) }
        guard upgradeHasWebSocket else { return .refused(.upgradeMissing) }
        guard connectionHasUpgrade else { return .refused(.connectionMissing) }
        guard let requested = versions.first else { return .refused(.versionMissing) }
        guard versions.count == 1 else { return .refused(.versionRepeated) }
        guard version.withUTF8Buffer({ $0.elementsEqual(requested) }) else { return .refused(.versionUnknown) }
        guard let key = keys.first else { return .refused(.keyMissing) }
        guard keys.count == 1 else { return .refused(.keyRepeated) }
        guard isKey(key) else { return .refused(.keyInvalid) }
        guard let value = accept(key: key) else { return .refused(.digestUnavailable) }
        return .accepted(value)
    }

    /// The value of `Sec-WebSocket-Accept` for a key: base64 of the SHA-1 of the key and a fixed identifier (section
    /// 4.2.2, step 5.4), 28 characters. Nil when libcrypto has no SHA-1, as a local policy may have it.
    public static func accept(key: ArraySlice<UInt8>) -> String? {
        var text: [UInt8] = []
        text.reserveCapacity(key.count + identifier.utf8CodeUnitCount)
        text.append(contentsOf: key)
        identifier.withUTF8Buffer { text.append(contentsOf: $0) }
        var digest: [UInt8] = Array(repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        // Sound: SHA1 reads `text.count` bytes and writes the 20 that `digest` has.
        guard SHA1(text, text.count, &digest) != nil else { return nil }
        return base64(digest)
    }

    /// Whether the bytes are base64 of exactly 16 bytes: 22 characters and two `=`. The last character's low bits say
    /// nothing and may be set (RFC 4648 section 3.5 leaves that open, and the key is never decoded).
    static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
        guard key.count == 24, key.suffix(2).elementsEqual([UInt8(ascii: "="), UInt8(ascii: "=")]) else { return false }
        return key.dropLast(2).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let count = (bytes.count + 2) / 3 * 4
        // Sound: EVP_EncodeBlock writes `count` characters and a NUL, and the buffer has room for both.
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count + 1) { characters in
            _ = EVP_EncodeBlock(characters.baseAddress, bytes, Int32(bytes.count))
            return String(decoding: characters[..<count], as: UTF8.self)
        }
    }
}
