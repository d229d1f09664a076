import Configuration
import Dispatch
import EventLoop
import Metrics
import Synchronization
import TestSupport
import Testing

@testable import Gateway

@Suite("A loop that is behind the reader")
struct LoopBacklogTests {
    @Test("is awaited above the limit, and tells once when half of it is left")
    func backlog() {
        let backlog = LoopBacklog(limit: 100)
        backlog.add(100)
        #expect(!backlog.mustBeAwaited())
        #expect(!backlog.remove(10))
        backlog.add(11)
        #expect(backlog.mustBeAwaited())
        #expect(backlog.mustBeAwaited())
        #expect(!backlog.remove(50))
        #expect(backlog.remove(1))
        #expect(!backlog.remove(50))
        #expect(!backlog.mustBeAwaited())
    }

    @Test("the reader waits for a loop that stands still, and goes on when it runs again: nothing is lost")
    func heldUp() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 2
            $0.historyBytes = 1 << 20
            $0.redisStreamReadCount = 20
        }.ready()
        let clients = try (0..<8).map { _ in try gateway.connect("alpha") }
        var found: String?
        try eventually("the reader reads") {
            found = try redis.readerClientID()
            return found != nil
        }
        let reader = try #require(found)
        // The second loop's thread stands still until it is let go.
        let gate = DispatchSemaphore(value: 0)
        let isStanding = Atomic(false)
        gateway.gateway.mailboxes[1].post(
            .figures { _ in
                isStanding.store(true, ordering: .sequentiallyConsistent)
                gate.wait()
            })
        try eventually("the loop stands still") { isStanding.load(ordering: .sequentiallyConsistent) }
        let filler = String(repeating: "x", count: 50_000)
        for job in 0..<200 { try redis.publish("beta", sampleEvent("beta", "\(job)" + filler)) }
        let (_, last) = try redis.publish("alpha", sampleEvent("alpha", "last"))
        // A reader that reads asks again each second at the latest.
        try eventually("the reader has stopped asking", within: 30) {
            let list = try redis.command("CLIENT", "LIST").text
            let line = list.split(separator: "\n").first { $0.hasPrefix("id=\(reader) ") }
            let idle = line?.split(separator: " ").first { $0.hasPrefix("idle=") }.flatMap { Int($0.dropFirst(5)) }
            return (idle ?? 0) >= 3
        }
        gate.signal()
        for client in clients { #expect(eventID(try client.event()) == last) }
        #expect(try gateway.figures().figures.eventsRead == 201)
    }
}
