import COpenSSL

/// What all TLS connections of a server have in common: its certificates, chosen by the name that the client asks for, and
/// what it speaks.
///
/// TLS 1.2 or 1.3, for 1.2 with forward secrecy and AEAD ciphers only; HTTP/1.1 where the client uses ALPN; resumption by
/// tickets; no renegotiation, no early data.
///
/// `@unchecked Sendable`: nothing is changed after `init`. OpenSSL counts references to its contexts with atomics, and making
/// sessions from one on several threads at once is what it allows them for.
public final class TLSServerContext: @unchecked Sendable {
    /// The oldest version that is spoken.
    public enum Version: Sendable {
        case tls12
        case tls13

        fileprivate var number: Int32 {
            switch self {
            case .tls12: TLS1_2_VERSION
            case .tls13: TLS1_3_VERSION
            }
        }
    }

    /// What clients will not like about the certificates: a sentence each.
    public let warnings: [String]
    /// The kernel is asked to encrypt what is sent. It may refuse a connection's cipher: see ``ByteStream/isEncryptedByKernel``.
    public let usesKernel: Bool
    private let certificates: [TLSCertificate]
    /// One for each certificate.
    private let contexts: [OpaquePointer]
    private let ticketKeys: TLSTicketKeys

    /// What sessions begin with: the first certificate's.
    var context: OpaquePointer { contexts[0] }

    /// Reads the certificates' files.
    ///
    /// - Parameters:
    ///   - files: the first is for clients that give no name or one that none of them has. A certificate is for the DNS names
    ///     it lists (`subjectAltName`), `*.example.com` included; where several have a name, the first of them counts.
    ///     Looked through one by one at each handshake: meant for some, not for thousands.
    ///   - ticketKeys: the same for all contexts that follow each other.
    ///   - allowsKernel: what is sent may be encrypted by the kernel, where it can be.
    /// - Throws: everything that is wrong with any file.
    public init(
        _ files: [TLSCertificateFiles], minimumVersion: Version, ticketKeys: TLSTicketKeys, allowsKernel: Bool = true
    ) throws(TLSProblems) {
        precondition(!files.isEmpty)
        var sentences: [String] = []
        var certificates: [TLSCertificate] = []
        var contexts: [OpaquePointer] = []
        for files in files {
            do throws(TLSProblems) {
                let certificate = try TLSCertificate(files)
                contexts.append(try Self.context(for: certificate, minimumVersion))
                certificates.append(certificate)
            } catch {
                sentences += error.sentences
            }
        }
        guard sentences.isEmpty else {
            for context in contexts { SSL_CTX_free(context) }
            throw TLSProblems(sentences: sentences)
        }
        self.certificates = certificates
        self.contexts = contexts
        self.ticketKeys = ticketKeys
        warnings = certificates.compactMap(\.warning)
        usesKernel = allowsKernel && KernelTLS.isAvailable
        for context in contexts {
            ticketKeys.attach(to: context)
            if usesKernel { sluice_SSL_CTX_offer_to_kernel(context) }
        }
        // Sound: called only during a handshake, whose session retains this object.
        sluice_SSL_CTX_set_servername_callback(
            contexts[0], Self.chooseCertificate, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        for context in contexts { SSL_CTX_free(context) }
    }

    private static func context(
        for certificate: TLSCertificate, _ minimumVersion: Version
    ) throws(TLSProblems) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            let reason = takeOpenSSLReason() ?? "out of memory"
            throw TLSProblems(sentences: ["The TLS context could not be made: \(reason)."])
        }
        _ = sluice_SSL_CTX_set_min_proto_version(context, minimumVersion.number)
        // Of TLS 1.2 what TLS 1.3 kept: RFC 9325 section 4.2.
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")
        sluice_SSL_CTX_refuse_renegotiation(context)
        _ = sluice_SSL_CTX_set_mode(context, TLSSession.modes)
        // Tickets keep all that is needed at the client's: the server remembers no session.
        _ = sluice_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_num_tickets(context, 1)
        SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
        var isGood = SSL_CTX_use_certificate(context, certificate.leaf) == 1
        for issuer in certificate.chain where isGood { isGood = sluice_SSL_CTX_add1_chain_cert(context, issuer) == 1 }
        isGood = isGood && SSL_CTX_use_PrivateKey(context, certificate.key) == 1
        guard isGood else {
            let reason = takeOpenSSLReason() ?? "OpenSSL gave no reason"
            SSL_CTX_free(context)
            throw TLSProblems(sentences: [
                "The certificate in \(certificate.files.certificateFile) cannot be used: \(reason)."
            ])
        }
        return context
    }

    // MARK: What OpenSSL calls during a handshake

    /// RFC 6066 section 3.
    private static let chooseCertificate:
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
            ssl, _, argument in
            guard let ssl, let argument, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
                return SSL_TLSEXT_ERR_NOACK
            }
            let server = Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
            guard let index = server.certificates.firstIndex(where: { isFor(name, $0.leaf) }) else {
                return SSL_TLSEXT_ERR_NOACK
            }
            if index > 0 { SSL_set_SSL_CTX(ssl, server.contexts[index]) }
            return SSL_TLSEXT_ERR_OK
        }

    private static func isFor(_ name: UnsafePointer<CChar>, _ certificate: OpaquePointer) -> Bool {
        let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
        return X509_check_host(certificate, name, 0, UInt32(flags), nil) == 1
    }

    /// RFC 7301 section 3.2: who offers protocols of which none is spoken here is told so (`no_application_protocol`).
    private static let chooseProtocol:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> Int32 = { _, chosen, chosenLength, offered, offeredLength, _ in
            guard let offered, let chosen, let chosenLength else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            // The answer points into the offer, which OpenSSL copies it from: no memory of ours has to last.
            let list = UnsafeBufferPointer(start: offered, count: Int(offeredLength))
            var index = 0
            while index < list.count {
                let end = index + 1 + Int(list[index])
                guard end <= list.count else { break }
                if list[(index + 1)..<end].elementsEqual("http/1.1".utf8) {
                    chosen.pointee = offered + index + 1
                    chosenLength.pointee = list[index]
                    return SSL_TLSEXT_ERR_OK
                }
                index = end
            }
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
}
