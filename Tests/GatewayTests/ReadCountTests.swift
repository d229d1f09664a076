import Testing

@testable import Gateway

@Suite("How many entries are asked for at once")
struct ReadCountTests {
    @Test("what did not fit is asked for in parts that do, until replies are small again")
    func adapts() {
        var count = ReadCount(most: 1000, limit: 8000)
        count.replyHad(bytes: 10)
        #expect(count.now == 1000)
        count.replyWasCut(kept: 30)
        #expect(count.now == 30)
        count.replyHad(bytes: 2000)
        #expect(count.now == 30)
        for expected in [60, 120, 240, 480, 960, 1000, 1000] {
            count.replyHad(bytes: 1999)
            #expect(count.now == expected)
        }
        // One entry is read however large it is.
        count.replyWasCut(kept: 0)
        #expect(count.now == 1)
    }
}
