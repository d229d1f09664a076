import COpenSSL
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import EventLoop

@Suite("TLS server")
struct TLSServerTests {
    private let files: TLSCertificateFiles
    private let context: TLSServerContext

    init() throws {
        let certificates = try Certificates.shared()
        files = TLSCertificateFiles(
            certificateFile: certificates.file("redis.pem"), keyFile: certificates.file("redis.key"))
        context = try TLSServerContext([files], minimumVersion: .tls12, ticketKeys: TLSTicketKeys())
    }

    private func pair(
        _ buffer: TLSRecordBuffer = TLSRecordBuffer(), step: Int = 1 << 17,
        configure: (_ context: OpaquePointer) -> Void = { _ in }
    ) throws -> (server: ByteStream, client: MemoryTLSClient) {
        let (server, wire) = try ByteStream.pair()
        try server.startTLS(context, buffer: buffer)
        let client = try MemoryTLSClient(wire, configure)
        try client.handshake(with: server, step: step)
        return (server, client)
    }

    private static func limit(_ version: Int32) -> (OpaquePointer) -> Void {
        { _ = SSL_CTX_ctrl($0, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil) }
    }

    /// Bytes of which no two places look alike.
    private static func pattern(_ count: Int, seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ seed &* 40_503) >> 7) }
    }

    /// Writes pieces until the socket takes no more. Returns how many bytes the stream has taken.
    private func fill(_ stream: ByteStream, _ bytes: [UInt8]) -> Int {
        var taken = 0
        while taken < bytes.count, case .wrote(let count) = stream.write(Array(bytes[taken...])) { taken += count }
        return taken
    }

    /// Writes the rest while the client reads, and returns what the client got.
    private func drain(_ stream: ByteStream, _ client: MemoryTLSClient, _ bytes: [UInt8], from taken: Int) -> [UInt8] {
        var received: [UInt8] = []
        var taken = taken
        for _ in 0..<10_000 where received.count < bytes.count {
            received += client.read()
            _ = stream.readOnce()
            if taken < bytes.count { taken += fill(stream, Array(bytes[taken...])) } else { _ = stream.flushTaken() }
        }
        return received
    }

    @Test("a handshake and messages whose bytes come one at a time", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func byteByByte(version: Int32) throws {
        let (server, client) = try pair(step: 1, configure: Self.limit(version))
        #expect(SSL_version(client.session) == version)
        SSL_write(client.session, Array("hello".utf8), 5)
        let sealed = client.takeOutput()
        var got: [UInt8] = []
        for byte in sealed {
            _ = client.wire.write([byte])
            got += server.readOnce().bytes
        }
        #expect(got == Array("hello".utf8))
        #expect(server.write("and back") == .wrote(8))
        #expect(client.read() == Array("and back".utf8))
        #expect(!server.hasUnsentOutput)
        #expect(server.interestNeeded == [])
    }

    @Test("what two sessions of one buffer have taken while their sockets were full arrives whole and unmixed")
    func sharedBuffer() throws {
        let buffer = TLSRecordBuffer()
        let (one, first) = try pair(buffer)
        let (other, second) = try pair(buffer)
        let texts = [Self.pattern(1_500_000, seed: 1), Self.pattern(1_500_000, seed: 2)]
        let takenByOne = fill(one, texts[0])
        let takenByOther = fill(other, texts[1])
        #expect(one.hasUnsentOutput && other.hasUnsentOutput)
        #expect(one.writeInterest == .write)
        #expect(takenByOne < texts[0].count && takenByOther < texts[1].count)
        #expect(drain(one, first, texts[0], from: takenByOne) == texts[0])
        #expect(drain(other, second, texts[1], from: takenByOther) == texts[1])
        #expect(!one.hasUnsentOutput && !other.hasUnsentOutput)
    }

    @Test("a client that asks for small records gets them, and a full socket loses nothing of them")
    func smallRecords() throws {
        let (server, client) = try pair {
            SSL_CTX_set_tlsext_max_fragment_length($0, UInt8(TLSEXT_max_fragment_length_512))
        }
        let text = Self.pattern(600_000, seed: 3)
        let taken = fill(server, text)
        #expect(taken < text.count)
        #expect(drain(server, client, text, from: taken) == text)
    }

    @Test("a peer that asks for new keys while its socket is full gets every byte, under them")
    func keyUpdate() throws {
        let (server, client) = try pair(configure: Self.limit(TLS1_3_VERSION))
        let text = Self.pattern(1_000_000, seed: 4)
        var taken = fill(server, text)
        #expect(SSL_key_update(client.session, SSL_KEY_UPDATE_REQUESTED) == 1)
        #expect(SSL_do_handshake(client.session) == 1)
        client.flush()
        #expect(server.readOnce().outcome == .wouldBlock)
        // Still full: nothing of these bytes may be taken and then forgotten.
        taken += fill(server, Array(text[taken...]))
        #expect(taken < text.count)
        #expect(drain(server, client, text, from: taken) == text)
        client.send(Array("and back".utf8))
        #expect(server.readOnce().bytes == Array("and back".utf8))
    }

    @Test("one that asks for them twice meanwhile has ended its connection, by OpenSSL's rules")
    func keyUpdates() throws {
        let (server, client) = try pair(configure: Self.limit(TLS1_3_VERSION))
        _ = fill(server, Self.pattern(1_000_000, seed: 5))
        var outcome = ReadOutcome.wouldBlock
        for _ in 0..<2 {
            #expect(SSL_key_update(client.session, SSL_KEY_UPDATE_REQUESTED) == 1)
            #expect(SSL_do_handshake(client.session) == 1)
            client.flush()
            outcome = server.readOnce().outcome
        }
        guard case .failed = outcome, case .failed = server.write("more") else {
            Issue.record("it goes on: \(outcome)")
            return
        }
    }

    @Test("an end is told by close_notify, both ways")
    func closeNotify() throws {
        let (server, client) = try pair()
        SSL_shutdown(client.session)
        client.flush()
        #expect(server.readOnce().outcome == .endOfStream)
        server.shutdownWrite()
        _ = client.read()
        #expect(SSL_get_shutdown(client.session) & SSL_RECEIVED_SHUTDOWN != 0)
    }

    @Test("renegotiation is refused, and the connection goes on")
    func renegotiation() throws {
        let (server, client) = try pair(configure: Self.limit(TLS1_2_VERSION))
        #expect(SSL_renegotiate(client.session) == 1)
        SSL_do_handshake(client.session)
        client.flush()
        #expect(server.readOnce().outcome == .wouldBlock)
        #expect(server.write("still here") == .wrote(10))
        client.receive()
        #expect(SSL_do_handshake(client.session) != 1)
        // OpenSSL's client takes the refusal for an error; the server has not.
        #expect(server.readOnce().outcome == .wouldBlock)
    }

    @Test("what is not TLS fails the handshake, and can be read as it is then")
    func garbage() throws {
        let (server, wire) = try ByteStream.pair()
        #expect(server.peekFirstByte() == .wouldBlock)
        let garbage = [0x16, 3, 1, 0, 5] + Array("hello".utf8)
        #expect(wire.write(garbage) == .wrote(10))
        #expect(server.peekFirstByte() == .byte(ByteStream.firstByteOfTLS))
        try server.startTLS(context, buffer: TLSRecordBuffer())
        guard case .failed(let sentence) = server.finishConnecting() else {
            Issue.record("the handshake did not fail")
            return
        }
        #expect(sentence.hasPrefix("The TLS handshake with the peer failed: "))
        server.leaveTLS()
        // An alert: level fatal.
        #expect(wire.readOnce().bytes.prefix(2) == [0x15, 3])
        #expect(wire.write("rest") == .wrote(4))
        #expect(server.readOnce().bytes == Array("rest".utf8))
        wire.close()
        #expect(server.peekFirstByte() == .endOfStream)
    }

    // MARK: Tickets

    @Test("a ticket is good for two lifetimes of its key at the most, whatever is asked for in between")
    func ticketKeys() {
        let clock = SharedClock()
        let keys = TLSTicketKeys { clock.now }
        let hour: Int64 = 3_600_000
        func opens(_ key: TLSTicketKeys.Key) -> Bool { key.name.withUnsafeBytes { keys.opening($0) } != nil }
        let first = keys.sealing()
        clock.advance(milliseconds: 2 * hour - 1)
        #expect(keys.sealing().name == first.name)
        clock.advance(milliseconds: 1)
        let second = keys.sealing()
        #expect(second.name != first.name && second.encryption != first.encryption)
        #expect(opens(first) && opens(second))
        clock.advance(milliseconds: 2 * hour - 1)
        #expect(opens(first) && opens(second))
        clock.advance(milliseconds: 1)
        #expect(!opens(first) && opens(second))
        // Nobody asked for a long time: the key of before is too old, and not the previous one.
        clock.advance(milliseconds: 4 * hour)
        #expect(!opens(second))
        #expect(Array("unknown name, 16".utf8).withUnsafeBytes { keys.opening($0) } == nil)
    }

    @Test("a session goes on with the next key, and not any more when that is gone too")
    func resumption() throws {
        let clock = SharedClock()
        let server = try TLSServerContext([files], minimumVersion: .tls12, ticketKeys: TLSTicketKeys { clock.now })
        var session: OpaquePointer?
        defer { SSL_SESSION_free(session) }
        func connect() throws -> Bool {
            let (stream, wire) = try ByteStream.pair()
            try stream.startTLS(server, buffer: TLSRecordBuffer())
            let client = try MemoryTLSClient(wire, Self.limit(TLS1_2_VERSION))
            if let session { SSL_set_session(client.session, session) }
            try client.handshake(with: stream)
            if session == nil { session = SSL_get1_session(client.session) }
            #expect(stream.isResumed == (SSL_session_reused(client.session) == 1))
            return stream.isResumed
        }
        #expect(try !connect())
        #expect(try connect())
        clock.advance(milliseconds: 7_200_000)
        #expect(try connect())
        clock.advance(milliseconds: 7_200_000)
        #expect(try !connect())
    }

    // MARK: Files

    @Test("everything that is wrong with the files is told at once, by their names")
    func problems() throws {
        let directory = try Certificates.shared().directory
        let other = "\(directory)/other.key"
        let wrong = [
            TLSCertificateFiles(certificateFile: "/nowhere/a.pem", keyFile: "/nowhere/a.key"),
            TLSCertificateFiles(certificateFile: files.certificateFile, keyFile: other),
            TLSCertificateFiles(certificateFile: files.keyFile, keyFile: files.certificateFile),
            TLSCertificateFiles(certificateFile: directory, keyFile: files.keyFile),
        ]
        do throws(TLSProblems) {
            _ = try TLSServerContext([files] + wrong, minimumVersion: .tls12, ticketKeys: TLSTicketKeys())
            Issue.record("no problem was found")
        } catch {
            let expected = [
                "The certificate file /nowhere/a.pem could not be read: No such file or directory",
                "The key file /nowhere/a.key could not be read: No such file or directory",
                "The key file \(other) does not belong to the certificate in \(files.certificateFile)",
                "The certificate file \(files.keyFile) could not be read (PEM certificates are expected): it holds no certificate.",
                "The key file \(files.certificateFile) could not be read (a PEM key is expected): it holds no private key that OpenSSL knows.",
                "The certificate file \(directory) could not be read: Is a directory",
            ]
            #expect(error.sentences.count == expected.count)
            for (sentence, text) in zip(error.sentences, expected) { #expect(sentence.hasPrefix(text)) }
        }
    }
}

/// A clock for several threads that moves when told.
private final class SharedClock: Sendable {
    private let milliseconds = Atomic<Int64>(1_000_000)

    var now: MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: milliseconds.load(ordering: .relaxed))
    }

    func advance(milliseconds count: Int64) { milliseconds.add(count, ordering: .relaxed) }
}
