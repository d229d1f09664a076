import Glibc
import Testing

/// Histories of the seam between the two streams against an oracle.
///
/// `SLUICE_HISTORIES` sets how many (`make soak` asks for many thousands), `SLUICE_SEED` the first seed; with a
/// seed alone just that history runs, and its steps are printed when it fails.
@Suite struct SeamCampaignTests {
    @Test("no random history loses or repeats an event, or gives one out of order")
    func campaign() throws {
        let count = Self.number("SLUICE_HISTORIES")
        let first = Self.number("SLUICE_SEED")
        var total = SimulatedHistory.Statistics()
        let seeds = (first ?? 1)..<((first ?? 1) + (count ?? (first == nil ? 1000 : 1)))
        for seed in seeds {
            var history = SimulatedHistory(seed: seed)
            do {
                try history.run(steps: Self.steps(seed))
            } catch {
                var again = SimulatedHistory(seed: seed, keepsTrace: true)
                try? again.run(steps: Self.steps(seed))
                let steps = again.trace.steps.suffix(first != nil && count == nil ? .max : 30).joined(separator: "\n")
                Issue.record("seed \(seed): \(error)\n\(steps)")
                return
            }
            total.add(history.statistics)
        }
        if count != nil { print("\(seeds.count) histories: \(total)") }
        #expect(total.deliveries > 0)
    }

    private static func steps(_ seed: UInt64) -> Int { seed % 3 == 0 ? 1200 : 250 }

    private static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }
}

extension SimulatedHistory.Statistics {
    mutating func add(_ other: Self) {
        events += other.events
        deliveries += other.deliveries
        fromRedis += other.fromRedis
        resumes += other.resumes
        repeats += other.repeats
        repeatedEquals += other.repeatedEquals
        lostEquals += other.lostEquals
        excused += other.excused
        secondRounds += other.secondRounds
        passedOverForAnother += other.passedOverForAnother
    }
}
