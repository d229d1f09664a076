import Configuration
import Foundation
import TestSupport

extension TestGateway {
    /// A gateway whose port speaks TLS, with a certificate for `localhost`.
    static func secure(_ redis: RedisProcess, _ configure: (inout Settings) -> Void = { _ in }) throws -> TestGateway {
        let files = try Certificates.shared()
        return try TestGateway.quiet(redis) {
            $0.tls.certificateFile = files.server
            $0.tls.keyFile = files.serverKey
            configure(&$0)
        }
    }

    /// What `openssl s_client` says that asks for `/health`, or is given another input.
    func client(_ arguments: String..., input: String? = nil) throws -> String {
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        let fixed = ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", try Certificates.shared().authority]
        return try output(of: "openssl", fixed + ["-ign_eof"] + arguments, input: input ?? request).text
    }
}

/// Certificate files that a test may replace.
final class ReplaceableFiles {
    let certificateFile: String
    let keyFile: String

    init() throws {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tls-" + UUID().uuidString).path
        certificateFile = base + ".pem"
        keyFile = base + ".key"
        try put("server")
    }

    deinit {
        for path in [certificateFile, keyFile] { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Puts one of ``Certificates`` in their place.
    func put(_ name: String) throws {
        let files = try Certificates.shared()
        for (path, kind) in [(certificateFile, "pem"), (keyFile, "key")] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: files.file("\(name).\(kind)")))
            try bytes.write(to: URL(fileURLWithPath: path))
        }
    }
}

/// Stands between a client and a server, and lets the client's bytes through one at a time.
final class DribblingRelay {
    let port: UInt16
    private let background: Background

    init(to server: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 4) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isOpen else { throw Failure("the relay cannot listen: errno \(errno)") }
        port = UInt16(bigEndian: address.sin_port)
        background = Background { task in
            defer { close(listener) }
            var request = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            while !task.isStopped, poll(&request, 1, 20) == 0 {}
            let client = accept(listener, nil, nil)
            defer { close(client) }
            let upstream = try TestSocket.connect(port: server)
            try Self.relay(client, upstream, task)
        }
    }

    private static func relay(_ client: Int32, _ upstream: TestSocket, _ task: Background) throws {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !task.isStopped {
            var both = [client, upstream.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&both, 2, 20) > 0 else { continue }
            if both[0].revents != 0 {
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                try upstream.dribble(Array(buffer[..<count]))
            }
            if both[1].revents != 0 {
                let count = recv(upstream.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                var sent = 0
                while sent < count {
                    let more = buffer[sent..<count].withUnsafeBytes {
                        send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard more > 0 else { return }
                    sent += more
                }
            }
        }
    }

    /// Waits until it has ended, and throws what went wrong.
    func stop() throws {
        background.stop()
        try background.join()
    }
}
