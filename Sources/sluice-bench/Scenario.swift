/// The situations that are measured, by name.
enum Scenario: String, CaseIterable, Sendable {
    /// Many channels with two sockets each, and a burst over all of them.
    case spread
    /// All sockets on one channel, and bursts into it.
    case broadcast
    /// Events at a fixed rate: what a quiet day costs, and the latency.
    case steady
    /// Events for channels that nobody listens to here: what a replica pays for the others' clients.
    case miss
    /// As many sockets as there may be, and silence: memory, and the cost of a handshake.
    case idle
    /// All leave, miss some events, and come back at once with `last_id`.
    case churn
    /// One reader in a hundred stops reading for a while.
    case slow

    /// Its numbers, where nothing else is asked for.
    var plan: Plan {
        switch self {
        case .spread: Plan(sockets: 4000, channels: 2000, pace: .burst(events: 40_000, rounds: 1))
        case .broadcast: Plan(sockets: 4000, channels: 1, pace: .burst(events: 100, rounds: 5))
        case .steady: Plan(sockets: 2000, channels: 2000, pace: .rate(perSecond: 4000, seconds: 5))
        case .miss: Plan(sockets: 100, channels: 100, pace: .burst(events: 100_000, rounds: 1), missShare: 1)
        case .idle: Plan(sockets: 18_000, channels: 9000, pace: .silence(seconds: 3))
        case .churn: Plan(sockets: 4000, channels: 2000, pace: .burst(events: 10_000, rounds: 1), comesBack: true)
        case .slow:
            Plan(
                sockets: 1000, channels: 200, pace: .rate(perSecond: 1000, seconds: 10), size: 4096, stoppedShare: 0.01)
        }
    }

    var summary: String {
        switch self {
        case .spread: "a burst over many channels, two sockets each"
        case .broadcast: "bursts into one channel that all sockets are on"
        case .steady: "events at a fixed rate"
        case .miss: "events for channels that nobody listens to"
        case .idle: "many sockets and silence"
        case .churn: "all leave, and come back with last_id"
        case .slow: "one reader in a hundred stops reading"
        }
    }
}
