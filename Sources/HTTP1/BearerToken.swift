/// The token of an `Authorization: Bearer` field (RFC 6750 section 2.1).
public enum BearerToken: Sendable, Equatable {
    /// There is no field of that scheme; those of other schemes are for somebody else.
    case absent
    /// A `b64token`, not empty, as it was written.
    case token(ArraySlice<UInt8>)
    /// The scheme without a `b64token` behind it, or twice.
    case malformed

    init(_ fields: HeaderFields) {
        var found = BearerToken.absent
        fields.forEachValue("authorization") { value in
            let scheme = value.prefix { !ByteClass.isWhitespace($0) }
            guard Self.isBearer(scheme) else { return true }
            let token = value[scheme.endIndex...].drop { $0 == UInt8(ascii: " ") }
            guard found == .absent, Self.isToken(token) else {
                found = .malformed
                return false
            }
            found = .token(token)
            return true
        }
        self = found
    }

    /// Schemes are compared without regard to case (RFC 9110 section 11.1).
    private static func isBearer(_ scheme: ArraySlice<UInt8>) -> Bool {
        let name: StaticString = "bearer"
        return name.withUTF8Buffer { scheme.equalsIgnoringCase($0) }
    }

    private static func isToken(_ text: ArraySlice<UInt8>) -> Bool {
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        let characters = text.dropLast(padding)
        return !characters.isEmpty && characters.allSatisfy(isCharacter)
    }

    private static func isCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
