import Foundation
import TestSupport

/// A `sluice serve` that is killed and started again on its port.
final class GatewayProcess {
    let port: UInt16
    /// The variables that lead it to Redis.
    private let redis: [String: String]
    private var process: SluiceProcess?
    /// Changes from start to start: a large log serves from memory, a small one has to ask Redis.
    var historyBytes = 64 << 20
    private let skew: Int
    /// What those said that were killed.
    private var past: [String] = []

    init(redis: [String: String], skew: Int) throws {
        self.redis = redis
        self.skew = skew
        port = try quietPort()
    }

    var isRunning: Bool { process?.isRunning ?? false }

    func start() throws {
        let variables = [
            "PORT": "\(port)", "HOST": "127.0.0.1",
            // Shorter than the default, so that a silent Redis is found out in three seconds.
            "REDIS_STREAM_READ_BLOCK_MS": "1000",
            "PRODUCER_SKEW_MS": "\(skew)", "HISTORY_BYTES": "\(historyBytes)", "EVENT_LOOPS": "2",
            "JWT_SECRET": WebSocketClient.secret, "STATSD_PORT": "9", "DRAIN_MS": "0",
            // Says who came with which ID.
            "LOG_LEVEL": "debug",
        ]
        process = try SluiceProcess(["serve"], environment: variables.merging(redis) { $1 })
    }

    func kill() throws {
        guard let process else { return }
        process.kill(SIGKILL)
        _ = try process.exitStatus()
        past = log(Self.keptLines)
        self.process = nil
    }

    func waitUntilReady() throws { try process?.waitUntilReady(port: port) }

    /// The last lines of its log, those of the processes before included.
    func log(_ count: Int) -> [String] {
        let lines = process.map { $0.lines + $0.standardError.split(separator: "\n").map(String.init) } ?? []
        return Array((past + lines).suffix(count))
    }

    private static let keptLines = 1000
}
