import TestSupport
import Testing

extension RealFaults {
    @Suite("Gaps")
    struct Gaps {
        @Test("both streams trimmed past a client's last ID: it is told of the gap, and given all that is left")
        func told() throws {
            let redis = try RedisProcess(persistent: true)
            var ids: [String] = []
            for number in 0..<20 {
                ids.append(try redis.publish("c0", eventData(number, channel: 0)).global)
            }
            for stream in [Streams.global, Streams.channel(0)] { try redis.command("XTRIM", stream, "MAXLEN", "5") }
            let gateway = try GatewayProcess(redis: ["REDIS_SOCKET_PATH": redis.socketPath], skew: World.skew)
            try gateway.start()
            try gateway.waitUntilReady()

            // Told, it is where the gap ends; untold, it is given the same.
            let told = try Self.messages(6, port: gateway.port, query: "gaps=1&last_id=\(ids[4])")
            guard case .gap? = told.first else {
                Issue.record("\(told)")
                return
            }
            #expect(told.dropFirst().map(Self.number) == Array(15..<20))
            #expect(
                try Self.messages(5, port: gateway.port, query: "last_id=\(ids[4])").map(Self.number) == Array(15..<20))
            // Whose last event is still there has missed nothing.
            #expect(
                try Self.messages(3, port: gateway.port, query: "gaps=1&last_id=\(ids[16])").map(Self.number)
                    == Array(17..<20))
        }

        private static func number(_ message: ServerMessage) -> Int? {
            guard case .event(_, let data) = message else { return nil }
            return eventNumber(data)
        }

        private static func messages(_ count: Int, port: UInt16, query: String) throws -> [ServerMessage] {
            let socket = try TestSocket.connect(port: port)
            try socket.send(WebSocketClient.request(channel: "c0", path: "/?\(query)"))
            let answer = try HTTPAnswer.read(from: socket, toHead: true)
            guard answer.status == 101 else { throw Failure(answer.statusLine) }
            var reader = WebSocketReader()
            var messages: [ServerMessage] = []
            while messages.count < count { messages += reader.feed(try socket.read(1)[...]) }
            return messages
        }
    }
}
