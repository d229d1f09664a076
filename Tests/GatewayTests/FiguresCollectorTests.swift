import Configuration
import EventLoop
import Logging
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// Gathering the figures of several loops, without a gateway around them.
@Suite("Collecting figures")
struct FiguresCollectorTests {
    private func makeLoop(_ port: UInt16 = 0) throws -> GatewayLoop {
        let context = try GatewayContext(
            settings: TestGateway.settings, loopCount: 2, logger: CapturedLog().logger, environment: [:])
        return try GatewayLoop(
            context: context,
            listener: try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 1))
    }

    private func turns(_ loop: GatewayLoop, until condition: () -> Bool) throws {
        try eventually("the loop is there") {
            loop.events.turn(timeoutMilliseconds: 10)
            return condition()
        }
    }

    @Test("a loop that does not answer makes no figures, once, and what it says later is thrown away")
    func deadline() throws {
        let loop = try makeLoop()
        let other = try makeLoop()
        let collector = FiguresCollector(loop: loop, peers: [other.mailbox], deadlineMilliseconds: 50)
        var answers: [Snapshot?] = []
        collector.collect { answers.append($0) }
        #expect(answers.isEmpty)
        try turns(loop) { !answers.isEmpty }
        #expect(answers.count == 1 && answers[0] == nil)
        // What comes now belongs to no round.
        collector.receive(Snapshot(), round: 1)
        other.events.turn(timeoutMilliseconds: 0)
        loop.events.turn(timeoutMilliseconds: 0)
        #expect(answers.count == 1)
    }

    @Test("who asks during a round is answered by the next one")
    func rounds() throws {
        let loop = try makeLoop()
        let other = EventLoopMailbox()
        let collector = FiguresCollector(loop: loop, peers: [try other.mailbox()])
        var answers: [Int] = []
        var counters = LoopCounters()
        loop.counters.deliveries = 1
        collector.collect { answers.append($0?.figures.deliveries ?? -1) }
        loop.counters.deliveries = 2
        collector.collect { answers.append($0?.figures.deliveries ?? -1) }
        counters.deliveries = 10
        collector.receive(counters.snapshot(), round: 1)
        #expect(answers == [11])
        collector.receive(counters.snapshot(), round: 1)
        #expect(answers == [11], "the first round is over")
        collector.receive(counters.snapshot(), round: 2)
        #expect(answers == [11, 12])
    }

    /// A mailbox whose loop never takes a turn.
    private final class EventLoopMailbox {
        private var loop: EventLoop?

        func mailbox() throws -> Mailbox<LoopMessage> {
            let made = try EventLoop()
            loop = made
            return try made.makeMailbox(of: LoopMessage.self) { _ in }
        }
    }
}
