import Configuration
import EventLoop
import Foundation
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// Promise 7: leaving is orderly.
@Suite("Drain")
struct DrainTests {
    // MARK: The schedule, by a clock that is passed in

    @Test("good-byes are spread evenly over drainMs: the first at once, the last before the end")
    func schedule() {
        let start = MonotonicTime(nanoseconds: 7)
        let schedule = DrainSchedule(start: start, milliseconds: 5000, count: 10)
        #expect((0..<10).map { schedule.deadline($0).milliseconds(since: start) } == (0..<10).map { $0 * 500 })
        #expect(schedule.end.milliseconds(since: start) == 6000)
        let many = DrainSchedule(start: start, milliseconds: 5000, count: 1_000_000)
        var perSecond = [Int](repeating: 0, count: 5)
        for index in 0..<1_000_000 { perSecond[Int(many.deadline(index).milliseconds(since: start) / 1000)] += 1 }
        #expect(perSecond.allSatisfy { $0 == 200_000 })
    }

    @Test("drainMs 0 is at once for all, one socket goes at once, none is no division by zero")
    func scheduleEdges() {
        let start = MonotonicTime(nanoseconds: 7)
        #expect((0..<9).allSatisfy { DrainSchedule(start: start, milliseconds: 0, count: 9).deadline($0) == start })
        #expect(DrainSchedule(start: start, milliseconds: 5000, count: 1).deadline(0) == start)
        #expect(DrainSchedule(start: start, milliseconds: 5000, count: 0).deadline(0) == start)
    }

    // MARK: For real

    /// Waits for the gateway's end in a thread, so that a test can fail instead of hanging.
    private final class End: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)

        init(_ gateway: Gateway) {
            Thread { [semaphore] in
                gateway.wait()
                semaphore.signal()
            }.start()
        }

        var hasCome: Bool {
            guard semaphore.wait(timeout: .now()) == .success else { return false }
            semaphore.signal()
            return true
        }

        func expect() throws { try eventually("the gateway has ended") { hasCome } }
    }

    private func answerClose(_ client: WebSocketClient) throws -> WebSocketClient.Frame {
        let frame = try client.frame()
        try client.send(opcode: 8, Array(frame.payload.prefix(2)))
        return frame
    }

    @Test("with no sockets it ends at once, also when plain connections are open")
    func empty() throws {
        let redis = try RedisProcess()
        // If it waited for drainMs, the test would fail by its deadline.
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 600_000 }.ready()
        let idle = try TestSocket.connect(port: gateway.port)
        try idle.send("GET /")
        let kept = try TestSocket.connect(port: gateway.port)
        try kept.send(RequestText("/health").bytes)
        #expect(try HTTPAnswer.read(from: kept).status == 200)
        let end = End(gateway.gateway)
        gateway.gateway.drain()
        try end.expect()
        #expect(throws: Failure.self) { try TestSocket.connect(port: gateway.port) }
    }

    @Test("it ends at once before Redis was ever reached")
    func neverReady() throws {
        let redis = try RedisProcess()
        redis.kill()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 600_000 }
        let end = End(gateway.gateway)
        gateway.gateway.drain()
        try end.expect()
    }

    @Test("with drainMs 0 every socket gets 1001 at once, and the gateway ends when they have answered")
    func atOnce() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 0 }.ready()
        let clients = try (0..<20).map { try gateway.connect("channel-\($0 % 3)") }
        let end = End(gateway.gateway)
        gateway.gateway.drain()
        for client in clients {
            let close = try answerClose(client)
            #expect(close.opcode == 8)
            #expect(close.closeCode == 1001)
            #expect(close.closeReason.contains("reconnect"))
            #expect(try client.socket.ending() == .finished)
        }
        try end.expect()
    }

    @Test(
        "sockets are told one after the other over drainMs; meanwhile ready and upgrades are 503, health 200, and events flow"
    )
    func spread() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 5000 }.ready()
        let clients = try (0..<30).map { _ in try gateway.connect("alpha") }
        let end = End(gateway.gateway)
        gateway.gateway.drain()
        try eventually("a few have been told") { clients.count { $0.socket.hasInput() } >= 3 }
        let told = clients.filter { $0.socket.hasInput() }
        #expect(told.count < 30, "not all at once")
        let ready = try gateway.get("/ready")
        #expect(ready.status == 503)
        #expect(ready.body == "draining\n")
        #expect(try gateway.get("/health").status == 200)
        let upgrade = try TestSocket.connect(port: gateway.port)
        try upgrade.send(RequestText(upgradeTo: "alpha").bytes)
        let refused = try HTTPAnswer.read(from: upgrade)
        #expect(refused.status == 503)
        #expect(refused.field("Retry-After") != nil)
        #expect(try upgrade.ending() == .finished)
        #expect(try gateway.figures().figures.handshakesRefused["draining"] == 1)
        // Who has not been told yet still gets events, on every loop.
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        var events = 0
        for client in clients {
            let first = try client.frame()
            if first.opcode == 1 {
                events += 1
                #expect(eventID(first.text) == id)
                let close = try answerClose(client)
                #expect(close.closeCode == 1001, "\(close.opcode) \(close.text) instead, behind \(first.text)")
            } else {
                #expect(first.closeCode == 1001)
                try client.send(opcode: 8, Array(first.payload.prefix(2)))
            }
            #expect(try client.socket.ending() == .finished)
        }
        #expect(events > 0)
        #expect(!end.hasCome || clients.allSatisfy { !$0.socket.hasInput() })
        try end.expect()
    }

    @Test("a loop whose own sockets are gone goes on for those of the others")
    func readerOutlivesItsSockets() throws {
        let redis = try RedisProcess()
        // Many loops: some have none of the two sockets, and with good luck so has the one that reads.
        for _ in 0..<4 {
            let gateway = try TestGateway.quiet(redis) {
                $0.eventLoops = 6
                $0.drainMs = 6000
            }.ready()
            let clients = try [gateway.connect("alpha"), gateway.connect("alpha")]
            gateway.gateway.drain()
            // Loops drain by themselves: with luck both sockets are on one loop, and the second is told a second later.
            try eventually("the first has been told") { clients.contains { $0.socket.hasInput() } }
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
            for client in clients {
                let frame = try client.frame()
                if frame.opcode == 1 {
                    #expect(eventID(frame.text) == id)
                } else {
                    #expect(frame.closeCode == 1001)
                }
            }
            #expect(try gateway.get("/health").status == 200, "the listeners close last")
            withExtendedLifetime((gateway, clients)) {}
        }
    }

    @Test("a socket that answers nothing and reads nothing does not hold the end up")
    func silentPeers() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 200 }.ready()
        let silent = try gateway.connect("alpha")
        let blocked = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 2048)
        let large = sampleEvent("alpha", String(repeating: "j", count: 500_000))
        for _ in 0..<16 { try redis.publish("alpha", large) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 16 }
        let end = End(gateway.gateway)
        gateway.gateway.drain()
        try end.expect()
        withExtendedLifetime((silent, blocked)) {}
    }

    @Test("a second drain changes nothing, and stop ends one that is under way")
    func again() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 600_000 }.ready()
        let clients = try (0..<6).map { _ in try gateway.connect("alpha") }
        gateway.gateway.drain()
        gateway.gateway.drain()
        try eventually("the first is told") { clients.contains { $0.socket.hasInput() } }
        #expect(clients.contains { !$0.socket.hasInput() })
        let end = End(gateway.gateway)
        gateway.gateway.stop()
        try end.expect()
    }

    @Test("figures count those who were drained, to the unit")
    func figures() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 600_000 }.ready()
        let clients = try (0..<6).map { _ in try gateway.connect("alpha") }
        gateway.gateway.drain()
        try eventually("some have been told") { try gateway.figures().figures.closedByDrain > 0 }
        let figures = try gateway.figures().figures
        #expect(figures.closedByDrain + figures.webSocketConnections == 6)
        withExtendedLifetime(clients) {}
    }
}
