import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Issue 5: what a TLS client agrees on with the gateway, asked with `openssl s_client` and `curl`.
@Suite("TLS handshakes")
struct TLSHandshakeTests {
    @Test("TLS 1.2 and 1.3 are spoken, with forward secrecy, and nothing older")
    func versions() throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let said = try gateway.client(option)
            #expect(said.contains("New, \(version), Cipher is "), "\(said)")
            #expect(said.contains("Verification: OK"))
            #expect(said.contains("200 OK"))
        }
        let old = try gateway.client("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        #expect(old.contains("alert protocol version"), "\(old)")
        let weak = try gateway.client("-tls1_2", "-cipher", "AES128-SHA:ECDHE-ECDSA-AES128-SHA")
        #expect(weak.contains("alert handshake failure"), "\(weak)")
        try eventually("both are counted") { try gateway.figures().figures.handshakesRefused["tls"] == 2 }
    }

    @Test(
        "handshakes are counted by who encrypts, and with tls.kernel: false that is OpenSSL", arguments: [true, false])
    func encryption(kernel: Bool) throws {
        let gateway = try TestGateway.secure(try RedisProcess()) { $0.tls.kernel = kernel }
        for _ in 0..<3 { #expect(try gateway.client().contains("200 OK")) }
        let figures = try gateway.figures().figures
        #expect(figures.tlsHandshakesKernel + figures.tlsHandshakesOpenSSL == 3)
        #expect(kernel || figures.tlsHandshakesOpenSSL == 3)
    }

    @Test("with tls.minimumVersion 1.3 a client of 1.2 is refused")
    func minimumVersion() throws {
        let gateway = try TestGateway.secure(try RedisProcess()) { $0.tls.minimumVersion = .tls13 }
        #expect(try gateway.client("-tls1_2").contains("alert protocol version"))
        #expect(try gateway.client("-tls1_3").contains("200 OK"))
    }

    @Test("of the protocols that a client offers http/1.1 is taken, and one that offers only others is told so")
    func applicationProtocol() throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        #expect(try gateway.client("-alpn", "h2,http/1.1").contains("ALPN protocol: http/1.1"))
        #expect(try gateway.client().contains("No ALPN negotiated"))
        for offer in ["h2", "h2,spdy/3", "http/1.10"] {
            #expect(try gateway.client("-alpn", offer).contains("alert no application protocol"))
        }
    }

    @Test("a client resumes its session on any loop and after a reload", arguments: ["-tls1_2", "-tls1_3"])
    func resumption(option: String) throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("session-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(try gateway.client(option, "-sess_out", file).contains("New, TLSv1"))
        for _ in 0..<6 {
            let said = try gateway.client(option, "-sess_in", file)
            #expect(said.contains("Reused, TLSv1"), "\(said)")
            #expect(said.contains("200 OK"))
        }
        gateway.gateway.reload()
        try gateway.settle()
        #expect(try gateway.client(option, "-sess_in", file).contains("Reused, TLSv1"))
        // Another gateway has keys of its own: the handshake is a full one.
        let other = try TestGateway.secure(try RedisProcess())
        let said = try other.client(option, "-sess_in", file)
        #expect(said.contains("New, TLSv1") && said.contains("200 OK"))
    }

    @Test("the certificate is the one for the name that is asked for, wildcards honoured, else the first")
    func serverNames() throws {
        let files = try Certificates.shared()
        let gateway = try TestGateway.secure(try RedisProcess()) {
            $0.tls.additionalCertificateFiles = [files.elsewhere, files.file("wild.pem"), files.file("renewed.pem")]
            $0.tls.additionalKeyFiles = [files.elsewhereKey, files.file("wild.key"), files.file("renewed.key")]
        }
        let expected = [
            // Of two that are for a name, the first.
            ("localhost", "server"), ("elsewhere.test", "elsewhere"), ("ELSEWHERE.test", "elsewhere"),
            ("a.wild.test", "wild"), ("wild.test", "wild"), ("a.b.wild.test", "server"), ("unknown.test", "server"),
        ]
        for option in ["-tls1_2", "-tls1_3"] {
            for (name, certificate) in expected {
                let said = try gateway.client(option, "-servername", name)
                #expect(said.contains("subject=CN = \(certificate)\n"), "\(name): \(said)")
                #expect(said.contains("200 OK"))
            }
            #expect(try gateway.client(option, "-noservername").contains("subject=CN = server\n"))
        }
    }

    @Test("a client that wants to renegotiate is refused, and nobody else is hurt")
    func renegotiation() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis).open()
        let client = try gateway.connect("alpha")
        let said = try output(
            of: "openssl", ["s_client", "-connect", "127.0.0.1:\(gateway.port)", "-tls1_2"], input: "R\n",
            within: 20
        ).text
        #expect(said.contains("RENEGOTIATING"))
        #expect(said.contains("no renegotiation"), "\(said)")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        #expect(eventID(try client.event()) == id)
    }

    @Test("curl gets /health, and an event stream")
    func curl() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis).open()
        let authority = try Certificates.shared().authority
        let base = "https://127.0.0.1:\(gateway.port)"
        let health = try output(of: "curl", ["-sS", "--cacert", authority, "\(base)/health"])
        #expect(health.text == "OK")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "one"))
        try gateway.settle()
        let cookie = "async-token=\(WebSocketClient.token("alpha"))"
        let events = try output(
            of: "curl",
            ["-sS", "-N", "--max-time", "2", "--cacert", authority, "-b", cookie, "\(base)/events?last_id=1-0"])
        #expect(events.text.contains("id: \(id)\n"), "\(events.text)")
    }

    // MARK: What is no TLS

    @Test("a plain request on the port is answered with a 400 in plain HTTP that says so")
    func plainHTTP() throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        for request in ["GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS * HTTP/1.1\r\n", "P"] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request)
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 400)
            #expect(answer.field("Connection") == "close")
            #expect(answer.body.contains("https://"))
            #expect(try socket.ending() == .finished)
        }
        #expect(try gateway.figures().figures.handshakesRefused["plain_http"] == 3)
    }

    @Test("garbage is refused and costs nobody else anything")
    func garbage() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis).open()
        let client = try gateway.connect("alpha")
        let beginnings: [[UInt8]] = [
            [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], [0x16] + Array(repeating: 0xFF, count: 40_000), [0x80, 0x2E, 1, 3, 1],
            [0], Array("hello".utf8),
            // A record that is longer than any may be.
            [0x16, 3, 1, 0xFF, 0xFF],
        ]
        for bytes in beginnings {
            let socket = try TestSocket.connect(port: gateway.port)
            try? socket.send(bytes)
            let said = try socket.readToEnd()
            #expect(said.isEmpty || said[0] == 0x15, "an alert or nothing was expected: \(said.prefix(20))")
        }
        #expect(try gateway.figures().figures.handshakesRefused["tls"] == beginnings.count)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "after"))
        #expect(eventID(try client.event()) == id)
    }

    @Test("who does not complete the handshake, or the request behind it, is cut off at the deadline")
    func deadline() throws {
        let gateway = try TestGateway.secure(try RedisProcess()) { $0.handshakeTimeoutMs = 400 }
        let silent = try TestSocket.connect(port: gateway.port)
        let halfOpen = try TestSocket.connect(port: gateway.port)
        try halfOpen.send([0x16, 3, 1])
        #expect(try silent.readToEnd().isEmpty)
        #expect(try halfOpen.readToEnd().isEmpty)
        #expect(try gateway.figures().figures.handshakesRefused["tls_timeout"] == 1)
        let idle = try TestSocket.connect(port: gateway.port, tls: gateway.tls)
        #expect(try idle.readToEnd().isEmpty)
        let partial = try TestSocket.connect(port: gateway.port, tls: gateway.tls)
        try partial.send("GET /health HTTP/1.1\r\n")
        #expect(try HTTPAnswer.read(from: partial).status == 408)
        #expect(try partial.readToEnd().isEmpty)
        try eventually("no socket is left but those that listen") {
            try ProcessFacts.sockets(onLocalPort: gateway.port) == 2
        }
    }

    // MARK: Files

    @Test("files that cannot be used keep the gateway from starting, and each is named")
    func wrongFiles() throws {
        let files = try Certificates.shared()
        let redis = try RedisProcess()
        do {
            _ = try TestGateway.secure(redis) {
                $0.tls.certificateFile = "/nowhere/a.pem"
                $0.tls.keyFile = files.file("encrypted.key")
                $0.tls.additionalCertificateFiles = [files.server]
                $0.tls.additionalKeyFiles = [files.clientKey]
            }
            Issue.record("it started")
        } catch {
            let said = "\(error)"
            #expect(said.contains("The certificate file /nowhere/a.pem could not be read: No such file or directory"))
            #expect(said.contains("The key file \(files.file("encrypted.key")) is encrypted"))
            #expect(
                said.contains("The key file \(files.clientKey) does not belong to the certificate in \(files.server)"))
        }
    }

    @Test("an expired certificate is used, and warned of")
    func expired() throws {
        let files = try Certificates.shared()
        let gateway = try TestGateway.secure(try RedisProcess()) {
            $0.tls.certificateFile = files.file("expired.pem")
            $0.tls.keyFile = files.file("expired.key")
        }
        #expect(gateway.log.contains("warning The certificate in \(files.file("expired.pem")) has expired"))
        #expect(try gateway.client().contains("certificate has expired"))
    }
}
