import Configuration
import EventLoop
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// When an open socket has to end: decided on times that are passed in.
@Suite("Lifetime")
struct LifetimeTests {
    private let now = MonotonicTime(nanoseconds: 5_000_000_000)

    private func lifetime(expiresIn: Int64?, maxAge: Int64, share: Double = 0) -> Lifetime {
        let expiresAt = expiresIn.map { now.advanced(byMilliseconds: $0) } ?? .distantFuture
        return Lifetime(now: now, expiresAt: expiresAt, maxAge: maxAge, share: share)
    }

    @Test("without a token's end and without an age a socket stays for ever")
    func endless() {
        #expect(lifetime(expiresIn: nil, maxAge: 0).end == .distantFuture)
    }

    @Test("the token's end counts when it comes first, and says so")
    func token() {
        for maxAge in [0, 60_000, 40_000] as [Int64] {
            let lifetime = lifetime(expiresIn: 30_000, maxAge: maxAge)
            #expect(lifetime.end == now.advanced(byMilliseconds: 30_000))
            #expect(lifetime.reason == .expired)
        }
    }

    @Test("the age counts when it comes first, up to a tenth earlier, never later")
    func age() {
        for (share, milliseconds) in [(0, 60_000), (0.5, 57_000), (1, 54_000), (7, 54_000), (-1, 60_000)] {
            for expiresIn in [nil, 60_001] as [Int64?] {
                let lifetime = lifetime(expiresIn: expiresIn, maxAge: 60_000, share: share)
                #expect(lifetime.end == now.advanced(byMilliseconds: Int64(milliseconds)))
                #expect(lifetime.reason == .age)
            }
        }
    }

    @Test("a client whose connection is old enough is told to come back, and misses nothing when it does")
    func comesBack() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxConnectionAgeMs = 1500 }.open()
        let client = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        let (_, first) = try redis.publish("alpha", sampleEvent("alpha", "one"))
        #expect(eventID(try client.event()) == first)
        #expect(eventID(try stream.event()) == first)
        let close = try client.frame()
        #expect(close.closeCode == 1001)
        #expect(close.closeReason.contains("reconnect"))
        #expect(try stream.remaining().isEmpty)
        let (_, second) = try redis.publish("alpha", sampleEvent("alpha", "two"))
        let back = try gateway.connect("alpha", lastID: first)
        let streamBack = try gateway.stream("alpha", lastEventID: stream.lastEventID)
        #expect(eventID(try back.event()) == second)
        #expect(eventID(try streamBack.event()) == second)
        let figures = try gateway.figures().figures
        #expect(figures.closedByAge == 2)
        #expect(figures.closedAsExpired == 0)
    }
}
