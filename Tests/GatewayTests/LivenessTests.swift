import Configuration
import EventLoop
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// When a peer is pinged and when it is given up, by a clock that is passed in.
@Suite("Liveness")
struct LivenessTests {
    private let limits = Liveness.Limits(pingInterval: 20_000, responseTimeout: 60_000)
    private let start = MonotonicTime(nanoseconds: 5_000_000_000)

    private func at(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    /// What happens to a peer that is looked at whenever it asks to be, until `end`. It speaks when `speaks` says so.
    private func run(
        phase: Double, limits: Liveness.Limits, until end: Int64, speaks: (Int64) -> Bool = { _ in false }
    ) -> [(Int64, Liveness.Action)] {
        var liveness = Liveness(now: start, limits: limits, phase: phase)
        var actions: [(Int64, Liveness.Action)] = []
        while actions.count < 10_000 {
            let next = liveness.nextDeadline(limits)
            let now = next.milliseconds(since: start)
            guard now <= end else { break }
            if speaks(now) { liveness.heard() }
            let action = liveness.check(now: next, limits: limits)
            actions.append((now, action))
            if action == .drop { break }
        }
        return actions
    }

    @Test("a silent peer is pinged every interval and dropped a timeout after the first ping it did not answer")
    func silent() {
        let actions = run(phase: 0.5, limits: limits, until: 200_000)
        #expect(actions.map(\.0) == [10_000, 30_000, 50_000, 70_000])
        #expect(actions.map(\.1) == [.ping, .ping, .ping, .drop])
    }

    @Test("a peer that answers is pinged for ever")
    func answering() {
        let actions = run(phase: 0, limits: limits, until: 3_600_000) { _ in true }
        #expect(actions.allSatisfy { $0.1 == .ping })
        #expect(actions.count == 180 || actions.count == 181)
    }

    @Test("a peer that falls silent is dropped a timeout after the first ping it did not answer")
    func fallsSilent() {
        // It is heard last just before the ping at 80,100 ms.
        let actions = run(phase: 0, limits: limits, until: 1_000_000) { $0 < 100_000 }
        #expect(actions.last?.0 == 140_100)
        #expect(actions.last?.1 == .drop)
    }

    @Test("one sign of life is enough, at the last moment too")
    func lastMoment() {
        var liveness = Liveness(now: start, limits: limits, phase: 0)
        #expect(liveness.check(now: at(100), limits: limits) == .ping)
        #expect(liveness.check(now: at(60_000), limits: limits) == .ping)
        liveness.heard()
        #expect(liveness.check(now: at(60_001), limits: limits) == .wait)
        #expect(liveness.check(now: at(80_000), limits: limits) == .ping)
        #expect(liveness.check(now: at(139_999), limits: limits) == .ping)
        #expect(liveness.check(now: at(140_000), limits: limits) == .drop)
    }

    @Test("a timeout shorter than the interval drops before the second ping")
    func shortTimeout() {
        let actions = run(phase: 0.25, limits: .init(pingInterval: 20_000, responseTimeout: 5000), until: 100_000)
        #expect(actions.map(\.0) == [5000, 10_000])
        #expect(actions.map(\.1) == [.ping, .drop])
    }

    @Test("a loop that was held up pings once and does not catch up")
    func heldUp() {
        var liveness = Liveness(now: start, limits: limits, phase: 0)
        #expect(liveness.check(now: at(55_000), limits: limits) == .ping)
        #expect(liveness.check(now: at(55_001), limits: limits) == .wait)
        #expect(liveness.nextDeadline(limits) == at(75_000))
    }

    @Test("the phase spreads first pings evenly over one interval, and no phase is out of it")
    func spread() {
        var perSecond = [Int](repeating: 0, count: 20)
        for index in 0..<1000 {
            let first = run(phase: Double(index) / 1000, limits: limits, until: 20_000)[0].0
            perSecond[Int(min(first, 19_999) / 1000)] += 1
        }
        #expect(perSecond.allSatisfy { $0 == 50 })
        for phase in [-1.0, 0, 1, 2] {
            let liveness = Liveness(now: start, limits: limits, phase: phase)
            #expect((at(1)...at(20_000)).contains(liveness.nextDeadline(limits)))
        }
    }

    @Test(
        "pings fall together in 200 steps of the interval and stay in them, however late a loop is", arguments: [0, 7])
    func steps(late: Int64) {
        var moments: Set<Int64> = []
        for index in 0..<2000 {
            var liveness = Liveness(now: start, limits: limits, phase: Double(index) / 2000)
            for round in 0..<5 {
                let due = liveness.nextDeadline(limits)
                moments.insert(due.milliseconds(since: start) % 20_000)
                #expect(liveness.check(now: due.advanced(byMilliseconds: late), limits: limits) == .ping)
                liveness.heard()
                let next = liveness.nextDeadline(limits).milliseconds(since: due)
                #expect(next == 20_000, "round \(round)")
            }
        }
        #expect((190...200).contains(moments.count))
        #expect(moments.allSatisfy { $0 % 100 == 0 })
    }

    @Test("the greatest limits do not overflow")
    func greatest() {
        let limits = Liveness.Limits(pingInterval: .max, responseTimeout: .max)
        var liveness = Liveness(now: start, limits: limits, phase: 0.5)
        #expect(liveness.check(now: at(1_000_000), limits: limits) == .wait)
    }

    // MARK: For real

    @Test("a silent peer is dropped, one that answers stays, one that says something else stays too")
    func real() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.pingSocketsIntervalMs = 200
            $0.socketResponseTimeoutMs = 2000
        }.ready()
        let silent = try gateway.connect("silent")
        let answering = try gateway.connect("answering")
        let talking = try gateway.connect("talking")
        var pings = 0
        let deadline = Deadline()
        var isDropped = false
        while !isDropped, !deadline.isOver {
            while answering.socket.hasInput(within: 10) {
                let frame = try answering.frame()
                #expect(frame.opcode == 9)
                try answering.send(opcode: 10, frame.payload)
                pings += 1
            }
            // Any bytes are a sign of life.
            try talking.send(opcode: 1, Array("still here".utf8))
            isDropped = try gateway.figures().figures.closedByTimeout > 0
        }
        #expect(isDropped)
        #expect(pings > 1)
        // The silent one was sent pings and nothing else, and is cut off without a close frame.
        let last = try silent.socket.readToEnd()
        #expect(last.count >= 2 && last.count % 2 == 0)
        #expect(stride(from: 0, to: last.count - 1, by: 2).allSatisfy { last[$0] == 0x89 && last[$0 + 1] == 0 })
        #expect(try gateway.figures().figures.webSocketConnections == 2)
        #expect(try gateway.figures().figures.closedByTimeout == 1)
        let (_, id) = try redis.publish("answering", sampleEvent("answering", "job"))
        #expect(eventID(try answering.event()) == id)
    }

    @Test("sockets that all came at once are not pinged at once")
    func realSpread() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.pingSocketsIntervalMs = 3000 }.ready()
        let clients = try (0..<100).map { _ in try gateway.connect("alpha") }
        // When the first have been pinged, not all can have been: with one burst all would be at once.
        var pinged = 0
        try eventually("some have been pinged") {
            pinged = clients.count { $0.socket.hasInput() }
            return pinged >= 10
        }
        #expect(pinged < 100)
        try eventually("all have been pinged") { clients.allSatisfy { $0.socket.hasInput() } }
    }

    @Test("a channel with nobody on it is forgotten at the next collection, one with somebody is not")
    func garbageCollection() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.gcChannelsIntervalMs = 100
            $0.eventLoops = 1
        }.ready()
        let stays = try gateway.connect("stays")
        let leaving = try (0..<20).map { try gateway.connect("leaving-\($0)") }
        #expect(try gateway.figures().figures.channels == 21)
        for client in leaving { client.socket.close() }
        try eventually("only one channel is known") { try gateway.figures().figures.channels == 1 }
        let (_, id) = try redis.publish("stays", sampleEvent("stays", "job"))
        #expect(eventID(try stays.event()) == id)
        // A channel that was forgotten is as good as new.
        let again = try gateway.connect("leaving-3")
        let (_, next) = try redis.publish("leaving-3", sampleEvent("leaving-3", "job"))
        #expect(eventID(try again.event()) == next)
    }
}
