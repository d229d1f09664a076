import ArgumentParser
import Testing

@testable import sluice_bench

@Suite("Scenarios and their numbers")
struct PlanTests {
    private func plan(_ scenario: Scenario, _ arguments: String...) throws -> Plan {
        try LoadOptions.parse(arguments).plan(scenario)
    }

    @Test("every scenario is named, and can be carried out as it is", arguments: Scenario.allCases)
    func scenarios(_ scenario: Scenario) throws {
        #expect(try Measure.scenario(scenario.rawValue) == scenario)
        #expect(scenario.plan.problem == nil)
        #expect(try plan(scenario) == scenario.plan)
    }

    @Test("an unknown name is answered with the known ones")
    func unknown() {
        #expect { try Measure.scenario("spreed") } throws: {
            "\($0)".contains("spreed") && "\($0)".contains("broadcast")
        }
    }

    @Test("fewer sockets keep the scenario's shape")
    func shape() throws {
        #expect(try plan(.spread, "--sockets", "20").channels == 10)
        #expect(try plan(.broadcast, "--sockets", "20").channels == 1)
        #expect(try plan(.spread, "--sockets", "20", "--channels", "3").channels == 3)
    }

    @Test("bursts and rates")
    func pace() throws {
        #expect(try plan(.broadcast, "--events", "7").pace == .burst(events: 7, rounds: 5))
        #expect(try plan(.spread, "--rate", "10", "--seconds", "2").pace == .rate(perSecond: 10, seconds: 2))
        #expect(try plan(.steady, "--rate", "10").pace == .rate(perSecond: 10, seconds: 5))
        #expect(try plan(.idle, "--seconds", "1").pace == .silence(seconds: 1))
        #expect(throws: BenchFailure.self) { try plan(.spread, "--rate", "10", "--events", "5") }
    }

    @Test(
        "numbers that make no sense are refused with the option's name",
        arguments: [
            ["--sockets", "0"], ["--channels", "0"], ["--miss", "1.5"], ["--events", "0"], ["--size=-1"],
            ["--settle=-1"],
        ])
    func refused(_ arguments: [String]) throws {
        let options = try LoadOptions.parse(arguments)
        #expect { try options.plan(.spread) } throws: { "\($0)".contains(arguments[0].prefix { $0 != "=" }) }
    }
}
