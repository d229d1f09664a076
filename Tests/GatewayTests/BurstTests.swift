import EventLoop
import Testing

@testable import Gateway

@Suite("Reading on in a burst")
struct BurstTests {
    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000).advanced(byMilliseconds: milliseconds)
    }

    private func burst(after deliveries: Int) -> Burst {
        var burst = Burst()
        burst.delivered(deliveries)
        return burst
    }

    /// A mutating call of its own, which `#expect` does not take.
    private func goesOn(_ burst: inout Burst, bytes: Int, now: MonotonicTime) -> Bool {
        burst.goesOn(bytes: bytes, now: now)
    }

    @Test("more is waited for until there are enough bytes, or the first has waited long enough")
    func limits() {
        var burst = burst(after: 2000)
        let first = burst.goesOn(bytes: 400_000, now: at(0))
        #expect(first)
        let second = burst.goesOn(bytes: 800_000, now: at(Burst.maximumMilliseconds - 1))
        #expect(second)
        let third = burst.goesOn(bytes: 1_200_000, now: at(Burst.maximumMilliseconds))
        #expect(!third)
        burst.delivered(1000)
        // Counted from the next one's beginning.
        let anew = burst.goesOn(bytes: 400_000, now: at(1000))
        #expect(anew)
        let enough = burst.goesOn(bytes: Burst.maximumBytes, now: at(1001))
        #expect(!enough)
    }

    @Test("the patience ends where nothing comes, and for what is coming too in the end")
    func patience() {
        var burst = burst(after: 2000)
        let begun = burst.goesOn(bytes: 400_000, now: at(0))
        #expect(begun)
        #expect(!burst.waitsOn(isArriving: false, now: at(Burst.patienceMilliseconds)))
        #expect(burst.waitsOn(isArriving: true, now: at(Burst.patienceMilliseconds)))
        #expect(!burst.waitsOn(isArriving: true, now: at(Burst.maximumMilliseconds)))
    }

    @Test("where few listen, or very many, each reply is delivered as it comes")
    func fewAndMany() {
        for (deliveries, goesOn) in [
            (0, false), (Burst.fewDeliveries - 1, false), (Burst.fewDeliveries, true), (Burst.manyDeliveries, true),
            (Burst.manyDeliveries + 1, false),
        ] {
            var burst = burst(after: deliveries)
            let answer = burst.goesOn(bytes: 1, now: at(0))
            #expect(answer == goesOn)
        }
        var burst = Burst()
        let unasked = burst.goesOn(bytes: 1, now: at(0))
        #expect(!unasked)
    }
}
