/// Whole frames as bytes of their own: control frames, and what Sluice's own client sends. Events do not come this
/// way; their headers stand in their batch.
public enum Frame {
    /// The most that a control frame can carry (RFC 6455 section 5.5).
    public static let maxControlPayload = 125

    /// A frame of one opcode.
    /// - Parameters:
    ///   - payload: of a control frame at most 125 bytes; what is beyond is left out.
    ///   - maskingKey: a client's (see ``FrameHeader/writeMasked(opcode:payloadLength:key:isFinal:into:)``); nil for a
    ///     server's frame.
    ///   - isCompressed: the payload is, or begins, a compressed message (RFC 7692 section 6).
    public static func encode(
        _ opcode: Opcode, payload: UnsafeRawBufferPointer, isFinal: Bool = true, maskingKey: UInt32? = nil,
        isCompressed: Bool = false
    ) -> [UInt8] {
        let count = opcode.isControl ? min(payload.count, maxControlPayload) : payload.count
        let headerLength =
            maskingKey == nil ? FrameHeader.length(forPayload: count) : FrameHeader.maskedLength(forPayload: count)
        return [UInt8](unsafeUninitializedCapacity: headerLength + count) { buffer, initialized in
            // Sound: the header and the payload together write every one of the `headerLength + count` bytes.
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            let body = UnsafeMutableRawBufferPointer(rebasing: bytes[headerLength..<(headerLength + count)])
            body.copyMemory(from: UnsafeRawBufferPointer(rebasing: payload[..<count]))
            if let maskingKey {
                FrameHeader.writeMasked(
                    opcode: opcode, payloadLength: count, key: maskingKey, isFinal: isFinal, isCompressed: isCompressed,
                    into: bytes)
                Masking.apply(maskingKey, to: body)
            } else {
                FrameHeader.write(
                    opcode: opcode, payloadLength: count, isFinal: isFinal, isCompressed: isCompressed, into: bytes)
            }
            initialized = headerLength + count
        }
    }

    /// A close frame (section 5.5.1).
    /// - Parameters:
    ///   - code: nil for a close frame without a payload; `reason` does not count then.
    ///   - reason: cut off after at most 123 bytes, at a character's end.
    ///   - maskingKey: as in ``encode(_:payload:isFinal:maskingKey:)``.
    public static func close(_ code: CloseCode?, reason: String = "", maskingKey: UInt32? = nil) -> [UInt8] {
        var payload: [UInt8] = []
        if let code {
            payload = [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
            for scalar in reason.unicodeScalars {
                let encoded = UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
                guard payload.count + encoded.count <= maxControlPayload else { break }
                payload.append(contentsOf: encoded)
            }
        }
        return payload.withUnsafeBytes { encode(.close, payload: $0, maskingKey: maskingKey) }
    }
}
