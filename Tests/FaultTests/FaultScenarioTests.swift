import TestSupport
import Testing

extension RealFaults {
    /// Each fault by itself, under load, on the built binary.
    @Suite("One fault at a time")
    struct OneByOne {
        @Test("nothing is lost, doubled or disordered", arguments: Fault.kinds.filter { !$0.beginsNewLife })
        func fault(fault: Fault) throws {
            let world = try World(World.Size(clients: 12, channels: 3), seed: 1)
            world.channelTrimsExcuse = false
            for watch in world.watches { watch.reset() }
            world.fleet.resetSights()
            var plan = Plan()
            plan.steps = [Step(fault: fault, begins: 500, ends: 500 + fault.longest * 3 / 4)]
            try world.run(plan, milliseconds: 1200 + fault.longest)
            let account = try world.settle()
            if let finding = account.findings.first {
                Issue.record("\(finding)\n\(world.report())")
            }
            print(FaultCost(fault, world, account).row)
        }
    }
}
