import Configuration
import Gateway
import Locks
import Metrics
import TestSupport
import Testing

/// A gateway of one loop, between two of whose commands something can be done to its Redis.
final class AmbushedGateway {
    /// What passes, and what is to happen before it does.
    private final class Watch: Sendable {
        typealias Body = @Sendable (RESPConnection) throws -> Void

        private struct State {
            var path = ""
            var armed: (names: ArraySlice<String>, body: Body)?
            var standing: (name: String, body: Body)?
            var counts: [String: Int] = [:]

            mutating func pass(_ name: String) -> (path: String, body: Body?) {
                counts[name, default: 0] += 1
                if let standing, standing.name == name { return (path, standing.body) }
                guard let armed, armed.names.first == name else { return (path, nil) }
                let rest = armed.names.dropFirst()
                self.armed = rest.isEmpty ? nil : (rest, armed.body)
                return (path, rest.isEmpty ? armed.body : nil)
            }
        }

        private let state = Mutex(State())

        init(_ path: String) { state.withLock { $0.path = path } }

        func arm(_ names: [String], _ body: @escaping Body) {
            state.withLock { $0.armed = (names[...], body) }
        }

        func stand(_ name: String, _ body: @escaping Body) { state.withLock { $0.standing = (name, body) } }

        var isArmed: Bool { state.withLock { $0.armed != nil } }
        func count(_ name: String) -> Int { state.withLock { $0.counts[name, default: 0] } }

        func pass(_ name: String) {
            let (path, body) = state.withLock { $0.pass(name) }
            do { try body?(RESPConnection(path: path)) } catch { Issue.record(error) }
        }
    }

    let redis: RedisProcess
    let gateway: TestGateway
    private let watch: Watch
    private let relay: HoldingRelay

    /// - Parameter redis: one that has something already; nil: an empty one.
    init(_ redis: RedisProcess? = nil, configure: (inout Settings) -> Void = { _ in }) throws {
        let redis = try redis ?? RedisProcess()
        self.redis = redis
        let watch = Watch(redis.socketPath)
        self.watch = watch
        let relay = try HoldingRelay(to: redis) { watch.pass($0) }
        self.relay = relay
        gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 1
            $0.redis.socketPath = relay.path
            configure(&$0)
        }.open()
    }

    /// Before a command goes on to Redis, once: the next of this name, or of the last of these names once the others have
    /// passed in this order.
    func before(_ names: String..., body: @escaping @Sendable (RESPConnection) throws -> Void) {
        watch.arm(names, body)
    }

    /// Before each command of this name.
    func beforeEach(_ name: String, body: @escaping @Sendable (RESPConnection) throws -> Void) {
        watch.stand(name, body)
    }

    /// Waits until that was done.
    func ambushed() throws { try eventually("the command came") { !watch.isArmed } }

    /// Waits until the reader has looked at the stream as it is now.
    func looked() throws {
        let before = watch.count("XREAD")
        // The read that is under way may have begun before; the one behind it shows that it was dealt with.
        try eventually("the reader has looked") { watch.count("XREAD") >= before + 2 }
    }

    var breaks: Int { get throws { try gateway.figures().figures.streamBreaks } }

    /// A client that has had the events 0 to 3.
    func client() throws -> WebSocketClient {
        let client = try gateway.connect("alpha")
        for number in 0..<4 {
            let id = past(1000 * (number + 1))
            try redis.addEvent("alpha", Self.event(number), channelID: id, globalID: id)
        }
        try client.expect(ids: (0..<4).map { past(1000 * ($0 + 1)) })
        return client
    }

    static func event(_ number: Int) -> String { "{\"channel_id\": \"alpha\", \"n\": \(number)}" }

    /// Another channel's.
    static func other(_ number: Int, padding: Int = 0) -> String {
        "{\"channel_id\": \"beta\", \"n\": \(number), \"p\": \"\(String(repeating: "p", count: padding))\"}"
    }

    static func add(_ stream: String, _ id: String, _ data: String) -> [String] {
        StreamBreakTests.add(stream, id, data)
    }

    func transaction(_ commands: [[String]]) throws { try StreamBreakTests.transaction(redis, commands) }
}
