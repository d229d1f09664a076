import EventLog
import EventLoop
import Metrics

/// The clock that live deliveries are measured by: read once for a batch and again after some writes, never for each.
struct LatencyClock {
    /// Microseconds since 1970.
    private(set) var now = 0
    private var writes = 0

    /// What a write costs is some microseconds: so the clock is never behind by more than a fraction of a millisecond, which
    /// is as exact as IDs are.
    static let writesPerReading = 64

    mutating func read() {
        now = WallClock.nowMicroseconds()
        writes = 0
    }

    /// So many sockets were written to since the last time.
    mutating func wrote(_ sockets: Int) {
        writes += sockets
        if writes >= Self.writesPerReading { read() }
    }

    /// How long ago an ID was given, in microseconds: one in the future, by a clock ahead of ours, just now.
    func age(of id: StreamID) -> Int {
        max(now - Int(min(id.milliseconds, 1 << 52)) * 1000, 0)
    }
}

extension GatewayLoop {
    /// The first `count` events of the gather were written to so many sockets that were up to date.
    func noteLive(_ gather: Gather, _ count: Int, sockets: Int) {
        for index in 0..<count {
            counters.deliveryLatency.record(
                microseconds: latencyClock.age(of: gather.events[index].id), count: sockets)
        }
        latencyClock.wrote(sockets)
    }
}
