import Testing

@testable import EventLoop

@Suite("Timers and end of turn")
struct TimerTests {
    private let clock = FakeClock()
    private let loop: EventLoop

    init() throws {
        let clock = clock
        loop = try EventLoop(clock: { clock.time })
    }

    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000).advanced(byMilliseconds: milliseconds)
    }

    @Test("timers fire in the order of their times, equal ones in the order of scheduling, none early")
    func order() {
        var fired: [String] = []
        loop.schedule(at: at(30)) { fired.append("c") }
        loop.schedule(at: at(10)) { fired.append("a1") }
        loop.schedule(at: at(20)) { fired.append("b") }
        loop.schedule(at: at(10)) { fired.append("a2") }
        loop.turn(timeoutMilliseconds: 0)
        #expect(fired == [])
        clock.advance(milliseconds: 10)
        loop.turn(timeoutMilliseconds: 0)
        #expect(fired == ["a1", "a2"])
        clock.advance(milliseconds: 100)
        loop.turn(timeoutMilliseconds: 0)
        #expect(fired == ["a1", "a2", "b", "c"])
        loop.turn(timeoutMilliseconds: 0)
        #expect(fired.count == 4)
    }

    @Test("random times come out sorted, without those cancelled", arguments: 0..<20)
    func random(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var queue = TimerQueue()
        var expected: [(time: Int64, index: Int)] = []
        var tokens: [TimerToken] = []
        var fired: [Int] = []
        for index in 0..<300 {
            let time = Int64.random(in: 0...50, using: &random)
            tokens.append(queue.insert(at: at(time)) { fired.append(index) })
            expected.append((time, index))
            if Bool.random(using: &random), let victim = expected.randomElement(using: &random) {
                #expect(queue.remove(tokens[victim.index]) != nil)
                #expect(queue.remove(tokens[victim.index]) == nil)
                expected.removeAll { $0.index == victim.index }
            }
        }
        for now in stride(from: 0, through: 50, by: 5) as StrideThrough<Int64> {
            for token in queue.takeDue(at: at(now)) {
                let action = queue.remove(token)
                action?()
            }
        }
        #expect(fired == expected.sorted { $0 < $1 }.map(\.index))
        #expect(queue.count == 0 && queue.heapCount == 0)
    }

    @Test("deadlines that are always cancelled do not pile up")
    func cancelledAreForgotten() {
        var queue = TimerQueue()
        for _ in 0..<10_000 {
            let token = queue.insert(at: at(1_000_000)) {}
            _ = queue.remove(token)
        }
        #expect(queue.heapCount < 100)
    }

    @Test("a timer can cancel another of the same moment")
    func cancelInside() {
        var fired: [Int] = []
        var second: TimerToken?
        loop.schedule(at: at(0)) { [loop] in
            fired.append(1)
            second.map(loop.cancel)
        }
        second = loop.schedule(at: at(0)) { fired.append(2) }
        loop.turn(timeoutMilliseconds: 0)
        loop.turn(timeoutMilliseconds: 0)
        #expect(fired == [1])
    }

    @Test("a timer that is always due starves no other and does not hold the turn")
    func noStarvation() {
        var always = 0
        var other = 0
        func again() {
            always += 1
            if always < 3 { loop.schedule(at: at(-1_000)) { again() } }
        }
        again()
        loop.schedule(at: at(0)) { other += 1 }
        loop.turn(timeoutMilliseconds: nil)
        #expect(always == 2 && other == 1)
        loop.turn(timeoutMilliseconds: nil)
        #expect(always == 3)
    }

    @Test("releasing what an action holds may call the loop")
    func releaseReenters() {
        final class Owner {
            let onRelease: () -> Void
            init(_ onRelease: @escaping () -> Void) { self.onRelease = onRelease }
            deinit { onRelease() }
        }
        var released = 0
        func owner() -> Owner {
            Owner { [loop] in
                released += 1
                loop.cancel(loop.schedule(at: .distantFuture) {})
                loop.atEndOfTurn {}
            }
        }
        let token = loop.schedule(at: at(5)) { [held = owner()] in withExtendedLifetime(held) {} }
        loop.cancel(token)
        #expect(released == 1)
        loop.schedule(at: at(0)) { [held = owner()] in withExtendedLifetime(held) {} }
        loop.atEndOfTurn { [held = owner()] in withExtendedLifetime(held) {} }
        loop.turn(timeoutMilliseconds: 0)
        #expect(released == 3)
    }

    @Test("end-of-turn actions run once, after events and timers, before the loop sleeps")
    func endOfTurn() throws {
        var log: [String] = []
        let (near, far) = try ByteStream.pair()
        #expect(far.write("x") == .wrote(1))
        let handler = Recorder { [loop] _ in
            log.append("event")
            loop.atEndOfTurn { log.append("end") }
            _ = near.readOnce()
        }
        let registration = try loop.register(near.descriptor, interest: .read, handler: handler)
        defer { loop.deregister(registration) }
        loop.schedule(at: at(0)) { log.append("timer") }
        loop.turn(timeoutMilliseconds: 0)
        #expect(log == ["event", "timer", "end"])
        // An action from an action waits for the next turn, and that one does not wait for anything else.
        loop.atEndOfTurn { [loop] in loop.atEndOfTurn { log.append("second") } }
        loop.turn(timeoutMilliseconds: nil)
        #expect(log.count == 3)
        loop.turn(timeoutMilliseconds: nil)
        #expect(log == ["event", "timer", "end", "second"])
    }

    @Test("now is the time of the last wait, and run ends with the turn that asks for it")
    func runAndStop() {
        #expect(loop.now == at(0))
        clock.advance(milliseconds: 7)
        #expect(loop.now == at(0))
        var log: [MonotonicTime] = []
        loop.schedule(at: at(0)) { [loop] in
            log.append(loop.now)
            loop.stop()
            loop.atEndOfTurn { log.append(loop.now) }
        }
        loop.run()
        #expect(log == [at(7), at(7)])
        loop.stop()
        loop.run()
        #expect(log.count == 2)
    }

    @Test("run sleeps until a timer on the real clock")
    func realClock() throws {
        let loop = try EventLoop()
        let due = MonotonicTime.now().advanced(byMilliseconds: 20)
        var fired: MonotonicTime?
        loop.schedule(at: due) {
            fired = loop.now
            loop.stop()
        }
        loop.run()
        #expect(try #require(fired) >= due)
    }
}
