import EventLog
import Foundation

@testable import RedisStreams

struct TestFailure: Error, CustomStringConvertible {
    var description: String
}

/// A `redis-server` of a test's own, on a Unix socket in a temporary directory, ended with the test.
///
/// Small and without the gateway: what is tested here stands below it.
final class RedisServer {
    private let directory: String
    private let process = Process()

    var socketPath: String { directory + "/s" }

    /// Returns when it accepts connections. (What it says then is not the same for Redis and Valkey.)
    init(_ arguments: String...) throws {
        directory = NSTemporaryDirectory() + "sluice-redis-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "redis-server", "--port", "0", "--unixsocket", directory + "/s", "--dir", directory, "--save", "",
                "--appendonly", "no",
            ]
            + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let deadline = ContinuousClock.now + .seconds(60)
        while (try? RedisConnection(path: socketPath)) == nil {
            guard process.isRunning else { throw TestFailure(description: "redis-server ended at once") }
            guard ContinuousClock.now < deadline else { throw TestFailure(description: "redis-server is slow") }
            usleep(2000)
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func connect() throws -> RedisConnection { try RedisConnection(path: socketPath) }
}

/// A blocking connection that speaks through the code under test.
final class RedisConnection {
    private let descriptor: Int32
    let reader = ReplyReader()
    private var decoder = StreamEntryDecoder()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw TestFailure(description: "connect: errno \(errno)") }
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    func send(_ commands: Command...) throws {
        for command in commands {
            try command.bytes.withUnsafeBytes { bytes in
                var sent = 0
                while sent < bytes.count {
                    let count = write(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
                    guard count > 0 else { throw TestFailure(description: "write: errno \(errno)") }
                    sent += count
                }
            }
        }
    }

    private func receive() throws {
        guard try wait(for: descriptor, milliseconds: 60_000) else {
            throw TestFailure(description: "Redis does not answer")
        }
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { throw TestFailure(description: "Redis closed the connection") }
        reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }

    func reply() throws -> Reply {
        while true {
            switch reader.nextReply() {
            case .reply(let reply): return reply
            case .needMore: try receive()
            case .protocolError(let text): throw TestFailure(description: text)
            }
        }
    }

    func command(_ command: Command) throws -> Reply {
        try send(command)
        return try reply()
    }

    func command(_ words: String...) throws -> Reply { try command(Command(words.map { Array($0.utf8) })) }

    /// All that one answer to `XREAD` brings, with how many reads of the socket it took.
    func entries() throws -> (decoded: [Decoded], reads: Int) {
        var decoded: [Decoded] = []
        var reads = 0
        while true {
            switch decoder.next(reader) {
            case .needMore:
                try receive()
                reads += 1
            case .entry(let id, let data): decoded.append(.entry(id.description, data.map { Array($0) }))
            case .end: return (decoded + [.end], reads)
            case .empty: return (decoded + [.empty], reads)
            case .error(let text): return (decoded + [.error(text)], reads)
            case .protocolError(let text): throw TestFailure(description: text)
            }
        }
    }

    /// Goes through a handshake to its end.
    func shake(_ handshake: ConnectionHandshake) throws -> ConnectionHandshake.Step {
        var handshake = handshake
        guard case .send(let commands) = handshake.start() else { throw TestFailure(description: "nothing to send") }
        for command in commands { try send(command) }
        while true {
            let step = handshake.receive(try reply())
            if step != .wait { return step }
        }
    }
}

/// Whether there is something to read, or the end.
private func wait(for descriptor: Int32, milliseconds: Int32) throws -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
        let count = Glibc.poll(&poll, 1, milliseconds)
        if count >= 0 { return count > 0 }
        guard errno == EINTR else { throw TestFailure(description: "poll: errno \(errno)") }
    }
}
