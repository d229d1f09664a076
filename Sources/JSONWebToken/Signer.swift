/// Makes tokens, for `sluice token` and for tests. Not for the data path.
public struct Signer: Sendable {
    private let key: HMACKey

    /// - Throws: for an empty secret, or if libcrypto cannot do HMAC.
    public init(algorithm: Algorithm, secret: [UInt8]) throws(CryptographyError) {
        key = try HMACKey(algorithm: algorithm, secret: secret)
    }

    /// The compact serialization of `claims` under the header `{"alg":"…","typ":"JWT"}`.
    /// - Parameter claims: a JSON object in UTF-8; signed as it is, not checked.
    public func sign(claims: [UInt8]) throws(CryptographyError) -> [UInt8] {
        try sign(header: Array(#"{"alg":"\#(key.algorithm.rawValue)","typ":"JWT"}"#.utf8), claims: claims)
    }

    /// The same under any header, which is not checked either.
    func sign(header: [UInt8], claims: [UInt8]) throws(CryptographyError) -> [UInt8] {
        var token: [UInt8] = []
        Base64URL.encode(header, to: &token)
        token.append(UInt8(ascii: "."))
        Base64URL.encode(claims, to: &token)
        guard let code = key.code(of: token.span) else {
            throw .libcrypto(operation: "sign the token", detail: "out of memory or no HMAC")
        }
        token.append(UInt8(ascii: "."))
        Base64URL.encode(code, to: &token)
        return token
    }

    /// The claims `{"<channelClaim>":"<channel>","publish":[…],"sub":<subject>}`, with `"exp"` at the end if given, as
    /// `sign(claims:)` takes them. If `sub` itself is the channel's claim, the subject is left out. Whether the name may be a channel's
    /// is for `ChannelName.refusal(of:)` to say.
    /// - Parameters:
    ///   - channel: nil for a token that opens none.
    ///   - channelClaim: `jwtChannelIdKey`.
    ///   - publish: channels that it may publish to; none: the claim is left out.
    ///   - subject: `sub`; nil writes `null`, as Superset does for anonymous visitors.
    ///   - expiresAtSeconds: `exp`, seconds since 1970; nil for a token that lives for ever.
    public static func claims(
        channel: String?, channelClaim: String = "channel", publish: [String] = [], subject: String? = nil,
        expiresAtSeconds: Int64? = nil
    ) -> [UInt8] {
        var json: [UInt8] = [UInt8(ascii: "{")]
        func begin(_ name: String) {
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            appendString(name, to: &json)
            json.append(UInt8(ascii: ":"))
        }
        if let channel {
            begin(channelClaim)
            appendString(channel, to: &json)
        }
        if !publish.isEmpty {
            begin("publish")
            json.append(UInt8(ascii: "["))
            for (index, name) in publish.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                appendString(name, to: &json)
            }
            json.append(UInt8(ascii: "]"))
        }
        if channelClaim != "sub" || channel == nil {
            begin("sub")
            if let subject {
                appendString(subject, to: &json)
            } else {
                json.append(contentsOf: "null".utf8)
            }
        }
        if let expiresAtSeconds {
            begin("exp")
            json.append(contentsOf: "\(expiresAtSeconds)".utf8)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    /// RFC 8259 section 7.
    private static func appendString(_ string: String, to json: inout [UInt8]) {
        let hexadecimal = Array("0123456789abcdef".utf8)
        json.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                json.append(UInt8(ascii: "\\"))
                json.append(byte)
            case 0..<0x20:
                json.append(contentsOf: #"\u00"#.utf8)
                json.append(hexadecimal[Int(byte >> 4)])
                json.append(hexadecimal[Int(byte & 0xF)])
            default:
                json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}
