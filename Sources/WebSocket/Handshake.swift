import COpenSSL

/// What became of an opening handshake.
public enum HandshakeResult: Equatable, Sendable {
    /// Answer 101 with this value in `Sec-WebSocket-Accept`.
    case accepted([UInt8])
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
    public static func accept(key: ArraySlice<UInt8>) -> [UInt8]? {
        guard let digest = sha1 else { return nil }
        let length = key.count + identifier.utf8CodeUnitCount
        return withUnsafeTemporaryAllocation(byteCount: length + digestBytes, alignment: 1) { scratch in
            let text = UnsafeMutableRawBufferPointer(rebasing: scratch[..<length])
            text.copyBytes(from: key)
            identifier.withUTF8Buffer {
                UnsafeMutableRawBufferPointer(rebasing: text[key.count...]).copyBytes(from: $0)
            }
            let code = UnsafeMutableRawBufferPointer(rebasing: scratch[length...])
            // Sound: EVP_Digest reads the text's bytes and writes the 20 of a SHA-1, for which there is room.
            guard EVP_Digest(text.baseAddress, text.count, code.baseAddress, nil, digest.algorithm, nil) == 1 else {
                // A stale entry in the thread's error queue would be taken for an error of the next TLS call.
                ERR_clear_error()
                return nil
            }
            return base64(UnsafeRawBufferPointer(code))
        }
    }

    /// The answer to a handshake that was accepted (section 4.2.2, step 5), whole.
    /// - Parameter accept: what ``validate(isGet:httpMinor:upgradeHasWebSocket:connectionHasUpgrade:versions:keys:)`` gave.
    public static func response(accept: [UInt8]) -> [UInt8] {
        let head: StaticString =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.utf8CodeUnitCount + accept.count + 4)
        head.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: accept)
        bytes.append(contentsOf: [13, 10, 13, 10])
        return bytes
    }

    private static let digestBytes = 20

    /// Looking an algorithm up by its name costs libcrypto more than the digest itself: done once.
    private static let sha1 = Digest("SHA1")

    /// An algorithm of libcrypto. `@unchecked Sendable` is sound: it is never changed after the initialiser, EVP_Digest only
    /// reads it and counts references atomically, and the one there is lives as long as the process.
    private final class Digest: @unchecked Sendable {
        let algorithm: OpaquePointer

        /// Nil when libcrypto has no such algorithm.
        init?(_ name: String) {
            guard let algorithm = EVP_MD_fetch(nil, name, nil) else {
                ERR_clear_error()
                return nil
            }
            self.algorithm = algorithm
        }
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

    static func base64(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let count = (bytes.count + 2) / 3 * 4
        return [UInt8](unsafeUninitializedCapacity: count + 1) { characters, initializedCount in
            // Sound: EVP_EncodeBlock writes `count` characters and a NUL, and the buffer has room for both.
            let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            initializedCount = Int(EVP_EncodeBlock(characters.baseAddress, start, Int32(bytes.count)))
        }
    }
}
