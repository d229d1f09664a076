/// Which channel each event is for. It can be computed for any event by itself, so producer and checkers need not share
/// a table that changes.
struct EventOrder: Sendable {
    /// The run's mark, so that what an earlier run left in Redis is none of this one's.
    let run: String
    /// How many channels have listeners.
    let channels: Int
    /// The stride that mixes the channels within a round: neighbours in the stream are not neighbours in the server's tables.
    private let stride: Int
    /// The place of each channel in a round.
    private let places: [Int]

    /// Channels with no listener: enough that no cache of a server knows them all.
    static let absentChannels = 1000

    init(run: String, channels: Int) {
        self.run = run
        self.channels = channels
        // A prime above most numbers of channels: then every channel comes once in a round.
        let prime = 7919
        stride = channels % prime == 0 ? 1 : prime
        var places = [Int](repeating: 0, count: channels)
        for place in 0..<channels { places[place * stride % channels] = place }
        self.places = places
    }

    /// The channel that the `index`-th event with listeners is for, and its number there.
    func target(of index: Int) -> (channel: Int, number: UInt32) {
        ((index % channels) * stride % channels, UInt32(index / channels))
    }

    /// How many of the first `total` events with listeners are for this channel.
    func count(channel: Int, of total: Int) -> UInt32 {
        UInt32(total / channels + (places[channel] < total % channels ? 1 : 0))
    }

    func name(channel: Int) -> String { "bench-\(run)-\(channel)" }
    func name(absent index: Int) -> String { "bench-\(run)-absent-\(index % Self.absentChannels)" }
}
