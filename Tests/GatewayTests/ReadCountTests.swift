import Testing

@testable import Gateway

@Suite("How many entries are asked for at once")
struct ReadCountTests {
    @Test("what did not fit is asked for in parts that do, until replies are small again")
    func adapts() {
        var count = ReadCount(most: 1000, limit: 8000)
        count.replyHad(entries: 1000, bytes: 10)
        #expect(count.now == 1000)
        count.replyWasCut(kept: 30)
        #expect(count.now == 30)
        count.replyHad(entries: 30, bytes: 2000)
        // Few entries say nothing of how large many are.
        count.replyHad(entries: 29, bytes: 0)
        #expect(count.now == 30)
        for expected in [60, 120, 240, 480, 960, 1000, 1000] {
            count.replyHad(entries: count.now, bytes: 1999)
            #expect(count.now == expected)
        }
        // One entry is read however large it is.
        count.replyWasCut(kept: 0)
        #expect(count.now == 1)
    }
}
