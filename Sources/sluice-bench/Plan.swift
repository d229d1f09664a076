/// What a run does, in numbers.
struct Plan: Equatable, Sendable {
    enum Pace: Equatable, Sendable {
        /// All events as fast as Redis takes them, so many times, each time when the one before has arrived.
        case burst(events: Int, rounds: Int)
        /// So many events per second for so many seconds.
        case rate(perSecond: Double, seconds: Double)
        /// None.
        case silence(seconds: Double)
    }

    var sockets: Int
    var channels: Int
    var pace: Pace
    /// Bytes of an event's JSON.
    var size = 350
    /// The share, 0 to 1, of events that are for channels nobody listens to.
    var missShare = 0.0
    /// The share of readers that stop reading while events are sent.
    var stoppedShare = 0.0
    /// How long to wait before and after what is measured, in seconds: a server may have work left that belongs to what was
    /// before.
    var settle = 0.3
    /// Leave after the events, let as many again pass, and come back with `last_id`.
    var comesBack = false

    /// Events that are sent in one round, or in all at a fixed rate.
    var events: Int {
        switch pace {
        case .burst(let events, _): events
        case .rate(let perSecond, let seconds): Int(perSecond * seconds)
        case .silence: 0
        }
    }

    /// What is wrong with it; nil when it can be carried out.
    var problem: String? {
        if sockets < 1 { return "--sockets must be at least 1." }
        if channels < 1 || channels > sockets {
            return "--channels must be from 1 to the number of sockets, \(sockets)."
        }
        if size < 0 || size > 1 << 20 { return "--size must be from 0 to 1048576 bytes." }
        if !(0...3600).contains(settle) { return "--settle must be from 0 to 3600 seconds." }
        if !(0...1).contains(missShare) { return "--miss must be a share, from 0 to 1." }
        switch pace {
        case .burst(let events, let rounds):
            if events < 1 || rounds < 1 { return "--events and --rounds must be at least 1." }
        case .rate(let perSecond, let seconds):
            if perSecond <= 0 || seconds <= 0 { return "--rate and --seconds must be above 0." }
        case .silence(let seconds):
            if seconds < 0 { return "--seconds must not be below 0." }
        }
        return nil
    }
}
