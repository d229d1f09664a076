import Configuration
import EventLoop
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Issue 5: over TLS all is as it is without.
@Suite("Sessions over TLS")
struct TLSSessionTests {
    /// An event of about so many bytes, with a number in it.
    private func event(_ number: Int, bytes: Int) -> String {
        sampleEvent("alpha", "\(number)-" + String(repeating: "x", count: bytes))
    }

    @Test("a WebSocket and an event stream get live events and replays", arguments: [1, 2])
    func events(loops: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis) { $0.eventLoops = loops }.open()
        let client = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        var ids: [String] = []
        for number in 0..<5 { ids.append(try redis.publish("alpha", event(number, bytes: number * 9000)).1) }
        #expect(try client.events(5).map(eventID) == ids)
        #expect(try stream.events(5).map(eventID) == ids)
        let back = try gateway.connect("alpha", lastID: ids[1])
        let streamBack = try gateway.stream("alpha", lastEventID: ids[1])
        #expect(try back.events(3).map(eventID) == Array(ids[2...]))
        #expect(try streamBack.events(3).map(eventID) == Array(ids[2...]))
        #expect(try back.barrier() == [])
        try client.send(opcode: 8, [0x03, 0xE8])
        #expect(try client.frame().closeCode == 1000)
        #expect(try client.socket.readToEnd().isEmpty)
    }

    @Test("a handshake and a request that come byte by byte")
    func byteByByte() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis).open()
        let relay = try DribblingRelay(to: gateway.port)
        let client = try WebSocketClient(port: relay.port, channel: "alpha", tls: gateway.tls)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        #expect(try client.barrier() == [])
        client.socket.close()
        try relay.stop()
    }

    @Test("requests of one record, more than are taken in one turn, are all answered")
    func pipelined() throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        let socket = try TestSocket.connect(port: gateway.port, tls: gateway.tls)
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let count = 16_000 / request.utf8.count
        try socket.send(String(repeating: request, count: count))
        for _ in 0..<count { #expect(try HTTPAnswer.read(from: socket).status == 200) }
    }

    @Test("a peer that asks without reading its answers gets them all when it does")
    func unreadAnswers() throws {
        let gateway = try TestGateway.secure(try RedisProcess())
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096, tls: gateway.tls)
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        // Less than the two sockets' buffers hold, so that the client can send it without being served.
        let count = 2000
        try socket.send(String(repeating: request, count: count))
        for _ in 0..<count { #expect(try HTTPAnswer.read(from: socket).status == 200) }
    }

    @Test("a reader that stops holds nobody up, and when it reads on it gets every event once, in order")
    func slowReader() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis) { $0.eventLoops = 1 }.open()
        let slow = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 4096, tls: gateway.tls)
        let quick = try gateway.connect("alpha")
        var ids: [String] = []
        for number in 0..<250 {
            let (_, id) = try redis.publish("alpha", event(number, bytes: 32_000))
            ids.append(id)
            #expect(eventID(try quick.event()) == id)
        }
        #expect(try gateway.figures().figures.deliveries < 500, "the slow one cannot have had them all")
        for id in ids { #expect(eventID(try slow.event(deadline: Deadline(seconds: 60))) == id) }
        #expect(try slow.barrier() == [])
        #expect(try gateway.figures().figures.deliveries == 500)
    }

    @Test("every session after the first is resumed, whatever loop it comes to")
    func resumed() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis).open()
        let context = try TLSClientContext(
            caFile: Certificates.shared().authority, verifyHostname: true, resumes: true)
        var clients: [WebSocketClient] = []
        for number in 0..<16 {
            let client = try WebSocketClient(port: gateway.port, channel: "alpha", tls: context)
            #expect(client.socket.isResumed == (number > 0))
            clients.append(client)
        }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        for client in clients { #expect(eventID(try client.event()) == id) }
    }

    @Test("a drain says good-bye over TLS: 1001, then close_notify")
    func drain() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.secure(redis) { $0.drainMs = 0 }.open()
        let client = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        gateway.gateway.drain()
        let close = try client.frame()
        #expect(close.closeCode == 1001)
        try client.send(opcode: 8, Array(close.payload.prefix(2)))
        // Without close_notify this would not be an end of stream but a failure.
        #expect(try client.socket.readToEnd().isEmpty)
        #expect(try stream.remaining().isEmpty)
        gateway.gateway.wait()
    }

    // MARK: Reloading

    @Test("a reload gives new connections the new certificate, and keeps the old connections")
    func reload() throws {
        let redis = try RedisProcess()
        let files = try ReplaceableFiles()
        let gateway = try TestGateway.secure(redis) {
            $0.tls.certificateFile = files.certificateFile
            $0.tls.keyFile = files.keyFile
        }.open()
        let old = try gateway.connect("alpha")
        let halfOpen = try TestSocket.connect(port: gateway.port)
        try halfOpen.send([0x16])
        try files.put("renewed")
        gateway.gateway.reload()
        try gateway.settle()
        #expect(try gateway.client().contains("subject=CN = renewed\n"))
        let new = try gateway.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        for client in [old, new] { #expect(eventID(try client.event()) == id) }
        #expect(try old.barrier() == [])

        // What cannot be used changes nothing.
        try FileManager.default.removeItem(atPath: files.keyFile)
        gateway.gateway.reload()
        try gateway.settle()
        #expect(
            gateway.log.lines.contains {
                $0.hasPrefix("error the certificates could not be loaded again") && $0.contains(files.keyFile)
            })
        #expect(try gateway.client().contains("subject=CN = renewed\n"))
    }

    @Test(
        "a reload with one bad file changes nothing: with certificates that cannot be read, keys of tokens stay too, and the other way round"
    )
    func allOrNothing() throws {
        let redis = try RedisProcess()
        let files = try ReplaceableFiles()
        let keys = try TemporaryFile(SignedTokens.es256Key)
        let gateway = try TestGateway.secure(redis) {
            $0.tls.certificateFile = files.certificateFile
            $0.tls.keyFile = files.keyFile
            $0.jwtAlgorithms = ["ES256", "EdDSA"]
            $0.jwtPublicKeyFiles = [keys.path]
        }.open()
        func isAccepted(_ token: String) throws -> Bool {
            let socket = try TestSocket.connect(port: gateway.port, tls: gateway.tls)
            try socket.send(RequestText(upgradeTo: "", token: token).bytes)
            return try HTTPAnswer.read(from: socket).status == 101
        }
        func expectNothingChanged() throws {
            #expect(!gateway.gateway.reload())
            try gateway.settle()
            #expect(try isAccepted(SignedTokens.es256))
            #expect(try !isAccepted(SignedTokens.edDSA))
            #expect(try !gateway.client().contains("subject=CN = renewed\n"))
        }

        try keys.write(SignedTokens.edDSAKey)
        try FileManager.default.removeItem(atPath: files.keyFile)
        try expectNothingChanged()
        try keys.write("no key")
        try files.put("renewed")
        try expectNothingChanged()

        try keys.write(SignedTokens.edDSAKey)
        #expect(gateway.gateway.reload())
        try gateway.settle()
        #expect(try isAccepted(SignedTokens.edDSA))
        #expect(try gateway.client().contains("subject=CN = renewed\n"))
        // An optimised build would let go of them once they are written.
        withExtendedLifetime((files, keys)) {}
    }

    @Test("reloads under load lose no event and no connection")
    func reloadUnderLoad() throws {
        let redis = try RedisProcess()
        let files = try ReplaceableFiles()
        let gateway = try TestGateway.secure(redis) {
            $0.tls.certificateFile = files.certificateFile
            $0.tls.keyFile = files.keyFile
        }.open()
        let clients = try (0..<6).map { _ in try gateway.connect("alpha") }
        let path = redis.socketPath
        let load = Background { task in
            let producer = try Producer(socketPath: path, channel: "alpha")
            var number = 0
            while !task.isStopped {
                try producer.publish(sampleEvent("alpha", "job-\(number)"))
                number += 1
            }
            try producer.publish(sampleEvent("alpha", "the last"))
        }
        for round in 0..<10 {
            try files.put(round % 2 == 0 ? "renewed" : "server")
            gateway.gateway.reload()
            // Whoever comes meanwhile is let in.
            for _ in 0..<3 { #expect(try gateway.get("/health").status == 200) }
        }
        load.stop()
        try load.join()
        let written = try redis.entries().map(\.id)
        for client in clients { #expect(try client.events(throughText: "the last").map(eventID) == written) }
        #expect(gateway.log.lines.count { $0.contains("the port speaks TLS") } == 11)
    }
}
