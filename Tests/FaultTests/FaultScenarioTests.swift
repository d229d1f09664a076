import TestSupport
import Testing

extension RealFaults {
    /// Each fault by itself, under load, on the built binary.
    @Suite("One fault at a time")
    struct OneByOne {
        @Test("nothing is lost, doubled or disordered", arguments: Fault.kinds)
        func fault(fault: Fault) throws { try Self.judge(fault, group: nil) }

        @Test(
            "where Sentinel keeps Redis: nothing is lost that replication carried over, nothing is doubled or disordered",
            arguments: Fault.sentinelKinds)
        func sentinel(fault: Fault) throws { try Self.judge(fault, group: SentinelGroup()) }

        private static func judge(_ fault: Fault, group: SentinelGroup?) throws {
            let world = try World(World.Size(clients: 12, channels: 3), group: group, seed: 1)
            // Nobody is behind, so nothing but memory is needed.
            world.channelTrimsExcuse = false
            for watch in world.watches { watch.reset() }
            world.fleet.resetSights()
            let step = Step(fault, at: 300)
            try world.run(Plan([step]), milliseconds: step.ends + 400)
            let account = try world.settle()
            if let finding = account.findings.first {
                Issue.record("\(finding)\n\(world.report())")
            }
            print(FaultCost(fault, world, account).row)
        }
    }

    /// Faults that are worse together.
    @Suite("Faults together")
    struct Together {
        struct Scenario: CustomTestStringConvertible, Sendable {
            var testDescription: String
            var steps: [Step]
            /// Bytes of a gateway's log: a small one has to ask Redis.
            var historyBytes = 64 << 20

            init(_ name: String, historyBytes: Int = 64 << 20, _ steps: [Step]) {
                testDescription = name
                self.historyBytes = historyBytes
                self.steps = steps
            }

            static let all = [
                Scenario(
                    "one gateway dies while the other cannot reach Redis",
                    [
                        Step(.connectionsCut(gateway: 1), at: 300),
                        Step(.redisAnswers(gateway: 1, line: .loading), at: 310),
                        Step(.gatewayKilled(gateway: 0), at: 400),
                    ]),
                Scenario(
                    "both gateways die, and Redis with them",
                    [
                        Step(.redisRestarts, at: 300, lasting: 600), Step(.gatewayKilled(gateway: 0), at: 310),
                        Step(.gatewayKilled(gateway: 1), at: 320),
                    ]),
                Scenario(
                    "gateways with small logs are killed in turn", historyBytes: 4096,
                    [
                        Step(.gatewayKilled(gateway: 0), at: 200, lasting: 100),
                        Step(.gatewayKilled(gateway: 1), at: 500, lasting: 100),
                        Step(.gatewayKilled(gateway: 0), at: 900, lasting: 100),
                        Step(.gatewayKilled(gateway: 1), at: 1300, lasting: 100),
                    ]),
                Scenario(
                    "the global stream is trimmed while a gateway is dead",
                    [
                        Step(.gatewayKilled(gateway: 0), at: 300, lasting: 600), Step(.globalTrimmed(keep: 0), at: 700),
                    ]),
                Scenario(
                    "a gateway that begins while Redis stalls",
                    [
                        Step(.gatewayKilled(gateway: 0), at: 300, lasting: 300), Step(.redisStalls, at: 500),
                    ]),
                Scenario(
                    "a replica is promoted, and another one",
                    [
                        Step(.failover, at: 300), Step(.failover, at: 1200),
                    ]),
            ]

            /// What a reader has not read is gone from the global stream.
            static let holes = [
                Scenario(
                    "the global stream is trimmed past what a gateway has read",
                    [
                        Step(.redisAnswers(gateway: 0, line: .loading), at: 300, lasting: 800),
                        Step(.globalTrimmed(keep: 2), at: 1000),
                    ]),
                Scenario(
                    "the global stream is emptied while a gateway has not read on",
                    [
                        Step(.redisAnswers(gateway: 0, line: .loading), at: 300, lasting: 800),
                        Step(.globalTrimmed(keep: 0), at: 1050),
                    ]),
                Scenario(
                    "the same, with small logs", historyBytes: 4096,
                    [
                        Step(.gatewayKilled(gateway: 0), at: 100, lasting: 0),
                        Step(.gatewayKilled(gateway: 1), at: 300, lasting: 0),
                        Step(.redisAnswers(gateway: 0, line: .loading), at: 700, lasting: 800),
                        Step(.globalTrimmed(keep: 2), at: 1400),
                    ]),
            ]

            /// The global stream begins a new life while a gateway does not look.
            static let lives = [
                Scenario(
                    "the global stream is deleted while a gateway cannot reach Redis",
                    [
                        Step(.redisAnswers(gateway: 0, line: .loading), at: 300, lasting: 800),
                        Step(.globalDeleted, at: 700),
                    ]),
                Scenario(
                    "all is flushed while a gateway is dead",
                    [
                        Step(.gatewayKilled(gateway: 0), at: 300, lasting: 500), Step(.allFlushed, at: 600),
                    ]),
                Scenario(
                    "all is flushed, and Redis restarts",
                    [
                        Step(.allFlushed, at: 300), Step(.redisRestarts, at: 320, lasting: 200),
                    ]),
                Scenario(
                    "a replica with a clock behind is promoted while a gateway is dead",
                    [
                        Step(.gatewayKilled(gateway: 0), at: 300, lasting: 900), Step(.failoverToClockBehind, at: 500),
                    ]),
                Scenario(
                    "the same, while a gateway hears nothing from Redis, and the stream is trimmed",
                    [
                        Step(.redisMute(gateway: 0), at: 100, lasting: 2600), Step(.failoverToClockBehind, at: 300),
                        Step(.globalTrimmed(keep: 40), at: 2750),
                    ]),
            ]
        }

        @Test("nothing is lost, doubled or disordered", arguments: Scenario.all + Scenario.holes + Scenario.lives)
        func scenario(scenario: Scenario) throws {
            let world = try World(World.Size(clients: 12, channels: 3), seed: 2)
            for gateway in world.gateways { gateway.historyBytes = scenario.historyBytes }
            let end = scenario.steps.map(\.ends).max() ?? 0
            try world.run(Plan(scenario.steps), milliseconds: end + 400)
            let account = try world.settle()
            if let finding = account.findings.first {
                Issue.record("\(scenario.testDescription): \(finding)\n\(world.report())")
            }
        }
    }
}
