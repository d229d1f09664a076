import COpenSSL
import Locks

/// What all TLS connections of a client have in common: TLS 1.2 or later, and the authorities it trusts.
///
/// `@unchecked Sendable`: the OpenSSL context is not changed after `init`, OpenSSL counts references to it and guards what it
/// shares with locks of its own, so sessions may be made from it on several threads at once; the last session is in a mutex.
public final class TLSClientContext: @unchecked Sendable {
    let context: OpaquePointer
    /// The session to go on from, if `resumes`; a reference of ours to it. An address, since pointers do not go into a mutex.
    private let lastSession = Mutex<UInt>(0)
    /// Whether the certificate must be for the name that is connected to. Its chain is a matter of its own.
    public let verifyHostname: Bool

    /// - Parameters:
    ///   - caFile: PEM file of the certificates to trust; `nil` for those of the system.
    ///   - verifyHostname: `false` accepts a certificate for another name (as Node's `checkServerIdentity: () =>
    ///     undefined`); one that no trusted authority has signed is refused all the same.
    ///   - identity: what is shown to a server that asks for a client certificate; `nil` for nothing.
    ///   - verifiesChain: `false` takes any certificate: for who asks a server of its own, and only for what anybody may read.
    ///   - resumes: each connection offers to go on from the newest session that any has been given. For one server at a time.
    /// - Throws: a sentence that names the file that cannot be used.
    public init(
        caFile: String?, verifyHostname: Bool, identity: Identity? = nil, verifiesChain: Bool = true,
        resumes: Bool = false
    ) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            let reason = takeOpenSSLReason() ?? "out of memory"
            throw TLSError(description: "The TLS context could not be made: \(reason).")
        }
        self.context = context
        self.verifyHostname = verifyHostname
        let trusted: Int32
        if let caFile {
            trusted = SSL_CTX_load_verify_file(context, caFile)
        } else {
            trusted = SSL_CTX_set_default_verify_paths(context)
        }
        guard trusted == 1 else {
            let reason = takeOpenSSLReason() ?? "it holds no certificate"
            let what = caFile.map { "The CA file \($0)" } ?? "The system's CA certificates"
            throw TLSError(description: "\(what) could not be loaded (PEM certificates are expected): \(reason).")
        }
        _ = sluice_SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)
        // A peer that renegotiates could make a read wait for a write for no reason that we have.
        sluice_SSL_CTX_refuse_renegotiation(context)
        _ = sluice_SSL_CTX_set_mode(context, TLSSession.modes)
        SSL_CTX_set_verify(context, verifiesChain ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if let identity { try use(identity) }
        if resumes { rememberSessions() }
    }

    private func rememberSessions() {
        let mode = Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL)
        _ = sluice_SSL_CTX_set_session_cache_mode(context, mode)
        // Sound: a connection's stream holds this object, and OpenSSL calls only during a call on the stream.
        SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_sess_set_new_cb(context) { ssl, session in
            guard let ssl, let session, let pointer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0) else { return 0 }
            Unmanaged<TLSClientContext>.fromOpaque(pointer).takeUnretainedValue().remember(session)
            return 1
        }
    }

    /// Takes over a reference.
    private func remember(_ session: OpaquePointer) {
        let old = lastSession.withLock { last in
            defer { last = UInt(bitPattern: session) }
            return last
        }
        SSL_SESSION_free(OpaquePointer(bitPattern: old))
    }

    /// Offers the server the newest session, if sessions are remembered.
    func offerSession(to ssl: OpaquePointer) {
        lastSession.withLock { last in
            if let session = OpaquePointer(bitPattern: last) { SSL_set_session(ssl, session) }
        }
    }

    /// A client's certificate and the private key to it, both PEM files.
    public struct Identity: Sendable, Equatable {
        /// The certificate first, then those that lead to the authority.
        public let certificateFile: String
        /// Without a passphrase.
        public let keyFile: String

        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    private func use(_ identity: Identity) throws(TLSError) {
        // OpenSSL would ask for a passphrase on the terminal and wait there.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
        guard SSL_CTX_use_certificate_chain_file(context, identity.certificateFile) == 1 else {
            let reason = takeOpenSSLReason() ?? "it holds no certificate"
            throw TLSError(
                description: "The certificate file \(identity.certificateFile) could not be loaded "
                    + "(PEM certificates are expected): \(reason).")
        }
        guard SSL_CTX_use_PrivateKey_file(context, identity.keyFile, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_check_private_key(context) == 1
        else {
            let reason = takeOpenSSLReason() ?? "it holds no key"
            throw TLSError(
                description: "The key file \(identity.keyFile) could not be used with the certificate "
                    + "\(identity.certificateFile) (a PEM key without a passphrase is expected): \(reason).")
        }
    }

    deinit {
        SSL_SESSION_free(OpaquePointer(bitPattern: lastSession.withLock { $0 }))
        SSL_CTX_free(context)
    }
}
