import EventLoop
import Testing

@testable import Gateway

@Suite("Reading on in a burst")
struct BurstTests {
    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000).advanced(byMilliseconds: milliseconds)
    }

    @Test("more is waited for until there are enough bytes, or the first has waited long enough")
    func limits() {
        var burst = Burst()
        #expect(burst.goesOn(bytes: 400_000, now: at(0)))
        #expect(burst.goesOn(bytes: 800_000, now: at(Burst.maximumMilliseconds - 1)))
        #expect(!burst.goesOn(bytes: 1_200_000, now: at(Burst.maximumMilliseconds)))
        burst.delivered(inMilliseconds: 1)
        // Counted from the next one's beginning.
        #expect(burst.goesOn(bytes: 400_000, now: at(1000)))
        #expect(!burst.goesOn(bytes: Burst.maximumBytes, now: at(1001)))
    }

    @Test("a loop whose deliveries take long is given each reply as it comes")
    func longDelivery() {
        var burst = Burst()
        burst.delivered(inMilliseconds: Burst.longDelivery + 1)
        #expect(!burst.goesOn(bytes: 1, now: at(0)))
        burst.delivered(inMilliseconds: Burst.longDelivery)
        #expect(burst.goesOn(bytes: 1, now: at(1)))
    }
}
