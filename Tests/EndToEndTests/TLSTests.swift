import EventLoop
import Foundation
import TestSupport
import Testing

/// The built binary with TLS on its port.
@Suite("TLS of the binary")
struct TLSTests {
    /// Copies of a certificate and its key, which may be replaced.
    private static func put(_ name: String, in directory: URL) throws {
        let files = try Certificates.shared()
        for kind in ["pem", "key"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: files.file("\(name).\(kind)")))
            try bytes.write(to: directory.appendingPathComponent("tls.\(kind)"))
        }
    }

    private static func subject(_ port: UInt16) throws -> String {
        let said = try output(of: "openssl", ["s_client", "-connect", "127.0.0.1:\(port)"]).text
        return said.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init) ?? said
    }

    @Test("SIGHUP takes the new certificate, tail stays connected over wss, check reads the files")
    func reload() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Self.put("server", in: directory)
        let environment = RestartTests.environment(redis, port).merging([
            "TLS_CERTIFICATE_FILE": directory.path + "/tls.pem", "TLS_KEY_FILE": directory.path + "/tls.key",
        ]) { $1 }

        let check = try SluiceProcess(["check"], environment: environment)
        #expect(try check.exitStatus() == 0, "\(check.standardError)")
        #expect(
            check.standardOutput.contains("TLS: the port speaks it, with the certificate in \(directory.path)/tls.pem.")
        )

        let process = try SluiceProcess(["serve"], environment: environment)
        let authority = try Certificates.shared().authority
        let tls = try TLSClientContext(caFile: authority, verifyHostname: true)
        try eventually("it is ready") {
            guard process.isRunning else { throw Failure("sluice ended: \(process.standardError)") }
            guard let socket = try? TestSocket.connect(port: port, tls: tls) else { return false }
            try socket.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return try HTTPAnswer.read(from: socket).status == 200
        }
        let tail = try SluiceProcess(
            [
                "tail", "--channel", "alpha", "--url", "wss://localhost:\(port)", "--ca-file", authority, "--last-id",
                "1-1",
                "--count", "2",
            ], environment: environment)
        try redis.publish("alpha", sampleEvent("alpha", "one"))
        try eventually("tail has the event") { tail.lines.count == 1 }
        #expect(try Self.subject(port) == "subject=CN = server")

        try Self.put("renewed", in: directory)
        process.kill(SIGHUP)
        try eventually("new connections get the new certificate") {
            try Self.subject(port) == "subject=CN = renewed"
        }
        try redis.publish("alpha", sampleEvent("alpha", "two"))
        #expect(try tail.exitStatus() == 0, "\(tail.standardError)")
        #expect(tail.lines.count == 2)
        #expect(tail.standardError.split(separator: "\n").count == 1, "it was cut off: \(tail.standardError)")

        try Data("no key".utf8).write(to: directory.appendingPathComponent("tls.key"))
        process.kill(SIGHUP)
        try eventually("the log says why the old one stays") {
            (process.standardError + process.standardOutput).contains("the certificates could not be loaded again")
        }
        #expect(try Self.subject(port) == "subject=CN = renewed")
        let bad = try SluiceProcess(["check"], environment: environment)
        #expect(try bad.exitStatus() == 1)
        #expect(bad.standardError.contains("The key file \(directory.path)/tls.key could not be read"))
        process.kill(SIGTERM)
        #expect(try process.exitStatus() == 0)
    }
}
