import Foundation
import Locks

/// Certificates made with the `openssl` command, once for all tests of the process.
public struct Certificates: Sendable {
    /// Where they all are, each with a `.pem` and a `.key`.
    public let directory: String

    /// Has signed all of the others but ``otherAuthority``.
    public var authority: String { "\(directory)/ca.pem" }
    public var otherAuthority: String { "\(directory)/other.pem" }
    /// A server's, for `localhost` and 127.0.0.1.
    public var server: String { "\(directory)/server.pem" }
    public var serverKey: String { "\(directory)/server.key" }
    /// A server's, for `elsewhere.test` alone.
    public var elsewhere: String { "\(directory)/elsewhere.pem" }
    public var elsewhereKey: String { "\(directory)/elsewhere.key" }
    public var client: String { "\(directory)/client.pem" }
    public var clientKey: String { "\(directory)/client.key" }

    private static let made = Mutex<Certificates?>(nil)

    public static func shared() throws -> Certificates {
        try made.withLock { made in
            if let made { return made }
            let new = try Certificates()
            made = new
            return new
        }
    }

    private init() throws {
        directory = NSTemporaryDirectory() + "sluice-certificates-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        removeAtExit(directory)
        for name in ["ca", "other"] {
            try run(
                ["req", "-x509", "-days", "2", "-subj", "/CN=Test \(name)", "-keyout", "\(name).key"]
                    + ["-out", "\(name).pem"] + Self.newKey)
        }
        let subjects = [
            ("server", "DNS:localhost,IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.test"),
            ("client", "DNS:gateway.test"), ("wild", "DNS:*.wild.test,DNS:wild.test"),
            ("renewed", "DNS:localhost,IP:127.0.0.1"), ("redis", "DNS:redis.test,DNS:*.wild.test,IP:127.0.0.1"),
        ]
        for (name, names) in subjects { try issue(name, names, days: 2) }
        // Since yesterday.
        try issue("expired", "DNS:localhost", days: -1)
        try run(["pkey", "-in", "server.key", "-aes256", "-passout", "pass:secret", "-out", "encrypted.key"])
    }

    /// The certificate and key of any name of those above.
    public func file(_ name: String) -> String { "\(directory)/\(name)" }

    private func issue(_ name: String, _ names: String, days: Int) throws {
        try run(
            ["req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)", "-keyout", "\(name).key"]
                + ["-out", "\(name).csr"] + Self.newKey)
        try run(
            ["x509", "-req", "-days", "\(days)", "-copy_extensions", "copyall", "-in", "\(name).csr", "-CA", "ca.pem"]
                + ["-CAkey", "ca.key", "-CAcreateserial", "-out", "\(name).pem"])
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

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
        guard process.terminationStatus == 0 else { throw Failure("openssl \(arguments[0]) failed: \(text)") }
    }
}

private let directories = Mutex<[String]>([])

private func removeAtExit(_ directory: String) {
    let isFirst = directories.withLock { list in
        list.append(directory)
        return list.count == 1
    }
    guard isFirst else { return }
    atexit { for path in directories.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
}
