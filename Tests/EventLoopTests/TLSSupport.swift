import COpenSSL
import Foundation
import Glibc
import Testing

@testable import EventLoop

/// Certificates made with the `openssl` command, once for all tests of the process: a CA, another CA, and a server's
/// certificate by the first for `redis.test`, `*.wild.test` and 127.0.0.1.
struct TestCertificates: Sendable {
    let directory: String

    var authority: String { "\(directory)/ca.pem" }
    var otherAuthority: String { "\(directory)/other.pem" }
    var server: String { "\(directory)/server.pem" }
    var serverKey: String { "\(directory)/server.key" }

    static let shared = Result { try TestCertificates() }

    private init() throws {
        directory = NSTemporaryDirectory() + "eventloop-tls-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in ["ca", "other"] {
            try run(
                ["req", "-x509", "-days", "2", "-subj", "/CN=Test \(name)", "-keyout", "\(name).key"]
                    + ["-out", "\(name).pem"] + newKey)
        }
        let names = "subjectAltName=DNS:redis.test,DNS:*.wild.test,IP:127.0.0.1"
        try run(
            ["req", "-subj", "/CN=redis.test", "-addext", names, "-keyout", "server.key", "-out", "server.csr"] + newKey
        )
        try run(
            ["x509", "-req", "-days", "2", "-copy_extensions", "copyall", "-in", "server.csr", "-CA", "ca.pem"]
                + ["-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem"])
        let directory = directory
        Self.removedAtExit = strdup(directory)
        atexit {
            guard let path = TestCertificates.removedAtExit else { return }
            try? FileManager.default.removeItem(atPath: String(cString: path))
        }
    }

    /// Written once, by the one initialisation of `shared`; read at exit.
    nonisolated(unsafe) private static var removedAtExit: UnsafeMutablePointer<CChar>?

    private func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " ")): \(text)")
    }
}

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
        let certificates = try TestCertificates.shared.get()
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
            SSL_CTX_use_certificate_chain_file(context, certificates.server)
            SSL_CTX_use_PrivateKey_file(context, certificates.serverKey, SSL_FILETYPE_PEM)
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
