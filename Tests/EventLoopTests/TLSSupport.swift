import COpenSSL
import Glibc
import TestSupport

@testable import EventLoop

/// A TLS server on a blocking socket and a thread of its own, for one connection.
final class TLSTestServer {
    let address: SocketAddress
    private let thread: LoopThread

    /// - Parameter serve: called with the session after its handshake, also when that failed.
    init(
        maxVersion: Int32 = TLS1_3_VERSION, receiveBuffer: Int32? = nil,
        serve: @escaping @Sendable (_ session: OpaquePointer, _ descriptor: Int32, _ accepted: Bool) -> Void
    ) throws {
        Signals.ignoreBrokenPipe()
        let certificates = try Certificates.shared()
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
        address = listener.localAddress
        if let receiveBuffer { _ = SocketOptions.set(listener.descriptor, SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        thread = try LoopThread.start(name: "TLS server") {
            guard waitUntilReady(listener.descriptor, for: .read), case .accepted(let stream, _) = listener.accept()
            else { return }
            let flags = fcntl(stream.descriptor, F_GETFL)
            _ = fcntl(stream.descriptor, F_SETFL, flags & ~O_NONBLOCK)
            // Blocking, but not for ever: a test that goes wrong must come to its end.
            var limit = timeval(tv_sec: Int(patience / 1000), tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            _ = setsockopt(stream.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
            _ = setsockopt(stream.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
            let context = SSL_CTX_new(TLS_server_method())
            defer { SSL_CTX_free(context) }
            SSL_CTX_use_certificate_chain_file(context, certificates.file("redis.pem"))
            SSL_CTX_use_PrivateKey_file(context, certificates.file("redis.key"), SSL_FILETYPE_PEM)
            let session = SSL_new(context)
            defer { SSL_free(session) }
            guard let session else { return }
            if maxVersion != TLS1_3_VERSION {
                _ = SSL_ctrl(session, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(maxVersion), nil)
                // A client that wants more than the server has is the point; the security level is not.
                SSL_set_security_level(session, 0)
            }
            SSL_set_fd(session, stream.descriptor)
            serve(session, stream.descriptor, SSL_accept(session) == 1)
        }
    }

    func join() {
        thread.join()
    }

    /// Sends everything back until the client ends, then ends too.
    static func echo(_ session: OpaquePointer, _ descriptor: Int32, _ accepted: Bool) {
        guard accepted else { return }
        var buffer = [UInt8](repeating: 0, count: 20_000)
        var count = SSL_read(session, &buffer, Int32(buffer.count))
        while count > 0 {
            guard SSL_write(session, buffer, count) == count else { return }
            count = SSL_read(session, &buffer, Int32(buffer.count))
        }
        SSL_shutdown(session)
    }
}
