import Foundation

/// A `redis-server` of a test's own, on a Unix socket in a temporary directory (or a free port), ended with the test.
public final class RedisProcess {
    public let directory: String
    public var socketPath: String { directory + "/redis.sock" }
    /// On 127.0.0.1; nil: the Unix socket alone.
    public let port: UInt16?
    private let arguments: [String]
    /// Said by the helper's own connection; what the server wants is for its arguments.
    private let password: String?
    private var process: Process?
    private var connection: RESPConnection?

    /// - Parameters:
    ///   - persistent: append-only file, so that data survive ``kill()`` and ``start()``.
    ///   - arguments: further ones of `redis-server`.
    public convenience init(persistent: Bool = false, arguments: [String] = []) throws {
        let durability = persistent ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]
        try self.init(port: nil, arguments: durability + arguments)
    }

    /// A sentinel, on a free port of 127.0.0.1 too.
    /// - Parameters:
    ///   - lines: those of its configuration file, which it rewrites as it goes.
    ///   - arguments: further ones of `redis-server`; given the port.
    public static func sentinel(
        _ lines: [String], _ arguments: (UInt16) -> [String] = { _ in [] }
    ) throws -> RedisProcess {
        try onFreePort { try RedisProcess(port: $0, arguments: arguments($0), sentinel: lines) }
    }

    /// One that is reached on a free port of 127.0.0.1 too.
    /// - Parameters:
    ///   - password: what it wants of its clients, and gives to its primary.
    ///   - arguments: further ones of `redis-server`; given the port.
    public static func onPort(
        password: String? = nil, _ arguments: (UInt16) throws -> [String] = { _ in [] }
    ) throws -> RedisProcess {
        let login = password.map { ["--requirepass", $0, "--masterauth", $0] } ?? []
        return try onFreePort {
            try RedisProcess(port: $0, arguments: ["--appendonly", "no"] + login + arguments($0), password: password)
        }
    }

    /// Another process may take the port between its choice and its use.
    private static func onFreePort(_ start: (UInt16) throws -> RedisProcess) throws -> RedisProcess {
        for _ in 1...5 {
            if let started = try? start(freePort()) { return started }
        }
        return try start(freePort())
    }

    private init(port: UInt16?, arguments: [String], sentinel: [String]? = nil, password: String? = nil) throws {
        self.password = password
        directory = NSTemporaryDirectory() + "sluice-test-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.port = port
        var all: [String] = []
        if let sentinel {
            let file = directory + "/sentinel.conf"
            try Data(sentinel.map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: file))
            all = [file, "--sentinel"]
        }
        all += ["--port", "\(port ?? 0)", "--unixsocket", directory + "/redis.sock", "--dir", directory, "--save", ""]
        if port != nil { all += ["--bind", "127.0.0.1"] }
        self.arguments = all + arguments
        do {
            try start()
        } catch {
            kill()
            throw error
        }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    public var processID: Int32 { process?.processIdentifier ?? 0 }

    /// Starts it and waits until it answers.
    public func start() throws {
        guard process == nil else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-server"] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process = process
        try eventually("redis-server answers") {
            guard process.isRunning else { throw Failure("redis-server ended at once; is it installed?") }
            guard let connection = try? connect() else { return false }
            guard case .status("PONG")? = try? connection.command(["PING"]) else { return false }
            self.connection = connection
            return true
        }
    }

    /// Ends it as a crash would.
    public func kill() {
        connection = nil
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitForEnd()
        self.process = nil
    }

    public func suspend() { Glibc.kill(processID, SIGSTOP) }
    public func resume() { Glibc.kill(processID, SIGCONT) }

    /// Makes the helper's own connection anew: a sentinel ends all of those to a server whose role it changes.
    public func reconnect() throws { connection = try connect() }

    private func connect() throws -> RESPConnection {
        let connection = try RESPConnection(path: socketPath)
        if let password { _ = try connection.command(["AUTH", password]) }
        return connection
    }

    // MARK: Commands

    @discardableResult
    public func command(_ arguments: String...) throws -> RESPValue {
        try command(arguments.map { Array($0.utf8) })
    }

    @discardableResult
    public func command(_ arguments: [[UInt8]]) throws -> RESPValue {
        guard let connection else { throw Failure("redis-server is not running") }
        let value: RESPValue
        do {
            value = try connection.command(arguments)
        } catch {
            let words = arguments.prefix(2).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
            throw Failure("\(words) to the server on \(port.map { "port \($0)" } ?? socketPath): \(error)")
        }
        if case .error(let text) = value { throw Failure("Redis answered \(text)") }
        return value
    }

    /// `XADD`; with `*` Redis chooses the ID. Returns the ID.
    @discardableResult
    public func add(_ stream: String, _ id: String = "*", data: String) throws -> String {
        try command("XADD", stream, id, "data", data).text
    }

    /// An event as a producer writes it: first to the channel's stream, then to the global one. Returns both IDs.
    @discardableResult
    public func publish(
        _ channel: String, _ data: String, prefix: String = "async-events-"
    ) throws -> (channel: String, global: String) {
        let first = try command("XADD", "\(prefix)\(channel)", "MAXLEN", "~", "1000", "*", "data", data).text
        let second = try command("XADD", "\(prefix)full", "MAXLEN", "~", "1000000", "*", "data", data).text
        return (first, second)
    }
}

/// Superset's event for a channel, as its Python writes it.
public func sampleEvent(_ channel: String, _ job: String, status: String = "done") -> String {
    """
    {"channel_id": "\(channel)", "job_id": "\(job)", "user_id": 1, "status": "\(status)", "errors": [], \
    "result_url": "/api/v1/chart/data/qc-\(job)"}
    """
}
