import CProcess
import Configuration
import EventLoop
import Glibc
import RedisStreams

/// A `redis-server` that keeps nothing and ends with this process, however that ends.
///
/// To be made on a thread that lives as long as it is needed: the kernel kills it when that thread ends. Call `end()`
/// before its directory is removed.
final class PrivateRedis {
    let socketPath: String
    private let process: pid_t
    private let logPath: String
    private var hasEnded = false

    /// Longest name of a file in its directory.
    static let socketName = "redis.sock"

    private static let startMilliseconds: Int64 = 10_000

    /// Starts it and waits until it answers.
    /// - Parameter directory: its own; holds its socket and its log.
    init(directory: String, waiter: Waiter) throws(CommandFailure) {
        guard let program = Self.find("redis-server") else {
            throw CommandFailure(
                "There is no redis-server on the PATH, and `sluice dev` starts one of its own. Install it with "
                    + "`apt-get install redis-server` on Debian or Ubuntu, with the package redis or valkey elsewhere.",
                "To use a Redis that is running already: `sluice serve` (see `sluice serve --help`).")
        }
        socketPath = "\(directory)/\(Self.socketName)"
        logPath = "\(directory)/redis.log"
        // No configuration file, no TCP, nothing on disk.
        let arguments = [
            program, "--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "700", "--save", "",
            "--appendonly", "no", "--daemonize", "no", "--dir", directory, "--logfile", logPath,
        ]
        process = try Self.spawn(program, arguments)
        try waitUntilItAnswers(waiter)
    }

    deinit { end() }

    /// Ends it. SIGKILL, since there is nothing that it would have to save.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) < 0 && errno == EINTR {}
    }

    /// Whether it has ended by itself.
    func hasDied() -> Bool {
        if !hasEnded, waitpid(process, nil, WNOHANG) == process { hasEnded = true }
        return hasEnded
    }

    private func waitUntilItAnswers(_ waiter: Waiter) throws(CommandFailure) {
        var redis = Settings().redis
        redis.socketPath = socketPath
        let deadline = waiter.deadline(milliseconds: Self.startMilliseconds)
        do {
            while true {
                if let client = try? RedisClient(redis, waiter: waiter), case .status = try client.send(Command.ping) {
                    return
                }
                if hasDied() { throw CommandFailure("redis-server ended at once. \(lastLogLine)") }
                guard MonotonicTime.now() < deadline else {
                    throw CommandFailure("redis-server has not answered within 10 seconds. \(lastLogLine)")
                }
                try waiter.pause(milliseconds: 5)
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("redis-server was started, but then: \(error).")
        }
    }

    /// What it said last.
    private var lastLogLine: String {
        guard let file = fopen(logPath, "re") else { return "It has written no log; is it a redis-server?" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var byte = fgetc(file)
        while byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(file)
        }
        let line = bytes.split(separator: UInt8(ascii: "\n")).last ?? []
        return "The end of its log: \(String(decoding: line, as: UTF8.self))"
    }

    private static func spawn(_ program: String, _ arguments: [String]) throws(CommandFailure) -> pid_t {
        var pointers = arguments.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        let process = sluice_spawn_tied(program, &pointers)
        guard process > 0 else {
            let error = SystemError(operation: "fork", code: errno)
            throw CommandFailure("\(program) cannot be started: \(error.reason).")
        }
        return process
    }

    /// The program of that name that a shell would find.
    static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = "\(directory)/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }
}
