import CKernelTLS
import COpenSSL
import Glibc

/// Encryption by the kernel (Linux' Documentation/networking/tls.rst): whether it can be had at all. It is OpenSSL that begins it
/// for a connection, by way of ``TLSSocketBIO``. For any thread.
enum KernelTLS {
    /// Whether it can be had. The kernel may load its module for the question, if the process has the right to ask for that:
    /// not to be tried for each connection.
    static var isAvailable: Bool { isInOpenSSL && isInKernel }

    /// OpenSSL is built with it, as by Debian, or without, and nothing says so but what a BIO of its own does: with it, to be
    /// told the kind of the next record sets a flag.
    private static var isInOpenSSL: Bool {
        guard let bio = BIO_new(BIO_s_socket()) else { return false }
        defer { BIO_free(bio) }
        _ = BIO_ctrl(bio, Int32(sluice_BIO_CTRL_SET_KTLS_RECORD_TYPE), Int(SSL3_RT_ALERT), nil)
        return BIO_test_flags(bio, Int32(sluice_BIO_FLAGS_KTLS_RECORD_TYPE)) != 0
    }

    /// A socket without a connection is refused, but for that reason only where there is something to refuse.
    private static var isInKernel: Bool {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return false }
        let probe = Descriptor(owning: number)
        return sluice_ktls_attach(probe.rawValue) == 0 || errno == ENOTCONN
    }
}
