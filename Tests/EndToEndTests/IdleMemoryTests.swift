import EventLoop
import Foundation
import ServerSentEvents
import TestSupport
import Testing

/// What connections that have nothing to do cost the built binary. The kernel's share is not in it.
@Suite("Idle memory", .serialized)
struct IdleMemoryTests {
    /// Of the process's own, for each connection and its half of a channel.
    private static let allowance = 512
    private static let count = 2000
    private static let before = 400
    /// Over TLS nearly all is OpenSSL's: 14 KB for a session without buffers (docs/benchmark.md). One that is not told to release
    /// them (`SSL_MODE_RELEASE_BUFFERS`) has 24 KB: of their 16 KiB each only the pages count that were touched.
    private static let allowanceOverTLS = 20 << 10
    /// So large that fewer tell as much.
    private static let countOverTLS = 500

    private static func start(
        _ redis: RedisProcess, tls: TLSClientContext? = nil
    ) throws -> (SluiceProcess, UInt16) {
        // This process holds the other ends.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        environment["EVENT_LOOPS"] = "1"
        environment["PING_SOCKETS_INTERVAL_MS"] = "3600000"
        environment["SOCKET_RESPONSE_TIMEOUT_MS"] = "3600000"
        if tls != nil {
            environment["TLS_CERTIFICATE_FILE"] = try Certificates.shared().server
            environment["TLS_KEY_FILE"] = try Certificates.shared().serverKey
        }
        let sluice = try SluiceProcess(["serve"], environment: environment)
        try sluice.waitUntilReady(port: port, tls: tls)
        return (sluice, port)
    }

    /// How many bytes the process grows by for each of `count` connections that `open` makes, once some others have brought
    /// along what is needed but once. Of two tries the lesser: a report that falls into one, as there is every ten seconds,
    /// has a memory of its own to touch.
    private static func growth(
        _ sluice: SluiceProcess, count: Int = Self.count, _ open: (Int) throws -> Void
    ) throws -> Int {
        for index in 0..<before { try open(index) }
        var sizes = [try sluice.memory("RssAnon")]
        for start in [before, before + count] {
            for index in start..<(start + count) { try open(index) }
            sizes.append(try sluice.memory("RssAnon"))
        }
        return min(sizes[1] - sizes[0], sizes[2] - sizes[1]) / count
    }

    /// A WebSocket that has said something: a message in two frames, and a ping between them.
    private static func client(_ port: UInt16, channel: String, tls: TLSClientContext? = nil) throws -> WebSocketClient
    {
        let client = try WebSocketClient(port: port, channel: channel, tls: tls)
        try client.send(opcode: 1, Array("half a".utf8), isFinal: false)
        #expect(try client.barrier() == [])
        try client.send(opcode: 0, Array(" message".utf8))
        #expect(try client.barrier() == [])
        return client
    }

    @Test("an idle WebSocket costs 512 bytes at most, also when it has said something before")
    func webSockets() throws {
        let redis = try RedisProcess()
        let (sluice, port) = try Self.start(redis)
        var clients: [WebSocketClient] = []
        let bytes = try Self.growth(sluice) { clients.append(try Self.client(port, channel: "channel-\($0 / 2)")) }
        #expect(bytes <= Self.allowance)
        #expect(clients.count == 2 * Self.count + Self.before)
        // They are there, and not forgotten.
        let (_, id) = try redis.publish("channel-7", sampleEvent("channel-7", "job"))
        for client in clients[14...15] { #expect(try eventID(client.event()) == id) }
    }

    @Test("an idle WebSocket over TLS costs 20 KiB at most, also when it has said something before")
    func webSocketsOverTLS() throws {
        let redis = try RedisProcess()
        let tls = try TLSClientContext(caFile: Certificates.shared().authority, verifyHostname: true)
        let (sluice, port) = try Self.start(redis, tls: tls)
        var clients: [WebSocketClient] = []
        let bytes = try Self.growth(sluice, count: Self.countOverTLS) {
            clients.append(try Self.client(port, channel: "channel-\($0 / 2)", tls: tls))
        }
        #expect(bytes <= Self.allowanceOverTLS)
        let (_, id) = try redis.publish("channel-7", sampleEvent("channel-7", "job"))
        for client in clients[14...15] { #expect(try eventID(client.event()) == id) }
    }

    @Test("an idle event stream costs 512 bytes at most")
    func eventStreams() throws {
        let redis = try RedisProcess()
        let (sluice, port) = try Self.start(redis)
        var clients: [EventStreamClient] = []
        let bytes = try Self.growth(sluice) { index in
            clients.append(try EventStreamClient(port: port, channel: "channel-\(index / 2)"))
        }
        #expect(bytes <= Self.allowance)
        let (_, id) = try redis.publish("channel-7", sampleEvent("channel-7", "job"))
        for client in clients[14...15] { #expect(try client.next()?.lastEventID == id) }
    }
}
