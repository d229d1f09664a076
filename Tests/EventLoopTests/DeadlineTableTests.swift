import Testing

@testable import EventLoop

@Suite("Deadline table")
struct DeadlineTableTests {
    private let start = MonotonicTime(nanoseconds: 77)

    private func at(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func takeDue(_ table: inout DeadlineTable, _ now: MonotonicTime) -> [Int] {
        var due: [Int] = []
        table.takeDue(at: now, into: &due)
        return due
    }

    @Test("it gives what a list of deadlines would, whatever is set, moved and cleared", arguments: 0..<40)
    func againstList(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let granularity = Int64.random(in: 1...50, using: &random) * 1_000_000
        var table = DeadlineTable(granularityMilliseconds: granularity / 1_000_000, start: start)
        var model: [Int: Int64] = [:]
        var now: Int64 = 0
        for _ in 0..<400 {
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let index = Int.random(in: 0..<300, using: &random)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    table.clear(index)
                    model[index] = nil
                    continue
                }
                let deadline = now + Int64.random(in: -50_000_000...3_000_000_000, using: &random)
                table.set(index, to: MonotonicTime(nanoseconds: start.nanoseconds + deadline))
                model[index] = deadline
            }
            now += Int64.random(in: 0...400_000_000, using: &random)
            // Due is what passed before the present tick began.
            let begun = now / granularity * granularity
            let expected = model.filter { $0.value <= begun }.keys.sorted()
            for index in expected { model[index] = nil }
            #expect(takeDue(&table, MonotonicTime(nanoseconds: start.nanoseconds + now)) == expected)
            #expect((0..<300).allSatisfy { table.isSet($0) == (model[$0] != nil) })
            if let first = model.values.min() {
                let wake = (table.nextWake?.nanoseconds ?? .max) - start.nanoseconds
                #expect(wake <= (first + granularity - 1) / granularity * granularity)
            }
        }
    }

    @Test("sweeping at nextWake only, each deadline comes at most one tick late and never early", arguments: 0..<20)
    func nextWake(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let granularity = Int64.random(in: 1...40, using: &random)
        var table = DeadlineTable(granularityMilliseconds: granularity, start: start)
        let deadlines = (0..<200).map { _ in at(Int64.random(in: 1...20_000, using: &random)) }
        for (index, deadline) in deadlines.enumerated() { table.set(index, to: deadline) }
        var left = 200
        var last = start
        while let wake = table.nextWake {
            #expect(wake > last, "a wake-up at the same time again would be a busy loop")
            last = wake
            for index in takeDue(&table, wake) {
                let late = wake.nanoseconds - deadlines[index].nanoseconds
                #expect(late >= 0 && late < granularity * 1_000_000)
                left -= 1
            }
        }
        #expect(left == 0)
    }

    @Test("a deadline that was moved nearer is waited for, one that was moved away is not met twice")
    func moved() {
        var table = DeadlineTable(granularityMilliseconds: 10, start: start)
        table.set(3, to: at(500))
        table.set(3, to: at(100))
        #expect(table.nextWake == at(100))
        table.set(3, to: at(300))
        #expect(takeDue(&table, at(100)).isEmpty)
        #expect(table.nextWake == at(300))
        #expect(takeDue(&table, at(300)) == [3])
        #expect(table.nextWake == nil)
        #expect(!table.isSet(3))
    }

    @Test("the ends of time are held, not trapped on")
    func extremes() {
        var table = DeadlineTable(granularityMilliseconds: 1, start: MonotonicTime(nanoseconds: -5))
        table.set(0, to: .distantFuture)
        #expect(table.nextWake == nil)
        table.set(1, to: MonotonicTime(nanoseconds: .max - 1))
        table.set(2, to: MonotonicTime(nanoseconds: .min))
        #expect(takeDue(&table, at(0)) == [2])
        #expect(takeDue(&table, at(1_000_000)).isEmpty)
        #expect(table.isSet(1))
        #expect(takeDue(&table, .distantFuture) == [1])
        table.clear(1_000_000)
        #expect(!table.isSet(1_000_000))
    }
}
