import Foundation
import TestSupport
import Testing

/// What an operator sees of the built binary.
@Suite("Figures and logs")
struct OperatorTests {
    private func start(_ redis: RedisProcess, _ port: UInt16, _ more: [String: String]) throws -> SluiceProcess {
        let process = try SluiceProcess(
            ["serve"], environment: RestartTests.environment(redis, port).merging(more) { $1 })
        try process.waitUntilReady(port: port)
        return process
    }

    @Test(
        "SIGUSR1 turns the log level to debug and back, in the format that is configured",
        arguments: ["logfmt", "json"])
    func toggling(format: String) throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let process = try start(redis, port, ["LOG_FORMAT": format])
        let opened = "opened a WebSocket"
        _ = try WebSocketClient(port: port, channel: "alpha")
        process.kill(SIGUSR1)
        try eventually("it says so") { process.standardError.contains("debug until the next one") }
        #expect(!process.standardError.contains(opened))
        _ = try WebSocketClient(port: port, channel: "alpha")
        try eventually("a connection is logged") { process.standardError.contains(opened) }
        process.kill(SIGUSR1)
        try eventually("it says so") { process.standardError.contains("the configured one again") }
        let count = process.standardError.components(separatedBy: opened).count
        let client = try WebSocketClient(port: port, channel: "alpha")
        #expect(try client.barrier().isEmpty)
        #expect(process.standardError.components(separatedBy: opened).count == count)
        process.kill(SIGTERM)
        #expect(try process.exitStatus() == 0)
        for line in process.standardError.split(separator: "\n") {
            if format == "json" {
                let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
                #expect(read?["ts"] != nil && read?["level"] != nil && read?["msg"] != nil)
            } else {
                #expect(line.hasPrefix("ts=") && line.contains(" level=") && line.contains(" msg="))
            }
        }
    }

    @Test("/metrics has the version of --version, and Datadog's variables are StatsD's tags")
    func figures() throws {
        let version = try SluiceProcess(["--version"])
        #expect(try version.exitStatus() == 0)
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let (port, metricsPort) = (try freePort(), try freePort())
        let process = try start(
            redis, port,
            [
                "METRICS_PORT": "\(metricsPort)", "STATSD_PORT": "\(server.port)", "STATSD_GLOBAL_TAGS": "env:x,team:y",
                "DD_ENV": "prod", "DD_ENTITY_ID": "pod-1", "STATSD_REPORT_INTERVAL_MS": "100",
            ])
        let client = try WebSocketClient(port: port, channel: "alpha")
        let socket = try TestSocket.connect(port: metricsPort)
        try socket.send(RequestText("/metrics").text)
        let scrape = try Scrape(try HTTPAnswer.read(from: socket).body, .text)
        let name = try #require(version.lines.first)
        #expect(scrape.value("sluice_build_info", ["version": name]) == 1)
        #expect(scrape.value("sluice_connections", ["transport": "websocket"]) == 1)
        let start = try #require(scrape.value("process_start_time_seconds"))
        #expect(abs(start - Date().timeIntervalSince1970) < 120)
        if let open = scrape.value("process_open_fds") { #expect(open > 3) }

        var lines: [String] = []
        let tags = "#team:y,dd.internal.entity_id:pod-1,env:prod"
        try eventually("both kinds of line came") {
            lines += try server.waitingLines()
            return lines.contains("ws_connected_client:1|c|\(tags)")
                && lines.contains("connections:1|g|\(tags),transport:websocket")
        }
        process.kill(SIGTERM)
        #expect(try process.exitStatus() == 0)
        lines += try server.waitingLines()
        #expect(lines.contains("connections_closed:1|c|\(tags),reason:drain"), "what came last is told too")
        #expect(lines.allSatisfy { $0.contains(tags) })
        withExtendedLifetime(client) {}
    }
}
