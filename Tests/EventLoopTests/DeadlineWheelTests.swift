import Testing

@testable import EventLoop

@Suite("Deadline wheel")
struct DeadlineWheelTests {
    private struct Due: Hashable, Comparable {
        var deadline: Int64
        var token: UInt64

        static func < (left: Due, right: Due) -> Bool { (left.deadline, left.token) < (right.deadline, right.token) }
    }

    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 77).advanced(byMilliseconds: milliseconds)
    }

    private func expire(_ wheel: inout DeadlineWheel, _ now: MonotonicTime) -> [Due] {
        var due: [Due] = []
        wheel.expire(through: now) { due.append(Due(deadline: $1.nanoseconds, token: $0)) }
        return due.sorted()
    }

    @Test("it expires what a sorted list would, whatever the steps", arguments: 0..<40)
    func againstSortedList(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let granularity = Int64.random(in: 1...50, using: &random)
        var wheel = DeadlineWheel(
            granularityMilliseconds: granularity, slots: Int.random(in: 1...300, using: &random), start: at(0))
        var model: [Due] = []
        var now = at(0)
        var token: UInt64 = 0
        for _ in 0..<400 {
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                token += 1
                // Some past, most near, some several turns of the wheel away.
                let range: ClosedRange<Int64> =
                    switch Int.random(in: 0...9, using: &random) {
                    case 0: -100...0
                    case 1: 0...200_000
                    default: 0...3_000
                    }
                let deadline = MonotonicTime(
                    nanoseconds: now.nanoseconds + Int64.random(in: range, using: &random) * 1_000_000
                        + Int64.random(in: 0...999_999, using: &random))
                wheel.insert(token, at: deadline)
                model.append(Due(deadline: deadline.nanoseconds, token: token))
            }
            let step: ClosedRange<Int64> = Int.random(in: 0...19, using: &random) == 0 ? 0...60_000 : 0...400
            now.nanoseconds += Int64.random(in: step, using: &random) * 1_000_000 + 13
            let expected = model.filter { $0.deadline <= now.nanoseconds }.sorted()
            model.removeAll { $0.deadline <= now.nanoseconds }
            #expect(expire(&wheel, now) == expected)
            #expect(wheel.count == model.count)
            #expect((wheel.nextWake == nil) == model.isEmpty)
        }
        #expect(expire(&wheel, .distantFuture) == model.sorted())
        #expect(wheel.nextWake == nil)
    }

    @Test("waking at nextWake only, each token comes at most one tick late and never early", arguments: 0..<20)
    func nextWake(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let granularity = Int64.random(in: 1...40, using: &random)
        var wheel = DeadlineWheel(granularityMilliseconds: granularity, slots: 64, start: at(0))
        for token in 0..<200 as Range<UInt64> {
            wheel.insert(token, at: at(Int64.random(in: 0...20_000, using: &random)))
        }
        var left = 200
        var last = at(0)
        while let wake = wheel.nextWake {
            #expect(wake > last, "a wake-up at the same time again would be a busy loop")
            last = wake
            for due in expire(&wheel, wake) {
                let late = wake.nanoseconds - due.deadline
                #expect(late >= 0 && late <= granularity * 1_000_000)
                left -= 1
            }
        }
        #expect(left == 0)
    }

    @Test("a rescheduled token goes back, and comes once per pass even if it is due at once")
    func rescheduling() {
        var wheel = DeadlineWheel(granularityMilliseconds: 10, slots: 64, start: at(0))
        wheel.insert(1, at: at(5))
        wheel.insert(2, at: at(6))
        var seen: [UInt64] = []
        wheel.expire(through: at(20)) { token, _ in
            seen.append(token)
            return token == 1 ? at(7) : nil
        }
        #expect(seen.sorted() == [1, 2])
        #expect(wheel.count == 1)
        #expect(expire(&wheel, at(20)) == [Due(deadline: at(7).nanoseconds, token: 1)])
        #expect(wheel.count == 0)
    }

    @Test("an earlier pass finds nothing and does no harm")
    func earlierPass() {
        var wheel = DeadlineWheel(granularityMilliseconds: 10, slots: 64, start: at(0))
        wheel.insert(1, at: at(500))
        #expect(expire(&wheel, at(300)).isEmpty)
        #expect(expire(&wheel, at(100)).isEmpty)
        #expect(expire(&wheel, at(499)).isEmpty)
        #expect(expire(&wheel, at(500)).count == 1)
    }

    @Test("deadlines at the ends of time are held, not trapped on")
    func extremes() {
        var wheel = DeadlineWheel(granularityMilliseconds: 1, slots: 64, start: MonotonicTime(nanoseconds: -5))
        wheel.insert(1, at: .distantFuture)
        wheel.insert(2, at: MonotonicTime(nanoseconds: .min))
        #expect(expire(&wheel, at(0)).map(\.token) == [2])
        #expect(expire(&wheel, at(1_000_000)).isEmpty)
        #expect(wheel.nextWake != nil)
        #expect(expire(&wheel, .distantFuture).map(\.token) == [1])
    }

    @Test("freed places are used again")
    func reuse() {
        var wheel = DeadlineWheel(granularityMilliseconds: 1, slots: 64, start: at(0))
        for round in 0..<1000 as Range<Int64> {
            wheel.insert(7, at: at(round + 1))
            #expect(expire(&wheel, at(round + 1)).count == 1)
        }
        #expect(wheel.count == 0)
        #expect(wheel.capacityUsed == 1)
    }
}
