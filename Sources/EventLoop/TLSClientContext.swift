import COpenSSL

/// What all TLS connections of a client have in common: TLS 1.2 or later, and the authorities it trusts.
///
/// `@unchecked Sendable`: the OpenSSL context is not changed after `init`, and OpenSSL counts references to it and
/// guards its session cache with locks of its own, so sessions may be made from it on several threads at once.
public final class TLSClientContext: @unchecked Sendable {
    let context: OpaquePointer
    /// Whether the certificate must be for the name that is connected to. Its chain is checked in any case.
    public let verifyHostname: Bool

    /// - Parameters:
    ///   - caFile: PEM file of the certificates to trust; `nil` for those of the system.
    ///   - verifyHostname: `false` accepts a certificate for another name (as Node's `checkServerIdentity: () =>
    ///     undefined`); one that no trusted authority has signed is refused all the same.
    public init(caFile: String?, verifyHostname: Bool) throws(TLSError) {
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
        _ = sluice_SSL_CTX_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }

    deinit {
        SSL_CTX_free(context)
    }
}
