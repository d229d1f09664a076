import EventLoop
import Glibc
import RedisStreams

/// Events to be published, as producers do it: first into the channel's stream, then into the global one.
struct Publication: Sendable {
    enum Pace: Sendable {
        case burst
        case rate(perSecond: Double)
    }

    /// How it went.
    enum Outcome: Sendable {
        case complete
        /// A sentence.
        case failed(String)
    }

    let redis: SocketAddress
    /// `redisStreamPrefix`
    let prefix: String
    let order: EventOrder
    /// How many events with listeners, and without, went before.
    var firstListened: Int
    var firstAbsent: Int
    let events: Int
    let missShare: Double
    let pace: Pace
    let size: Int

    /// As producers trim.
    private static let channelLength = 1000
    private static let globalLength = 1_000_000
    /// A burst is written in pieces of this size, and the replies are taken in between.
    private static let pieceBytes = 256 << 10

    /// How many of the first `count` events nobody listens to. The last of all always has listeners: its arrival says that
    /// those before it were read.
    func absent(among count: Int) -> Int {
        min(Int((Double(count) * missShare).rounded(.down)), max(events - 1, 0))
    }

    /// Of all its events.
    var listened: Int { events - absent(among: events) }

    /// Publishes on a thread of its own, so that its schedule does not depend on how busy the readers are.
    func start(_ mailbox: Mailbox<Outcome>) throws(SystemError) -> LoopThread {
        try LoopThread.start(name: "producer") {
            do throws(BenchFailure) {
                try self.run()
                mailbox.post(.complete)
            } catch {
                mailbox.post(.failed(error.sentence))
            }
        }
    }

    private func run() throws(BenchFailure) {
        let pipe = try RedisPipe(redis)
        let start = MonotonicTime.now().nanoseconds
        switch pace {
        case .burst:
            var piece: [UInt8] = []
            var replies = 0
            for index in 0..<events {
                piece += commands(for: index, at: UInt64(start))
                replies += 2
                if piece.count >= Self.pieceBytes {
                    try pipe.send(piece, replies: replies)
                    piece.removeAll(keepingCapacity: true)
                    replies = 0
                }
            }
            try pipe.send(piece, replies: replies)
        case .rate(let perSecond):
            for index in 0..<events {
                let intended = start + Int64(Double(index) * 1e9 / perSecond)
                Self.sleep(until: intended)
                try pipe.send(commands(for: index, at: UInt64(intended)), replies: 2)
            }
        }
        try pipe.finish()
    }

    private func commands(for index: Int, at nanoseconds: UInt64) -> [UInt8] {
        let absentBefore = absent(among: index)
        let channel: String
        var stamp = EventStamp(number: 0, intendedNanoseconds: nanoseconds)
        if absent(among: index + 1) > absentBefore {
            channel = order.name(absent: firstAbsent + absentBefore)
        } else {
            let target = order.target(of: firstListened + index - absentBefore)
            channel = order.name(channel: target.channel)
            stamp.number = target.number
        }
        let event = stamp.event(channel: channel, size: size)
        let channelStream = Array((prefix + channel).utf8)
        let globalStream = Array((prefix + "full").utf8)
        return Command.xadd(stream: channelStream, maximumLength: Self.channelLength, data: event).bytes
            + Command.xadd(stream: globalStream, maximumLength: Self.globalLength, data: event).bytes
    }

    private static func sleep(until nanoseconds: Int64) {
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // Returns at once when the time is past.
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}
