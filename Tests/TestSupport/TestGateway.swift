public import Configuration
public import EventLoop
public import Gateway
import Logging
public import Metrics

/// A gateway in the test's own process, on a free port.
public final class TestGateway {
    public let gateway: Gateway
    public let log: CapturedLog
    /// So that it runs for as long as the gateway does.
    private let redis: RedisProcess
    /// For its clients, when its port speaks TLS.
    public let tls: TLSClientContext?
    public var port: UInt16 { gateway.port }

    /// - Parameter configure: changes settings from their defaults (and the test's secret).
    public init(redis: RedisProcess, _ configure: (inout Settings) -> Void = { _ in }) throws {
        var settings = Self.settings
        settings.redis.socketPath = redis.socketPath
        configure(&settings)
        let log = CapturedLog()
        self.log = log
        self.redis = redis
        tls =
            settings.tls.certificateFile == nil
            ? nil : try TLSClientContext(caFile: Certificates.shared().authority, verifyHostname: true)
        gateway = try Gateway(settings: settings, logger: log.logger)
    }

    deinit {
        gateway.stop()
        gateway.wait()
    }

    public static var settings: Settings {
        var settings = Settings()
        settings.port = 0
        settings.host = "127.0.0.1"
        settings.eventLoops = 2
        settings.jwtSecret = Secret(WebSocketClient.secret)
        settings.logLevel = .debug
        // Nobody listens there: counts go nowhere unless a test says where.
        settings.statsd.port = 9
        return settings
    }

    /// Waits until it accepts WebSockets.
    public func ready() throws -> TestGateway {
        try eventually("the gateway is ready") { try get("/ready").status == 200 }
        return self
    }

    public func get(_ path: String) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: port, tls: tls)
        try socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return try HTTPAnswer.read(from: socket)
    }

    public func connect(_ channel: String, lastID: String? = nil, fields: [String] = []) throws -> WebSocketClient {
        try WebSocketClient(port: port, channel: channel, lastID: lastID, fields: fields, tls: tls)
    }

    public func figures() throws -> Snapshot {
        guard let snapshot = gateway.figures() else { throw Failure("the gateway has ended") }
        return snapshot
    }
}
