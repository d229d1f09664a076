import Foundation
import TestSupport
import Testing

extension RealFaults {
    /// All faults together, as chance has it: for half a minute with the other tests, for as long as `SOAK_SECONDS` says by
    /// `make soak`. `SEED` brings a campaign back.
    @Suite("The random campaign")
    struct Campaign {
        @Test("under faults at random nothing is lost, doubled or disordered")
        func campaign() throws { try Self.run(hasSentinels: false, shortSeconds: 25) }

        @Test(
            "under faults and Sentinel's failovers at random nothing is lost that is owed, nothing is doubled or disordered"
        )
        func sentinels() throws { try Self.run(hasSentinels: true, shortSeconds: 10) }

        private static func run(hasSentinels: Bool, shortSeconds: Int) throws {
            let variables = ProcessInfo.processInfo.environment
            let seconds = variables["SOAK_SECONDS"].flatMap { Int($0) } ?? shortSeconds
            // Chance is for those who wait for it: with the other tests the same faults are drawn each time.
            let isShort = variables["SOAK_SECONDS"] == nil
            let seed = variables["SEED"].flatMap { UInt64($0) } ?? (isShort ? 13 : .random(in: 1...999_999))
            let name = hasSentinels ? "fault campaign with Sentinel" : "fault campaign"
            print("\(name): SEED=\(seed) for \(seconds) s")
            var random = SplitMix64(seed: seed)
            let world = try World(group: hasSentinels ? SentinelGroup(replicas: 2) : nil, seed: random.next())
            var totals = World.Account()
            let end = nowMilliseconds() + seconds * 1000
            var round = 0
            while nowMilliseconds() < end {
                round += 1
                let length = min(random.int(4000...10_000), max(end - nowMilliseconds(), 2000))
                // Some have nearly all in memory, some a few events.
                for gateway in world.gateways {
                    gateway.historyBytes = random.oneIn(2) ? 64 << 20 : 1 << random.int(10...18)
                }
                let plan = Plan(seed: random.next(), milliseconds: length, hasSentinels: hasSentinels)
                world.note("round \(round)")
                do {
                    try world.run(plan, milliseconds: length)
                    let account = try world.settle()
                    totals.events += account.events
                    totals.deliveries += account.deliveries
                    totals.repeats += account.repeats
                    if let finding = account.findings.first {
                        let others = account.findings.dropFirst().map { "\($0.summary)\n" }.joined()
                        Issue.record("SEED=\(seed), round \(round): \(finding)\n\(others)\(world.report())")
                        return
                    }
                } catch {
                    Issue.record("SEED=\(seed), round \(round): \(error)\n\(world.report())")
                    return
                }
            }
            print(
                "\(name): \(round) rounds, \(totals.events) events, \(totals.deliveries) deliveries, "
                    + "\(totals.repeats) repeated where that is allowed, SEED=\(seed)")
        }
    }
}
