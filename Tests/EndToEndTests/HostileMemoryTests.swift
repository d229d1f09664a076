import EventLoop
import Foundation
import TestSupport
import Testing

/// Promise 6 on the built binary: what hostile peers have cost is given back.
@Suite("What hostile peers leave behind", .serialized)
struct HostileMemoryTests {
    /// What the allocator may keep of a thing that was used: not much beside ten thousand connections.
    private static let allowance = 12 << 20
    /// Two thousand sessions of OpenSSL that were not given back would be nearly 30 MB.
    private static let allowanceOverTLS = 8 << 20

    @Test(
        "after ten thousand connections that were dropped at all stages, memory and descriptors are back where they were"
    )
    func memoryComesBack() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let sluice = try SluiceProcess(["serve"], environment: RestartTests.environment(redis, port))
        try sluice.waitUntilReady(port: port)
        let client = try WebSocketClient(port: port, channel: "alpha")
        try expectEvent(client, redis, "before")
        // What a process has touched once it does not give back: the first round comes before the measure is taken.
        try round(port, 1000)
        try expectEvent(client, redis, "first")
        let memory = try residentBytes(sluice)
        let descriptors = try descriptorCount(sluice)
        try round(port, 10_000)
        try expectEvent(client, redis, "second")
        try eventually("its descriptors are back at \(descriptors)") { try descriptorCount(sluice) <= descriptors }
        let grown = try residentBytes(sluice) - memory
        #expect(Sanitizer.isActive || grown <= Self.allowance, "it grew by \(grown) bytes")
    }

    @Test(
        "after two thousand TLS connections that were dropped at all stages, memory and descriptors are back where they were"
    )
    func memoryComesBackOverTLS() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let files = try Certificates.shared()
        let tls = try TLSClientContext(caFile: files.authority, verifyHostname: true)
        let environment = RestartTests.environment(redis, port).merging([
            "TLS_CERTIFICATE_FILE": files.server, "TLS_KEY_FILE": files.serverKey,
        ]) { $1 }
        let sluice = try SluiceProcess(["serve"], environment: environment)
        try sluice.waitUntilReady(port: port, tls: tls)
        let client = try WebSocketClient(port: port, channel: "alpha", tls: tls)
        try expectEvent(client, redis, "before")
        let descriptors = try descriptorCount(sluice)
        func drop(_ count: Int) throws {
            try roundOverTLS(port, count, tls)
            try eventually("its descriptors are back at \(descriptors)") { try descriptorCount(sluice) <= descriptors }
        }
        // As above: the first round comes before the measure is taken.
        try drop(500)
        try expectEvent(client, redis, "first")
        let memory = try residentBytes(sluice)
        try drop(2000)
        try expectEvent(client, redis, "second")
        let grown = try residentBytes(sluice) - memory
        #expect(Sanitizer.isActive || grown <= Self.allowanceOverTLS, "it grew by \(grown) bytes")
    }

    private func roundOverTLS(_ port: UInt16, _ count: Int, _ tls: TLSClientContext) throws {
        let hello = try clientHello(tls)
        let upgrade = RequestText(upgradeTo: "beta").bytes
        // Some are held open while others come and go.
        var held: [TestSocket] = []
        for index in 0..<count {
            let socket = try TestSocket.connect(port: port)
            switch index % 8 {
            case 0: try socket.send(Array(hello[..<100]))
            case 1: try socket.send(hello)
            case 2:
                try socket.send(hello)
                _ = try socket.readSome()
            case 3: try socket.startTLS(tls)
            case 4:
                try socket.startTLS(tls)
                try socket.send(Array(upgrade[..<60]))
            case 5:
                try socket.startTLS(tls)
                try socket.send(RequestText("/health").bytes)
            default:
                try socket.startTLS(tls)
                try socket.send(upgrade + WebSocketClient.frame(opcode: 1, [0x61], isFinal: false))
                if index % 8 == 7 { #expect(try HTTPAnswer.read(from: socket).status == 101) }
            }
            held.append(socket)
            if held.count == 250 {
                for (place, socket) in held.enumerated() where place % 2 == 0 { socket.reset() }
                held = []
            }
        }
    }

    private func round(_ port: UInt16, _ count: Int) throws {
        let upgrade = RequestText(upgradeTo: "beta").bytes
        // Some are held open while others come and go.
        var held: [TestSocket] = []
        for index in 0..<count {
            let socket = try TestSocket.connect(port: port)
            switch index % 8 {
            case 0: socket.close()
            case 1: socket.reset()
            case 2: try socket.send(Array(upgrade[..<60]))
            case 3: try socket.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            case 4: try socket.send(upgrade)
            case 5: try socket.send(RequestText("/health").bytes)
            case 6: try socket.send(upgrade + WebSocketClient.frame(opcode: 1, [0x61], isFinal: false))
            default: try socket.send("GET /" + String(repeating: "x", count: 20_000))
            }
            guard index % 8 > 1 else { continue }
            held.append(socket)
            if held.count == 500 {
                for (place, socket) in held.enumerated() where place % 2 == 0 { socket.reset() }
                held = []
            }
        }
    }

    private func expectEvent(_ client: WebSocketClient, _ redis: RedisProcess, _ job: String) throws {
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", job))
        #expect(eventID(try client.event()) == id)
    }

    private func residentBytes(_ sluice: SluiceProcess) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(sluice.processID)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
        return 1024 * (try #require(Int(line.split(separator: " ")[1])))
    }

    private func descriptorCount(_ sluice: SluiceProcess) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(sluice.processID)/fd").count
    }
}
