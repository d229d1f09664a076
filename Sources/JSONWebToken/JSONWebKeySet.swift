internal import COpenSSL

/// Keys in JSON: a JWK (RFC 7517 section 4) or a JWK Set (section 5), with the members of RFC 7518 section 6 and RFC 8037
/// section 2.
///
/// Keys of a set that are for something else are passed over, as section 5 wants it; one that is meant for signatures and is
/// broken is a fault, since its tokens would be refused without a word.
enum JSONWebKeySet {
    case single(PublicKeyFile.Entry)
    case set([PublicKeyFile.Entry])
    /// A verb phrase.
    case malformed(String)

    static func read(_ text: [UInt8]) -> JSONWebKeySet {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.span)
        } catch {
            return .malformed("is not UTF-8")
        }
        var keys: JSONValue?
        var isKey = false
        var reader = JSONObjectReader()
        members: while true {
            switch reader.next(in: text.span) {
            case .member(let name, let value):
                if name.equals(Array("keys".utf8), in: text.span) {
                    guard keys == nil else { return .malformed("has the member \"keys\" twice") }
                    keys = value
                }
                if name.equals(Array("kty".utf8), in: text.span) { isKey = true }
            case .end: break members
            case .malformed: return .malformed("is not a JSON object")
            }
        }
        // A key may have any further members, one called "keys" too.
        if isKey { return .single(entry(text.span)) }
        guard let keys else { return .malformed("has neither \"kty\" nor \"keys\"") }
        guard case .array(let range) = keys, let elements = JSONObjectReader.elements(of: range, in: text.span) else {
            return .malformed("has \"keys\" that are no array")
        }
        return .set(
            elements.map { element in
                guard case .object(let range) = element else {
                    return .fault(KeyFault("is not an object", expected: "a JWK"))
                }
                return entry(text.span.extracting(range))
            })
    }

    /// - Parameter text: a JSON object that a reader has gone over.
    private static func entry(_ text: Span<UInt8>) -> PublicKeyFile.Entry {
        do throws(KeyFault) {
            return try JSONWebKey(text).entry()
        } catch {
            return .fault(error)
        }
    }
}

/// The members of one JWK that count here.
private struct JSONWebKey {
    private var strings: [String: [UInt8]] = [:]
    /// `key_ops`, if it is there.
    private var operations: [[UInt8]]?

    private static let textMembers = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"]
    /// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
    private static let secretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    init(_ text: Span<UInt8>) throws(KeyFault) {
        var reader = JSONObjectReader()
        while case .member(let name, let value) = reader.next(in: text) {
            guard let bytes = name.decoded(in: text) else { continue }
            let name = String(decoding: bytes, as: UTF8.self)
            if Self.secretMembers.contains(name) {
                throw KeyFault(
                    "has the private member \"\(name)\", which the gateway must not have",
                    expected: "a key with its public members only (a shared secret is for jwtSecret)")
            }
            if name == "key_ops" {
                guard operations == nil else { throw Self.twice(name) }
                operations = try Self.operations(value, in: text)
            } else if Self.textMembers.contains(name) {
                guard strings[name] == nil else { throw Self.twice(name) }
                guard case .string(let string) = value, let bytes = string.decoded(in: text) else {
                    throw KeyFault("has a \"\(name)\" that is no string", expected: "a JWK of RFC 7517")
                }
                strings[name] = bytes
            }
        }
    }

    private static func twice(_ name: String) -> KeyFault {
        KeyFault("has the member \"\(name)\" twice", expected: "a JWK of RFC 7517")
    }

    private static func operations(_ value: JSONValue, in text: Span<UInt8>) throws(KeyFault) -> [[UInt8]] {
        let fault = KeyFault("has \"key_ops\" that are no array of strings", expected: "a JWK of RFC 7517")
        guard case .array(let range) = value, let elements = JSONObjectReader.elements(of: range, in: text) else {
            throw fault
        }
        var operations: [[UInt8]] = []
        for element in elements {
            guard case .string(let string) = element, let bytes = string.decoded(in: text) else { throw fault }
            operations.append(bytes)
        }
        return operations
    }

    private func text(_ name: String) -> String? {
        strings[name].map { String(decoding: $0.prefix(40), as: UTF8.self) }
    }

    func entry() throws(KeyFault) -> PublicKeyFile.Entry {
        guard let type = text("kty") else { throw KeyFault("has no \"kty\"", expected: "a JWK of RFC 7517") }
        if let use = text("use"), use != "sig" { return .skipped("is not for signatures (\"use\" is \"\(use)\")") }
        if let operations, !operations.contains(Array("verify".utf8)) {
            return .skipped("is not for checking signatures (\"key_ops\")")
        }
        var algorithm: Algorithm?
        if let name = text("alg") {
            guard let known = Algorithm(name: name), !known.usesSecret else {
                return .skipped("is for the algorithm \"\(name)\", which is not supported")
            }
            algorithm = known
        }
        let made: OpaquePointer?
        switch type {
        case "RSA":
            made = Self.rsa(modulus: try number("n"), exponent: try number("e"))
        case "EC":
            let curve = text("crv") ?? ""
            guard let bytes = ["P-256": 32, "P-384": 48][curve] else {
                return .skipped("is on the curve \"\(curve)\", which is not supported")
            }
            made = Self.ec(curve, x: try number("x", bytes), y: try number("y", bytes))
        case "OKP":
            let curve = text("crv") ?? ""
            guard curve == "Ed25519" else { return .skipped("is on the curve \"\(curve)\", which is not supported") }
            let point = try number("x", 32)
            made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, point, point.count)
        default:
            return .skipped("is of the type \"\(type)\", which is not supported")
        }
        guard let made else {
            ERR_clear_error()
            throw KeyFault("is broken: its numbers are no public key", expected: "a sound key")
        }
        return .key(try PublicKey(PublicKeyHandle(owning: made), id: strings["kid"], algorithm: algorithm))
    }

    /// A number in base64url, most significant byte first.
    /// - Parameter count: how many bytes it must have (RFC 7518 section 6.2.1.2); nil: any number of them.
    private func number(_ name: String, _ count: Int? = nil) throws(KeyFault) -> [UInt8] {
        guard let text = strings[name] else { throw KeyFault("has no \"\(name)\"", expected: "a JWK of RFC 7518") }
        var bytes = [UInt8](repeating: 0, count: text.count)
        var output = bytes.mutableSpan
        let length = Base64URL.decode(text.span, into: &output, at: 0) ?? 0
        guard length > 0, length == count ?? length else {
            throw KeyFault(
                "has a \"\(name)\" that cannot be read",
                expected: "\(count.map { "\($0) bytes" } ?? "a number") in base64url without padding")
        }
        return Array(bytes[..<length])
    }

    private static func rsa(modulus: [UInt8], exponent: [UInt8]) -> OpaquePointer? {
        var modulus = native(modulus)
        var exponent = native(exponent)
        return modulus.withUnsafeMutableBufferPointer { modulus in
            exponent.withUnsafeMutableBufferPointer { exponent in
                "n".withCString { n in
                    "e".withCString { e in
                        make(
                            "RSA",
                            [
                                OSSL_PARAM_construct_BN(n, modulus.baseAddress, modulus.count),
                                OSSL_PARAM_construct_BN(e, exponent.baseAddress, exponent.count),
                                OSSL_PARAM_construct_end(),
                            ])
                    }
                }
            }
        }
    }

    private static func ec(_ curve: String, x: [UInt8], y: [UInt8]) -> OpaquePointer? {
        // SEC 1 section 2.3.3: 4 stands for a point that is not compressed.
        var point = [4] + x + y
        var curve = Array(curve.utf8CString)
        return point.withUnsafeMutableBufferPointer { point in
            curve.withUnsafeMutableBufferPointer { curve in
                "group".withCString { group in
                    "pub".withCString { pub in
                        make(
                            "EC",
                            [
                                OSSL_PARAM_construct_utf8_string(group, curve.baseAddress, 0),
                                OSSL_PARAM_construct_octet_string(pub, point.baseAddress, point.count),
                                OSSL_PARAM_construct_end(),
                            ])
                    }
                }
            }
        }
    }

    /// - Parameter parameters: what they point to must outlive the call, and need not live on.
    private static func make(_ type: String, _ parameters: [OSSL_PARAM]) -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var parameters = parameters
        var key: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &key, sluice_EVP_PKEY_PUBLIC_KEY(), &parameters) == 1
        else {
            EVP_PKEY_free(key)
            return nil
        }
        return key
    }

    /// OSSL_PARAM takes numbers in the machine's own order.
    private static func native(_ number: [UInt8]) -> [UInt8] {
        #if _endian(little)
            number.reversed()
        #else
            number
        #endif
    }
}
