import Foundation
import TestSupport
import Testing

/// Two gateways, of which one is killed: whom it alone had is gone soon, whom the other has too is not.
@Suite("Presence with two gateways")
struct PresenceTests {
    @Test("a killed gateway takes with it only the channels that no other has")
    func killed() throws {
        let redis = try RedisProcess()
        let ports = [try freePort(), try freePort()]
        let gateways = try ports.map { port in
            var environment = RestartTests.environment(redis, port)
            environment["PRESENCE"] = "true"
            environment["PRESENCE_TTL_MS"] = "3000"
            return try SluiceProcess(["serve"], environment: environment)
        }
        for (gateway, port) in zip(gateways, ports) {
            _ = gateway
            try eventually("sluice is ready on port \(port)") {
                guard let socket = try? TestSocket.connect(port: port) else { return false }
                try socket.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return try HTTPAnswer.read(from: socket).status == 200
            }
        }
        func isPresent(_ channel: String) throws -> Bool {
            try redis.command("EXISTS", "async-events-presence:\(channel)").text == "1"
        }
        let clients = try [(0, "alone"), (0, "shared"), (1, "shared"), (1, "other")].map { index, channel in
            try WebSocketClient(port: ports[index], channel: channel)
        }
        for channel in ["alone", "shared", "other"] {
            try eventually("\(channel) is told") { try isPresent(channel) }
        }
        gateways[0].kill(SIGKILL)
        _ = try gateways[0].exitStatus()
        try eventually("whom it alone had is gone") { try !isPresent("alone") }
        // On a busy machine the one that is left may once be late with a key, but only it can bring it back.
        for channel in ["shared", "other"] {
            try eventually("\(channel) is still there") { try isPresent(channel) }
        }
        clients[2].socket.close()
        try eventually("the last one has gone") { try !isPresent("shared") }
        try eventually("other is still there") { try isPresent("other") }
        // An optimised build lets go of what is not used any more, and with it of a process or a connection.
        withExtendedLifetime((gateways, clients)) {}
    }
}
