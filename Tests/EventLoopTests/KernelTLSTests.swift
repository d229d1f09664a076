import COpenSSL
import TestSupport
import Testing

@testable import EventLoop

/// Where the kernel has no TLS (or its module is not loaded) these show that OpenSSL does the same without it.
@Suite("Encryption by the kernel")
struct KernelTLSTests {
    struct Cipher: CustomTestStringConvertible, Sendable {
        var version: Int32
        var name: String
        var testDescription: String { name }

        static let all = [
            Cipher(version: TLS1_3_VERSION, name: "TLS_AES_128_GCM_SHA256"),
            Cipher(version: TLS1_3_VERSION, name: "TLS_AES_256_GCM_SHA384"),
            Cipher(version: TLS1_3_VERSION, name: "TLS_CHACHA20_POLY1305_SHA256"),
            Cipher(version: TLS1_2_VERSION, name: "ECDHE+AES128+AESGCM"),
            Cipher(version: TLS1_2_VERSION, name: "ECDHE+AES256+AESGCM"),
            Cipher(version: TLS1_2_VERSION, name: "ECDHE+CHACHA20"),
        ]

        func configure(_ context: OpaquePointer) {
            _ = SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
            if version == TLS1_3_VERSION {
                SSL_CTX_set_ciphersuites(context, name)
            } else {
                SSL_CTX_set_cipher_list(context, name)
            }
        }
    }

    private func context(allowsKernel: Bool = true) throws -> TLSServerContext {
        let certificates = try Certificates.shared()
        let files = TLSCertificateFiles(
            certificateFile: certificates.file("redis.pem"), keyFile: certificates.file("redis.key"))
        return try TLSServerContext(
            [files], minimumVersion: .tls12, ticketKeys: TLSTicketKeys(), allowsKernel: allowsKernel)
    }

    /// Over TCP: the kernel encrypts on no other socket.
    private func pair(
        _ context: TLSServerContext, _ cipher: Cipher = Cipher.all[0], resuming session: OpaquePointer? = nil
    ) throws -> (server: ByteStream, client: MemoryTLSClient) {
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
        let wire = try ByteStream.connect(to: listener.localAddress)
        #expect(finishConnecting(wire) == .connected)
        try #require(waitUntilReady(listener.descriptor, for: .read))
        guard case .accepted(let server, _) = listener.accept() else { throw Failure("nobody was accepted") }
        try server.startTLS(context, buffer: TLSRecordBuffer())
        let client = try MemoryTLSClient(wire, cipher.configure)
        if let session { SSL_set_session(client.session, session) }
        try client.handshake(with: server)
        return (server, client)
    }

    private func read(_ client: MemoryTLSClient, atLeast count: Int) -> [UInt8] {
        var received: [UInt8] = []
        while received.count < count, waitUntilReady(client.wire.descriptor, for: .read) {
            let bytes = client.read()
            if bytes.isEmpty, SSL_get_shutdown(client.session) & SSL_RECEIVED_SHUTDOWN != 0 { break }
            received += bytes
        }
        return received
    }

    @Test(
        "what is written arrives whole and in order, over full sockets too, and its end is told", arguments: Cipher.all)
    func whole(cipher: Cipher) throws {
        let context = try context()
        let (server, client) = try pair(context, cipher)
        #expect(server.isEncryptedByKernel == context.usesKernel)
        let text = (0..<6_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9) }
        var taken = 0
        var wasFull = false
        var received: [UInt8] = []
        while taken < text.count {
            switch server.write(Array(text[taken..<min(taken + 700_000, text.count)])) {
            case .wrote(let count):
                taken += count
            case .wouldBlock:
                wasFull = true
                received += read(client, atLeast: 1)
                _ = server.flushTaken()
            case .failed(let error):
                throw error
            }
        }
        while server.hasUnsentOutput {
            received += read(client, atLeast: 1)
            _ = server.flushTaken()
        }
        received += read(client, atLeast: text.count - received.count)
        #expect(wasFull)
        #expect(received == text)
        client.send(Array("and back".utf8))
        #expect(server.readAll(atMost: 8).bytes == Array("and back".utf8))
        server.shutdownWrite()
        #expect(read(client, atLeast: 1) == [])
        #expect(SSL_get_shutdown(client.session) & SSL_RECEIVED_SHUTDOWN != 0)
    }

    @Test("a session is resumed by the ticket that came through the kernel")
    func ticket() throws {
        let context = try context()
        let (first, client) = try pair(context)
        #expect(first.write("hello") == .wrote(5))
        #expect(read(client, atLeast: 5) == Array("hello".utf8))
        let session = try #require(SSL_get1_session(client.session))
        defer { SSL_SESSION_free(session) }
        let (second, again) = try pair(context, resuming: session)
        #expect(second.isResumed && SSL_session_reused(again.session) == 1)
        #expect(second.isEncryptedByKernel == context.usesKernel)
        #expect(second.write("hello") == .wrote(5))
        #expect(read(again, atLeast: 5) == Array("hello".utf8))
    }

    @Test("it is not asked when it may not")
    func off() throws {
        let context = try context(allowsKernel: false)
        #expect(!context.usesKernel)
        let (server, client) = try pair(context)
        #expect(!server.isEncryptedByKernel)
        #expect(server.write("hello") == .wrote(5))
        #expect(read(client, atLeast: 5) == Array("hello".utf8))
    }

    @Test(
        "a peer that asks for new keys gets them from OpenSSL; from the kernel it gets nothing more, and who looks is told why"
    )
    func keyUpdate() throws {
        let context = try context()
        let (server, client) = try pair(context)
        #expect(SSL_key_update(client.session, SSL_KEY_UPDATE_REQUESTED) == 1)
        #expect(SSL_do_handshake(client.session) == 1)
        client.send(Array("under new keys".utf8))
        #expect(server.readAll(atMost: 14).bytes == Array("under new keys".utf8))
        guard context.usesKernel else {
            #expect(server.write("hello") == .wrote(5))
            #expect(read(client, atLeast: 5) == Array("hello".utf8))
            return
        }
        for _ in 0..<2 {
            guard case .failed(let error) = server.write("hello") else {
                Issue.record("it was sent under the old keys")
                return
            }
            #expect(error.code == EPROTO && error.operation.contains("tls.kernel"))
        }
    }
}
