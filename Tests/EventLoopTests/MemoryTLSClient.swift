import COpenSSL
import Glibc

@testable import EventLoop

/// A TLS client whose bytes a test carries to and fro: OpenSSL over memory, and one end of a pair of sockets.
final class MemoryTLSClient {
    let session: OpaquePointer
    private let context: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    let wire: ByteStream

    struct Failed: Error {
        let what: String
    }

    /// - Parameters:
    ///   - wire: the other end of the server's stream.
    ///   - configure: called before the session is made.
    init(_ wire: ByteStream, _ configure: (_ context: OpaquePointer) -> Void = { _ in }) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Failed(what: "SSL_CTX_new") }
        configure(context)
        guard let session = SSL_new(context), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else { throw Failed(what: "SSL_new") }
        (self.context, self.session, self.incoming, self.outgoing) = (context, session, incoming, outgoing)
        self.wire = wire
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_connect_state(session)
    }

    deinit {
        // Its session stays resumable.
        SSL_set_shutdown(session, SSL_SENT_SHUTDOWN)
        SSL_free(session)
        SSL_CTX_free(context)
    }

    /// What the session wants to send.
    func takeOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 17)
        let count = BIO_read(outgoing, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(max(Int(count), 0)))
    }

    /// Gives the session what has come, as much as is there.
    func receive() {
        while true {
            let (outcome, bytes) = wire.readOnce()
            guard case .bytes = outcome else { return }
            BIO_write(incoming, bytes, Int32(bytes.count))
        }
    }

    /// Carries bytes until both sides have finished their handshakes, at most `step` at a time.
    func handshake(with server: ByteStream, step: Int = 1 << 17) throws {
        var isDone = (client: false, server: false)
        for _ in 0..<20_000 where !(isDone.client && isDone.server) {
            ERR_clear_error()
            isDone.client = SSL_do_handshake(session) == 1
            let output = takeOutput()
            for start in stride(from: 0, to: output.count, by: step) {
                _ = wire.write(Array(output[start..<min(start + step, output.count)]))
                isDone.server = try goOn(server)
            }
            if output.isEmpty { isDone.server = try goOn(server) }
            receive()
        }
        guard isDone.client, isDone.server else { throw Failed(what: "the handshake does not come to its end") }
    }

    private func goOn(_ server: ByteStream) throws -> Bool {
        switch server.finishConnecting() {
        case .connected: return true
        case .inProgress: return false
        case .failed(let sentence): throw Failed(what: sentence)
        }
    }

    /// Encrypts bytes and sends them.
    func send(_ bytes: [UInt8]) {
        SSL_write(session, bytes, Int32(bytes.count))
        flush()
    }

    func flush() { _ = wire.write(takeOutput()) }

    /// What has come and is whole, decrypted.
    func read() -> [UInt8] {
        receive()
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 20_000)
        while true {
            ERR_clear_error()
            let count = SSL_read(session, &buffer, Int32(buffer.count))
            guard count > 0 else { return result }
            result += buffer[..<Int(count)]
        }
    }
}
