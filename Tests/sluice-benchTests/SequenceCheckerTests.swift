import Testing

@testable import sluice_bench

@Suite("Each event once and in order")
struct SequenceCheckerTests {
    @Test("what comes in order is neither lost nor doubled")
    func inOrder() {
        var checker = SequenceChecker()
        #expect((0..<5).map { checker.receive($0) } == [1, 1, 1, 1, 1])
        checker.finish(end: 5)
        #expect(checker.lost == 0 && checker.doubled == 0)
    }

    @Test("what is passed over is lost")
    func gap() {
        var checker = SequenceChecker()
        #expect(checker.receive(0) == 1)
        #expect(checker.receive(3) == 3)
        #expect(checker.lost == 2 && checker.doubled == 0)
    }

    @Test("what comes again is a double, and moves nothing")
    func double() {
        var checker = SequenceChecker()
        for number: UInt32 in [0, 1, 1, 0, 2] { _ = checker.receive(number) }
        #expect(checker.lost == 0 && checker.doubled == 2 && checker.next == 3)
    }

    @Test("what comes too late was lost, and then doubled: either way it is told")
    func disorder() {
        var checker = SequenceChecker()
        for number: UInt32 in [0, 2, 1] { _ = checker.receive(number) }
        #expect(checker.lost == 1 && checker.doubled == 1)
    }

    @Test("what never came is lost in the end, once")
    func end() {
        var checker = SequenceChecker(next: 10)
        _ = checker.receive(10)
        checker.finish(end: 15)
        checker.finish(end: 15)
        #expect(checker.lost == 4)
    }
}
