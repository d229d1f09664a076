import EventLoop
import Glibc

/// Carries a plan out against a target, and takes the figures. Confined to one thread.
final class Run {
    private let target: Target
    private let plan: Plan
    private let fleet: Fleet
    private var report: Report
    /// Events with listeners, and without, that were published so far.
    private var listened = 0
    private var absent = 0

    /// A receive buffer so small that a server meets a reader that stopped, not the kernel's megabytes.
    private static let slowReceiveBuffer: Int32 = 8 << 10

    /// - Parameter label: what the report calls the target.
    init(_ scenario: Scenario, _ plan: Plan, _ target: Target, label: String) throws(BenchFailure) {
        if let problem = plan.problem { throw BenchFailure(problem) }
        let needed = plan.sockets + 50
        let limit = raiseDescriptorLimit().soft
        guard needed <= limit else {
            throw BenchFailure(
                "\(plan.sockets) sockets need \(needed) descriptors, and this process may open \(limit); lower --sockets "
                    + "or raise the limit (ulimit -Hn).")
        }
        Signals.ignoreBrokenPipe()
        self.target = target
        self.plan = plan
        let order = EventOrder(run: String(UInt32.random(in: .min ... .max), radix: 36), channels: plan.channels)
        let stopped = plan.stoppedShare > 0 ? max(Int(Double(plan.sockets) * plan.stoppedShare), 1) : 0
        fleet = try Fleet(
            target, order: order, sockets: plan.sockets, stopped: stopped, receiveBuffer: Self.slowReceiveBuffer)
        report = Report(scenario: scenario.rawValue, label: label)
        report.figures[.sockets] = Double(plan.sockets)
        report.figures[.channels] = Double(plan.channels)
    }

    /// Does it all.
    /// - Parameter patience: for so many seconds a server that does not serve yet is waited for.
    func carryOut(patience: Double) throws(BenchFailure) -> Report {
        try fleet.waitUntilServing(seconds: patience)
        fleet.pass(seconds: plan.settle)
        let memory = try target.process?.residentBytes()
        try open()
        if let before = memory, let after = try target.process?.residentBytes() {
            report.figures[.bytesPerConnection] = Double(after - before) / Double(plan.sockets)
        }
        switch plan.pace {
        case .silence(let seconds): try passSilence(seconds)
        case .burst, .rate: try measureEvents()
        }
        if plan.comesBack { try comeBack() }
        try close(memory)
        return report
    }

    // MARK: Steps

    private func open() throws(BenchFailure) {
        let start = try Moment(target.process)
        try fleet.open()
        let end = try Moment(target.process)
        report.figures[.handshakesPerSecond] = Double(plan.sockets) / end.seconds(since: start)
        report.figures[.cpuPerHandshake] = end.cpuMicroseconds(since: start).map { $0 / Double(plan.sockets) }
        fleet.pass(seconds: plan.settle)
    }

    private func passSilence(_ seconds: Double) throws(BenchFailure) {
        let start = try Moment(target.process)
        fleet.pass(seconds: seconds)
        let end = try Moment(target.process)
        report.figures[.cpuIdlePerSecond] = end.cpuMicroseconds(since: start).map { $0 / end.seconds(since: start) }
    }

    private func measureEvents() throws(BenchFailure) {
        let stopped = fleet.clients.filter(\.willStop)
        for client in stopped { client.setStopped(true) }
        let start = try Moment(target.process)
        let deliveries = fleet.deliveries
        let rounds: Int
        switch plan.pace {
        case .burst(_, let number): rounds = number
        case .rate, .silence: rounds = 1
        }
        for _ in 0..<rounds { try publish(wait: stopped.isEmpty) }
        for client in stopped { client.setStopped(false) }
        awaitDeliveries()
        let end = try Moment(target.process)

        let delivered = Double(fleet.deliveries - deliveries)
        let events = Double(listened + absent)
        report.figures[.events] = events
        report.figures[.deliveries] = delivered
        report.figures[.deliveriesPerSecond] = delivered / end.seconds(since: start)
        if let cpu = end.cpuMicroseconds(since: start) {
            report.figures[.cpuPerEvent] = cpu / events
            // With next to nobody listening it would say nothing.
            if plan.missShare < 0.5 { report.figures[.cpuPerDelivery] = cpu / max(delivered, 1) }
        }
        let latency = fleet.latency
        for (figure, share) in [(Figure.latencyP50, 0.5), (.latencyP99, 0.99), (.latencyP999, 0.999), (.latencyMax, 1)]
        {
            report.figures[figure] = Double(latency.percentile(share)) / 1000
        }
    }

    private func comeBack() throws(BenchFailure) {
        fleet.closeAll()
        fleet.pass(seconds: plan.settle)
        try publish(wait: false)
        // The server is to have read them: what is measured is the coming back, and not the reading.
        fleet.pass(seconds: 1)
        let start = try Moment(target.process)
        try fleet.open(withLastID: true)
        awaitDeliveries()
        let end = try Moment(target.process)
        report.figures[.returnsPerSecond] = Double(plan.sockets) / end.seconds(since: start)
        report.figures[.cpuPerReturn] = end.cpuMicroseconds(since: start).map { $0 / Double(plan.sockets) }
    }

    private func close(_ memoryBefore: Int64?) throws(BenchFailure) {
        // One that comes twice comes late.
        fleet.pass(seconds: plan.settle)
        let outcome = fleet.finish(published: listened)
        report.figures[.lost] = Double(outcome.lost)
        report.figures[.doubled] = Double(outcome.doubled)
        report.figures[.closed] = Double(fleet.closed)
        if let reason = fleet.firstEnd { StandardError.write("The first connection that ended: \(reason)") }
        if let before = memoryBefore, let after = try target.process?.residentBytes() {
            report.figures[.residentBytes] = Double(after)
            report.figures[.residentGrowth] = Double(after - before)
        }
    }

    // MARK: Events

    /// Publishes one round of the plan. - Parameter wait: until it was delivered to all.
    private func publish(wait: Bool) throws(BenchFailure) {
        let pace: Publication.Pace
        switch plan.pace {
        case .burst, .silence: pace = .burst
        case .rate(let perSecond, _): pace = .rate(perSecond: perSecond)
        }
        // One more for somebody here, where all others are for nobody.
        let publication = Publication(
            redis: target.redis, prefix: target.streamPrefix, order: fleet.order, firstListened: listened,
            firstAbsent: absent, events: plan.events + (plan.missShare > 0 ? 1 : 0), missShare: plan.missShare,
            pace: pace,
            size: plan.size)
        var outcome: Publication.Outcome?
        let thread: LoopThread
        do throws(SystemError) {
            let mailbox = try fleet.loop.makeMailbox(of: Publication.Outcome.self) { outcome = $0.last }
            thread = try publication.start(mailbox)
        } catch {
            throw BenchFailure("The producer cannot be started: \(error).")
        }
        // The producer gives up by itself when Redis does not answer.
        while outcome == nil { fleet.loop.turn(timeoutMilliseconds: 20) }
        thread.join()
        if case .failed(let sentence) = outcome { throw BenchFailure(sentence) }
        listened += publication.listened
        absent += publication.events - publication.listened
        if wait { awaitDeliveries() }
    }

    /// What does not come is booked as lost at the end.
    private func awaitDeliveries() {
        let goal = fleet.progress + fleet.missing(published: listened)
        _ = fleet.wait(watching: { fleet.progress }, until: { fleet.progress >= goal })
    }
}

/// A moment, and the CPU time that the server had used by then.
private struct Moment {
    let time = MonotonicTime.now()
    let cpu: Int64?

    init(_ process: ServerProcess?) throws(BenchFailure) {
        cpu = try process?.cpuNanoseconds()
    }

    func seconds(since earlier: Moment) -> Double {
        Double(time.nanoseconds - earlier.time.nanoseconds) / 1e9
    }

    func cpuMicroseconds(since earlier: Moment) -> Double? {
        guard let cpu, let before = earlier.cpu else { return nil }
        return Double(cpu - before) / 1000
    }
}
