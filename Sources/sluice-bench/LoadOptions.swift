import ArgumentParser

/// The numbers of a scenario, where others than its own are wanted.
struct LoadOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How many connections.", valueName: "number"))
    var sockets: Int?
    @Option(help: ArgumentHelp("Over how many channels.", valueName: "number"))
    var channels: Int?
    @Option(help: ArgumentHelp("How many events in a burst.", valueName: "number"))
    var events: Int?
    @Option(help: ArgumentHelp("How many bursts, one after the other.", valueName: "number"))
    var rounds: Int?
    @Option(help: ArgumentHelp("Events per second, in place of bursts.", valueName: "number"))
    var rate: Double?
    @Option(help: ArgumentHelp("For how long, at a fixed rate or in silence.", valueName: "number"))
    var seconds: Double?
    @Option(help: ArgumentHelp("Bytes of an event's JSON.", valueName: "number"))
    var size: Int?
    @Option(help: ArgumentHelp("The share, 0 to 1, of events for channels nobody listens to.", valueName: "share"))
    var miss: Double?

    @Option(help: ArgumentHelp("How long to wait between the opening and the events.", valueName: "seconds"))
    var settle: Double?

    func plan(_ scenario: Scenario) throws(BenchFailure) -> Plan {
        var plan = scenario.plan
        if let sockets {
            // As many on each channel as the scenario has.
            plan.channels = max(plan.channels * sockets / plan.sockets, 1)
            plan.sockets = sockets
        }
        if let channels { plan.channels = channels }
        if let size { plan.size = size }
        if let settle { plan.settle = settle }
        if let miss { plan.missShare = miss }
        guard events == nil && rounds == nil || rate == nil else {
            throw BenchFailure("--rate is not for bursts: give --rate and --seconds, or --events and --rounds.")
        }
        switch plan.pace {
        case .burst(let count, let times):
            plan.pace = .burst(events: events ?? count, rounds: rounds ?? times)
            if let rate { plan.pace = .rate(perSecond: rate, seconds: seconds ?? 5) }
        case .rate(let perSecond, let duration):
            plan.pace = .rate(perSecond: rate ?? perSecond, seconds: seconds ?? duration)
            if let events { plan.pace = .burst(events: events, rounds: rounds ?? 1) }
        case .silence(let duration):
            plan.pace = .silence(seconds: seconds ?? duration)
        }
        if let problem = plan.problem { throw BenchFailure(problem) }
        return plan
    }
}
