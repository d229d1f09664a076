import COpenSSL
import Glibc
import TestSupport
import Testing

@testable import EventLoop

@Suite("TLS client")
struct TLSTests {
    private let certificates: Certificates

    init() throws {
        certificates = try Certificates.shared()
    }

    private func connect(
        _ server: TLSTestServer, name: String, caFile: String? = nil, verifyHostname: Bool = true
    ) throws -> (ByteStream, ByteStream.ConnectProgress) {
        let context = try TLSClientContext(
            caFile: caFile ?? certificates.authority, verifyHostname: verifyHostname)
        let stream = try ByteStream.connect(to: server.address, tls: context, serverName: name)
        #expect(stream.readOnce().outcome == .wouldBlock)
        #expect(stream.write("too early") == .wouldBlock)
        return (stream, finishConnecting(stream))
    }

    @Test(
        "a certificate for the name, by the CA, is accepted, and bytes go both ways",
        arguments: ["redis.test", "REDIS.test", "redis.test.", "any.wild.test", "127.0.0.1"],
        [TLS1_2_VERSION, TLS1_3_VERSION])
    func accepted(name: String, version: Int32) throws {
        let server = try TLSTestServer(maxVersion: version, serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: name)
        #expect(progress == .connected)
        #expect(stream.finishConnecting() == .connected)
        #expect(stream.write("hello") == .wrote(5))
        #expect(stream.readAll(atMost: 5).bytes == Array("hello".utf8))
        stream.shutdownWrite()
        #expect(stream.readAll().end == .endOfStream)
        server.join()
    }

    @Test("the server is told the name (SNI), but never an address", arguments: ["redis.test", "127.0.0.1"])
    func serverName(name: String) throws {
        let box = ResultBox<String?>()
        let server = try TLSTestServer { session, _, _ in
            let name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name)
            box.set(.success(name.map { String(cString: $0) }))
        }
        let (stream, progress) = try connect(server, name: name)
        #expect(progress == .connected)
        stream.close()
        server.join()
        #expect(try box.get() == (name == "redis.test" ? name : nil))
    }

    @Test(
        "a certificate for another name is refused with a sentence",
        arguments: ["other.test", "redis.test.example", "a.b.wild.test", "127.0.0.2", "::1"])
    func wrongName(name: String) throws {
        let server = try TLSTestServer(serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: name)
        guard case .failed(let sentence) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(sentence.contains("\(server.address)") && sentence.contains("certificate is not for \(name)"))
        #expect(stream.readOnce().outcome == .failed(SystemError(operation: "read", code: ENOTCONN)))
        stream.close()
        server.join()
    }

    @Test("without the check of names any name will do", arguments: ["other.test", "127.0.0.2"])
    func anyName(name: String) throws {
        let server = try TLSTestServer(serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: name, verifyHostname: false)
        #expect(progress == .connected)
        stream.close()
        server.join()
    }

    @Test("a certificate by an unknown CA is refused, also without the check of names", arguments: [true, false])
    func unknownAuthority(verifyHostname: Bool) throws {
        for caFile in [certificates.otherAuthority, nil] {
            let server = try TLSTestServer(serve: TLSTestServer.echo)
            let context = try TLSClientContext(caFile: caFile, verifyHostname: verifyHostname)
            let stream = try ByteStream.connect(to: server.address, tls: context, serverName: "redis.test")
            guard case .failed(let sentence) = finishConnecting(stream) else {
                Issue.record("it was accepted")
                return
            }
            #expect(sentence.contains("certificate was not accepted: unable to get local issuer certificate"))
            stream.close()
            server.join()
        }
    }

    @Test("TLS 1.1 is refused")
    func oldVersion() throws {
        let server = try TLSTestServer(maxVersion: TLS1_1_VERSION, serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: "redis.test")
        guard case .failed(let sentence) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(sentence.contains("TLS handshake with \(server.address) failed: "))
        stream.close()
        server.join()
    }

    @Test("a server that does not speak TLS, or hangs up, is named as such")
    func noTLS() throws {
        for (answer, expected) in [("-ERR what?\r\n-ERR what?\r\n", "does the server speak TLS"), ("", "closed")] {
            let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
            let context = try TLSClientContext(caFile: certificates.authority, verifyHostname: true)
            let stream = try ByteStream.connect(to: listener.localAddress, tls: context, serverName: "redis.test")
            #expect(waitUntilReady(listener.descriptor, for: .read))
            guard case .accepted(let server, _) = listener.accept() else {
                Issue.record("nothing was accepted")
                return
            }
            #expect(waitUntilReady(stream.descriptor, for: .write))
            #expect(stream.finishConnecting() == .inProgress(interest: .read))
            #expect(stream.interestNeeded == .read)
            #expect(waitUntilReady(server.descriptor, for: .read))
            _ = server.readOnce()
            #expect(server.write(answer) == .wrote(answer.utf8.count))
            server.shutdownWrite()
            guard case .failed(let sentence) = finishConnecting(stream) else {
                Issue.record("it connected")
                return
            }
            #expect(sentence.contains(expected))
        }
    }

    @Test("a refused connection is told before any TLS")
    func refused() throws {
        let port: UInt16
        do {
            let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
            port = listener.localPort
        }
        let context = try TLSClientContext(caFile: certificates.authority, verifyHostname: true)
        let stream = try ByteStream.connect(
            to: SocketAddress(literal: "127.0.0.1", port: port)!, tls: context, serverName: "redis.test")
        let expected = "Connecting to 127.0.0.1:\(port) failed: Connection refused (errno 111)."
        #expect(finishConnecting(stream) == .failed(expected))
    }

    @Test("3 MB in slices go through an echo unchanged, whatever the socket takes at a time")
    func bulk() throws {
        let server = try TLSTestServer(receiveBuffer: 8_192, serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        var random = SeededGenerator(state: 9)
        let sent = (0..<3_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        var offset = 0
        var received: [UInt8] = []
        var blocked = false
        #expect(SocketOptions.set(stream.descriptor, SOL_SOCKET, SO_SNDBUF, 8_192))
        let loop = try EventLoop()
        let handler = Recorder()
        let registration = try loop.register(stream.descriptor, interest: [.read, .write], handler: handler)
        func step() {
            reading: while true {
                let (outcome, bytes) = stream.readOnce(atMost: 7_000)
                received += bytes
                switch outcome {
                case .bytes: continue
                case .wouldBlock:
                    #expect(!stream.hasBufferedInput)
                    break reading
                case .endOfStream, .failed:
                    Issue.record("\(outcome)")
                    break reading
                }
            }
            if offset < sent.count {
                let outcome = sent.withUnsafeBytes { raw -> WriteOutcome in
                    var slices: [iovec] = []
                    var start = offset
                    while start < sent.count && slices.count < 200 {
                        let length = min(Int.random(in: 0...2_000, using: &random), sent.count - start)
                        slices.append(
                            iovec(
                                iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress! + start), iov_len: length))
                        start += length
                    }
                    return slices.withUnsafeBufferPointer { stream.write(gathering: $0) }
                }
                switch outcome {
                case .wrote(let count): offset += count
                case .wouldBlock: break
                case .failed(let error): Issue.record("\(error)")
                }
            }
            blocked = blocked || stream.interestNeeded.contains(.write)
            let own: Interest = offset < sent.count ? [.read, .write] : .read
            loop.modify(registration, interest: own.union(stream.interestNeeded))
        }
        handler.action = { _ in step() }
        #expect(turns(loop, until: { received.count >= sent.count }))
        #expect(received == sent)
        #expect(blocked)
        #expect(stream.interestNeeded == [])
        loop.deregister(registration)
        stream.close()
        server.join()
    }

    @Test("a record that was taken but not sent asks for writability, and goes out by reading alone")
    func unsentRecord() throws {
        // The server reads nothing until it is told to, then all.
        let go = ResultBox<Bool>()
        let counted = ResultBox<Int>()
        let server = try TLSTestServer(receiveBuffer: 4_096) { session, _, _ in
            let end = MonotonicTime.now().advanced(byMilliseconds: patience)
            while (try? go.get()) == nil && MonotonicTime.now() < end { sched_yield() }
            var buffer = [UInt8](repeating: 0, count: 20_000)
            var total = 0
            var count = SSL_read(session, &buffer, Int32(buffer.count))
            while count > 0 {
                total += Int(count)
                // A byte 0 is the last.
                if buffer[Int(count) - 1] == 0 { break }
                count = SSL_read(session, &buffer, Int32(buffer.count))
            }
            counted.set(.success(total))
            SSL_write(session, "ok", 2)
            SSL_shutdown(session)
        }
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        var total = 0
        let block = [UInt8](repeating: 0x61, count: 15_000) + [0x62]
        while !stream.interestNeeded.contains(.write) {
            guard case .wrote(let count) = stream.write(block) else { break }
            total += count
        }
        #expect(stream.interestNeeded == .write)
        #expect(stream.write("not now") == .wouldBlock)
        go.set(.success(true))
        // As a user does who has nothing more to write: on readiness it only reads.
        while stream.interestNeeded.contains(.write) {
            try #require(waitUntilReady(stream.descriptor, for: .write))
            #expect(stream.readOnce().outcome == .wouldBlock)
        }
        #expect(stream.write([0]) == .wrote(1))
        #expect(stream.readAll().bytes == Array("ok".utf8))
        server.join()
        #expect(try counted.get() == total + 1)
    }

    @Test("a change of keys by the server in the middle does not disturb the stream")
    func keyUpdate() throws {
        let server = try TLSTestServer { session, _, accepted in
            guard accepted else { return }
            for _ in 0..<5 {
                SSL_write(session, "before", 6)
                SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED)
                SSL_write(session, "after", 5)
            }
            var buffer = [UInt8](repeating: 0, count: 100)
            _ = SSL_read(session, &buffer, 100)
            SSL_shutdown(session)
        }
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        #expect(stream.readAll(atMost: 55).bytes == Array(String(repeating: "beforeafter", count: 5).utf8))
        #expect(stream.write("x") == .wrote(1))
        #expect(stream.readAll().end == .endOfStream)
        server.join()
    }

    @Test("bytes that were decrypted but not read are announced by hasBufferedInput")
    func bufferedInput() throws {
        let server = try TLSTestServer(serve: TLSTestServer.echo)
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        #expect(stream.write("0123456789") == .wrote(10))
        var bytes = stream.readOnce(atMost: 4).bytes
        while bytes.isEmpty {
            try #require(waitUntilReady(stream.descriptor, for: .read))
            bytes = stream.readOnce(atMost: 4).bytes
        }
        #expect(bytes == Array("0123".utf8))
        #expect(stream.hasBufferedInput)
        #expect(stream.readOnce(atMost: 6).bytes == Array("456789".utf8))
        #expect(!stream.hasBufferedInput)
        #expect(stream.readOnce().outcome == .wouldBlock)
        stream.close()
        server.join()
    }

    @Test("an end that was met behind bytes is announced, though the socket stays open and silent")
    func endBehindBytes() throws {
        let said = ResultBox<Bool>()
        let go = ResultBox<Bool>()
        let server = try TLSTestServer { session, _, accepted in
            guard accepted else { return }
            SSL_write(session, "last", 4)
            SSL_shutdown(session)
            said.set(.success(true))
            // Longer than the client waits: closing would announce the end after all.
            let end = MonotonicTime.now().advanced(byMilliseconds: 2 * patience)
            while (try? go.get()) == nil && MonotonicTime.now() < end { sched_yield() }
        }
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        // So that both are there for one read.
        let end = MonotonicTime.now().advanced(byMilliseconds: patience)
        while (try? said.get()) == nil && MonotonicTime.now() < end { sched_yield() }
        #expect(stream.readAll(atMost: 4).bytes == Array("last".utf8))
        #expect(stream.hasBufferedInput || waitUntilReady(stream.descriptor, for: .read))
        #expect(stream.readOnce().outcome == .endOfStream)
        #expect(!stream.hasBufferedInput)
        go.set(.success(true))
        server.join()
    }

    @Test("an end without close_notify is a failure, after the bytes before it, and stays one")
    func truncation() throws {
        let server = try TLSTestServer { session, descriptor, accepted in
            guard accepted else { return }
            SSL_write(session, "cut", 3)
            shutdown(descriptor, Int32(SHUT_WR))
        }
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        let (end, bytes) = stream.readAll()
        #expect(bytes == Array("cut".utf8))
        let expected = SystemError(operation: "TLS read (the peer ended without close_notify)", code: ECONNRESET)
        #expect(end == .failed(expected))
        #expect(stream.readOnce().outcome == .failed(expected))
        #expect(stream.write("x") == .failed(expected))
        server.join()
    }

    @Test("bytes that are no TLS record are a failure that says so")
    func garbage() throws {
        let server = try TLSTestServer { session, descriptor, accepted in
            guard accepted else { return }
            _ = send(descriptor, "GET / HTTP/1.1\r\n\r\n", 18, 0)
        }
        let (stream, progress) = try connect(server, name: "redis.test")
        #expect(progress == .connected)
        guard case .failed(let error) = stream.readAll().end else {
            Issue.record("it was read")
            return
        }
        #expect(error.code == EPROTO && error.operation.hasPrefix("TLS read ("))
        server.join()
    }

    @Test("a CA file that is missing or holds no certificate is an error that names it")
    func badAuthorityFile() throws {
        for path in ["/nonexistent/ca.pem", "/dev/null", certificates.serverKey] {
            do throws(TLSError) {
                _ = try TLSClientContext(caFile: path, verifyHostname: true)
                Issue.record("\(path) was accepted")
            } catch {
                #expect("\(error)".contains("The CA file \(path) could not be loaded"))
            }
        }
    }

    @Test("an empty or impossible server name is refused", arguments: ["", "a\0b", String(repeating: "x", count: 300)])
    func badServerName(name: String) throws {
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
        let context = try TLSClientContext(caFile: certificates.authority, verifyHostname: true)
        do throws(SystemError) {
            _ = try ByteStream.connect(to: listener.localAddress, tls: context, serverName: name)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == EINVAL)
        }
    }

    @Test("one context serves several threads at once")
    func severalThreads() throws {
        let context = try TLSClientContext(caFile: certificates.authority, verifyHostname: true)
        let servers = try (0..<4).map { _ in try TLSTestServer(serve: TLSTestServer.echo) }
        let boxes = servers.map { _ in ResultBox<[UInt8]>() }
        let threads = try zip(servers.map(\.address), boxes).map { address, box in
            try LoopThread.start(name: "TLS client") {
                box.set(
                    Result {
                        let stream = try ByteStream.connect(to: address, tls: context, serverName: "redis.test")
                        guard finishConnecting(stream) == .connected else { return [] }
                        _ = stream.write("hello")
                        return stream.readAll(atMost: 5).bytes
                    })
            }
        }
        for thread in threads { thread.join() }
        for server in servers { server.join() }
        for box in boxes { #expect(try box.get() == Array("hello".utf8)) }
    }
}
