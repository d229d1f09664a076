import COpenSSL
import Glibc

/// Where a server's certificate and its private key are; both PEM files.
public struct TLSCertificateFiles: Sendable, Equatable {
    /// The server's own certificate first, then those that lead to the authority.
    public let certificateFile: String
    /// Without a passphrase.
    public let keyFile: String

    public init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// Why certificates cannot be used: everything that is wrong with all of them.
public struct TLSProblems: Error, Equatable, Sendable, CustomStringConvertible {
    /// Each names its file.
    public let sentences: [String]
    public var description: String { sentences.joined(separator: " ") }
}

/// A certificate with its chain and its key, as read from its files. Owns the three.
final class TLSCertificate {
    let files: TLSCertificateFiles
    let leaf: OpaquePointer
    private(set) var chain: [OpaquePointer] = []
    let key: OpaquePointer

    /// A chain is a few KiB; what is longer than this is no certificate file.
    private static let maxFileBytes = 1 << 20

    /// - Throws: what is wrong with either file, and with the two together.
    init(_ files: TLSCertificateFiles) throws(TLSProblems) {
        var sentences: [String] = []
        var certificates: [OpaquePointer] = []
        var key: OpaquePointer?
        do throws(TLSError) { certificates = try Self.certificates(in: files.certificateFile) } catch {
            sentences.append(error.description)
        }
        do throws(TLSError) { key = try Self.key(in: files.keyFile) } catch { sentences.append(error.description) }
        if let leaf = certificates.first, let key, X509_check_private_key(leaf, key) != 1 {
            ERR_clear_error()
            sentences.append(
                "The key file \(files.keyFile) does not belong to the certificate in \(files.certificateFile) (of a chain, the "
                    + "server's own certificate must stand first).")
        }
        guard sentences.isEmpty, let leaf = certificates.first, let key else {
            for certificate in certificates { X509_free(certificate) }
            EVP_PKEY_free(key)
            throw TLSProblems(sentences: sentences)
        }
        self.files = files
        self.leaf = leaf
        self.key = key
        chain = Array(certificates.dropFirst())
    }

    deinit {
        X509_free(leaf)
        for certificate in chain { X509_free(certificate) }
        EVP_PKEY_free(key)
    }

    /// What does not keep it from being used, and keeps clients from accepting it.
    var warning: String? {
        let file = files.certificateFile
        if X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0 {
            return "The certificate in \(file) has expired: clients will refuse it."
        }
        if X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0 {
            return "The certificate in \(file) is not valid yet: clients will refuse it."
        }
        return nil
    }

    // MARK: Reading

    private static func certificates(in path: String) throws(TLSError) -> [OpaquePointer] {
        let bio = try open(path, "The certificate file")
        defer { BIO_free(bio) }
        var found: [OpaquePointer] = []
        ERR_clear_error()
        while let certificate = PEM_read_bio_X509(bio, nil, refusePassphrase, nil) { found.append(certificate) }
        let code = ERR_peek_last_error()
        let reason = takeOpenSSLReason()
        // The end of the file shows as the lack of a further start line.
        if ERR_GET_REASON(code) == PEM_R_NO_START_LINE, !found.isEmpty { return found }
        for certificate in found { X509_free(certificate) }
        let isEmpty = ERR_GET_REASON(code) == PEM_R_NO_START_LINE
        throw TLSError(
            description: "The certificate file \(path) could not be read (PEM certificates are expected): "
                + (isEmpty ? "it holds no certificate" : reason ?? "OpenSSL gave no reason") + ".")
    }

    private static func key(in path: String) throws(TLSError) -> OpaquePointer {
        let bio = try open(path, "The key file")
        defer { BIO_free(bio) }
        var isEncrypted = false
        ERR_clear_error()
        let key = withUnsafeMutablePointer(to: &isEncrypted) { PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, $0) }
        if let key { return key }
        let code = ERR_peek_last_error()
        let reason = takeOpenSSLReason()
        if isEncrypted {
            throw TLSError(
                description: "The key file \(path) is encrypted; a key without a passphrase is expected (openssl pkey "
                    + "-in … -out … takes it off), readable to the gateway's user alone.")
        }
        let isUnknown = ERR_GET_REASON(code) == PEM_R_NO_START_LINE || reason == "unsupported"
        throw TLSError(
            description: "The key file \(path) could not be read (a PEM key is expected): "
                + (isUnknown ? "it holds no private key that OpenSSL knows" : reason ?? "OpenSSL gave no reason") + ".")
    }

    /// OpenSSL would ask on the terminal and wait there. Notes in its argument, a `Bool`, that it was asked.
    private static let refusePassphrase:
        @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = {
            _, _, _, asked in
            asked?.assumingMemoryBound(to: Bool.self).pointee = true
            return -1
        }

    private static func open(_ path: String, _ what: String) throws(TLSError) -> OpaquePointer {
        var bytes: [UInt8]
        do {
            bytes = try readFile(path)
        } catch {
            throw TLSError(description: "\(what) \(path) could not be read: \(error.reason).")
        }
        // It may hold a private key.
        defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        guard let bio = BIO_new(BIO_s_mem()),
            BIO_write(bio, bytes, Int32(bytes.count)) == Int32(bytes.count) || bytes.isEmpty
        else { throw TLSError(description: "\(what) \(path) could not be read: memory is short.") }
        return bio
    }

    private static func readFile(_ path: String) throws(SystemError) -> [UInt8] {
        let number = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { throw .last("open") }
        let file = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: maxFileBytes + 1)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(file.rawValue, $0.baseAddress! + length, $0.count - length)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read") }
            if count == 0 { break }
            length += count
        }
        guard length <= maxFileBytes else { throw SystemError(operation: "read", code: EFBIG) }
        bytes.removeLast(bytes.count - length)
        return bytes
    }
}
