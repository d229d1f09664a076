import EventLog
import EventLoop
import Testing

@testable import sluice_bench

@Suite("The generator's events")
struct EventTests {
    private func stamp(in text: String) -> EventStamp? { Array(text.utf8).withUnsafeBytes { EventStamp(in: $0) } }
    private func id(in text: String) -> StreamID? { Array(text.utf8).withUnsafeBytes { EventIDText.find(in: $0) } }

    @Test("an event has the size that was asked for, and its stamp is found again", arguments: [0, 200, 350, 5000])
    func size(_ size: Int) throws {
        let stamp = EventStamp(number: 4_294_967_295, intendedNanoseconds: 12_345_678_901)
        let event = stamp.event(channel: "bench-x-1", size: size)
        #expect(event.count == max(size, stamp.event(channel: "bench-x-1", size: 0).count))
        let text = String(decoding: event, as: UTF8.self)
        #expect(self.stamp(in: text) == stamp)
        #expect(self.stamp(in: #"{"id":"1-0", "# + text.dropFirst()) == stamp)
    }

    @Test(
        "no stamp is found where there is none",
        arguments: ["", "{}", "bench:", "bench:0000000001:", "bench:000000000x:00000000000000000001\""])
    func foreign(_ text: String) { #expect(stamp(in: text) == nil) }

    @Test("the ID is found with and without spaces, and is not job_id's")
    func ids() {
        #expect(id(in: #"{"id":"17-2", "job_id": "1-0"}"#) == StreamID(milliseconds: 17, sequence: 2))
        #expect(id(in: #"{"job_id": "1-0", "id": "17-2"}"#) == StreamID(milliseconds: 17, sequence: 2))
        #expect(id(in: #"{"job_id": "1-0"}"#) == nil)
    }

    @Test("each channel has its events numbered from 0 without a gap", arguments: [1, 2, 7, 2000, 7919])
    func order(_ channels: Int) {
        let order = EventOrder(run: "t", channels: channels)
        let total = channels * 2 + channels / 2 + 1
        var next = [UInt32](repeating: 0, count: channels)
        for index in 0..<total {
            let (channel, number) = order.target(of: index)
            #expect(number == next[channel])
            next[channel] += 1
        }
        #expect(next == (0..<channels).map { order.count(channel: $0, of: total) })
    }

    @Test(
        "the share of events for nobody is kept, and the last event is for somebody",
        arguments: [0, 0.25, 0.5, 0.99, 1])
    func misses(_ share: Double) throws {
        let publication = Publication(
            redis: try #require(.init(literal: "127.0.0.1", port: 1)), prefix: "p-",
            order: EventOrder(run: "t", channels: 1),
            firstListened: 0, firstAbsent: 0, events: 1001, missShare: share, pace: .burst, size: 0)
        #expect(publication.listened == 1001 - min(Int(1001 * share), 1000))
        #expect(publication.absent(among: 1001) == publication.absent(among: 1000) || share < 1)
        #expect(publication.listened > 0)
    }
}
