import Configuration
package import EventLog
import EventLoop
import Logging
import Metrics

/// A loop without a thread, and one open WebSocket for each channel: the way from a batch to the sockets by itself, for
/// `sluice-microbench` to count its instructions. The gateway does not use it.
package final class DeliveryProbe {
    private let loop: GatewayLoop
    /// The clients' ends, kept open. What is sent to them is not read: a walk must fit their buffers.
    private var clients: [ByteStream] = []

    /// - Throws: a sentence, when sockets cannot be made.
    package init(channels: [[UInt8]]) throws {
        var settings = Settings()
        settings.jwtSecret = Secret([UInt8](repeating: UInt8(ascii: "x"), count: Settings.minimumSecretBytes))
        let logger = Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() }
        let context = try GatewayContext(settings: settings, loopCount: 1, logger: logger)
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 1)
        loop = try GatewayLoop(context: context, listener: listener)
        for channel in channels {
            let (server, client) = try ByteStream.pair()
            clients.append(client)
            let descriptor = server.descriptor
            loop.add(server, peer: .ipv4(IPv4Address(bits: 0x7F00_0001), port: 1), port: .main)
            guard let connection = loop.connection(descriptor: Int(descriptor)) else { continue }
            let lifetime = Lifetime(now: loop.now, expiresAt: .distantFuture, maxAge: 0, share: 0)
            connection.open(
                Connection.Admitted(channel: Channel(channel), lifetime: lifetime), .webSocket,
                .webSocket(Liveness(now: loop.now, limits: context.liveness, phase: 0)), answer: [], resume: nil,
                tellsGaps: false)
        }
    }

    /// Delivers a batch, which must be numbered to follow the one before.
    /// - Returns: how many events were handed to sockets.
    package func deliver(_ batch: Batch) -> Int {
        let before = loop.counters.deliveries
        loop.deliver([batch])
        return loop.counters.deliveries - before
    }
}
