import Glibc

/// How long the pieces are that a batch puts around an event.
enum EventLayout {
    static let textOpening: StaticString = "{\"id\":\""
    static let textSeparator: StaticString = "\", "
    static let streamPrefix: StaticString = "id: "
    static let streamData: StaticString = "\ndata: "
    static let streamEnd: StaticString = "\n\n"

    /// Bytes of `{"id":"<id>", `.
    static func opening(idLength: Int) -> Int {
        textOpening.utf8CodeUnitCount + idLength + textSeparator.utf8CodeUnitCount
    }

    /// Bytes of `id: <id>\ndata: `.
    static func prefixLength(idLength: Int) -> Int {
        streamPrefix.utf8CodeUnitCount + idLength + streamData.utf8CodeUnitCount
    }

    /// Bytes of a server's frame header: 2, 4 or 10 (RFC 6455 section 5.2).
    static func frameHeaderLength(payload: Int) -> Int {
        payload < 126 ? 2 : payload <= 0xFFFF ? 4 : 10
    }

    /// The header of a final, unmasked text frame. Written here and not by the `WebSocket` codec, because the log may
    /// import no protocol; a test in `GatewayTests` holds the two together.
    static func writeFrameHeader(payload: Int, into bytes: UnsafeMutableRawBufferPointer) {
        bytes[0] = 0x81
        switch bytes.count {
        case 2:
            bytes[1] = UInt8(payload)
        case 4:
            bytes[1] = 126
            bytes.storeBytes(of: UInt16(payload).bigEndian, toByteOffset: 2, as: UInt16.self)
        default:
            bytes[1] = 127
            bytes.storeBytes(of: UInt64(payload).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
    }

    /// Turns line ends into spaces in place. In valid JSON they stand only between tokens, where a space means the
    /// same, and an event stream ends a `data:` line at each.
    static func flatten(_ bytes: UnsafeMutableRawBufferPointer) {
        flatten(bytes, UInt8(ascii: "\n"))
        flatten(bytes, UInt8(ascii: "\r"))
    }

    private static func flatten(_ bytes: UnsafeMutableRawBufferPointer, _ lineEnd: UInt8) {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0, let hit = memchr(base, Int32(lineEnd), rest.count) {
            hit.storeBytes(of: UInt8(ascii: " "), as: UInt8.self)
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[(hit - base + 1)...])
        }
    }

    /// Where the object's members begin: behind the first `{`.
    static func bodyStart(of data: UnsafeRawBufferPointer) -> Int {
        if data.first == UInt8(ascii: "{") { return 1 }
        guard let base = data.baseAddress, let brace = memchr(base, Int32(UInt8(ascii: "{")), data.count) else {
            return data.count
        }
        return UnsafeRawPointer(brace) - base + 1
    }
}
