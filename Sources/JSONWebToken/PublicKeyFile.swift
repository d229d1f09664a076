internal import COpenSSL

/// The keys of one file: PEM blocks (public keys and certificates), a JWK or a JWK Set (RFC 7517).
public struct PublicKeyFile: Sendable {
    /// What an entry of a file came to.
    enum Entry {
        case key(PublicKey)
        /// A key that is not for this: a verb phrase.
        case skipped(String)
        case fault(KeyFault)
    }

    /// A key, and where it stands.
    public struct Located: Sendable {
        public let key: PublicKey
        /// `keys.pem, entry 2`; the file's name alone for a single JWK.
        public let place: String
    }

    /// The good ones, in order.
    public private(set) var keys: [Located] = []
    /// Everything that is wrong, a sentence each that names the file and the entry. The keys are not to be used then.
    public private(set) var problems: [String] = []
    /// Entries that were passed over, a sentence each.
    public private(set) var notes: [String] = []

    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: what messages call it.
    public init(_ bytes: [UInt8], name: String) {
        let isMarked = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        let text = isMarked ? Array(bytes.dropFirst(3)) : bytes
        let first = text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            readJSON(text, name)
        } else {
            let blocks = PEMBlocks.split(text)
            for (index, block) in blocks.enumerated() {
                add(PEMBlocks.entry(of: block), "\(name), entry \(index + 1)")
            }
            if blocks.isEmpty {
                problems.append(
                    "\(name) holds no key; PEM blocks (PUBLIC KEY or CERTIFICATE), a JWK or a JWK Set were expected.")
            }
        }
        if keys.isEmpty, problems.isEmpty {
            problems.append("\(name) holds no key that tokens can be signed with; at least one was expected.")
        }
    }

    private mutating func readJSON(_ text: [UInt8], _ name: String) {
        switch JSONWebKeySet.read(text) {
        case .malformed(let found):
            problems.append("\(name) \(found); a JWK or a JWK Set was expected.")
        case .single(let entry):
            add(entry, name)
        case .set(let entries):
            for (index, entry) in entries.enumerated() { add(entry, "\(name), entry \(index + 1)") }
        }
    }

    private mutating func add(_ entry: Entry, _ place: String) {
        switch entry {
        case .key(let key): keys.append(Located(key: key, place: place))
        case .skipped(let why): notes.append("\(place) \(why) and is not used.")
        case .fault(let fault): problems.append("\(place) \(fault.found); \(fault.expected) was expected.")
        }
    }
}

/// The textual encodings of RFC 7468, as far as keys go.
private enum PEMBlocks {
    struct Block {
        /// From `-----BEGIN` to the end of the file or the next block.
        let text: ArraySlice<UInt8>
        let label: String
    }

    private static let begin = Array("-----BEGIN ".utf8)

    /// Every block that begins; text between them is explanation (RFC 7468 section 5.2).
    static func split(_ text: [UInt8]) -> [Block] {
        var starts: [Int] = []
        var lineStart = 0
        while lineStart < text.count {
            if text[lineStart...].starts(with: begin) { starts.append(lineStart) }
            guard let lineEnd = text[lineStart...].firstIndex(of: 0x0A) else { break }
            lineStart = lineEnd + 1
        }
        return starts.enumerated().map { index, start in
            let end = index + 1 < starts.count ? starts[index + 1] : text.count
            let label = text[(start + begin.count)..<end].prefix { $0 != UInt8(ascii: "-") && $0 >= 0x20 && $0 < 0x7F }
            return Block(text: text[start..<end], label: String(decoding: label.prefix(40), as: UTF8.self))
        }
    }

    static func entry(of block: Block) -> PublicKeyFile.Entry {
        defer { ERR_clear_error() }
        let kinds = "a PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE block"
        if block.label.hasSuffix("PRIVATE KEY") {
            return .fault(
                KeyFault(
                    "is a private key, which the gateway must not have",
                    expected: "its public half (openssl pkey -pubout)"))
        }
        guard ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"].contains(block.label) else {
            return .fault(KeyFault("is a block of the kind \"\(block.label)\"", expected: kinds))
        }
        guard let der = decode(block.text) else {
            return .fault(KeyFault("cannot be read (its base64 or its END line is broken)", expected: kinds))
        }
        guard let pointer = key(der, label: block.label) else {
            return .fault(KeyFault("has no key in it that can be read", expected: kinds))
        }
        do throws(KeyFault) {
            return .key(try PublicKey(PublicKeyHandle(owning: pointer)))
        } catch {
            return .fault(error)
        }
    }

    /// What stands between the block's lines.
    private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        text.withUnsafeBytes { text -> [UInt8]? in
            guard let source = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return nil }
            defer { BIO_free(source) }
            var name: UnsafeMutablePointer<CChar>?
            var header: UnsafeMutablePointer<CChar>?
            var data: UnsafeMutablePointer<UInt8>?
            var length = 0
            guard PEM_read_bio(source, &name, &header, &data, &length) == 1, let data else { return nil }
            defer {
                CRYPTO_free(name, nil, 0)
                CRYPTO_free(header, nil, 0)
                CRYPTO_free(data, nil, 0)
            }
            return Array(UnsafeBufferPointer(start: data, count: length))
        }
    }

    private static func key(_ der: [UInt8], label: String) -> OpaquePointer? {
        der.withUnsafeBufferPointer { der in
            var position = der.baseAddress
            switch label {
            case "PUBLIC KEY": return d2i_PUBKEY(nil, &position, der.count)
            case "RSA PUBLIC KEY": return d2i_PublicKey(EVP_PKEY_RSA, nil, &position, der.count)
            default:
                guard let certificate = d2i_X509(nil, &position, der.count) else { return nil }
                defer { X509_free(certificate) }
                return X509_get_pubkey(certificate)
            }
        }
    }
}
