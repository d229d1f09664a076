/// The figures of one loop, or of several together, at one moment. Immutable but for being added up.
public struct Snapshot: Sendable, Equatable {
    /// The numbers.
    public private(set) var figures: LoopCounters
    /// What is known of the process; nil as long as nobody has asked.
    public var process: ProcessFigures?

    /// Nothing counted yet: where a sum begins.
    public init() {
        figures = LoopCounters()
    }

    init(_ figures: LoopCounters) {
        self.figures = figures
    }

    /// The figures of all loops together.
    public static func sum(_ snapshots: [Snapshot]) -> Snapshot {
        var sum = Snapshot()
        for snapshot in snapshots { sum.add(snapshot) }
        return sum
    }

    /// Adds another loop's figures: sums, but for what only the reader's owner sets and what loops
    /// share, where the greater counts.
    public mutating func add(_ other: Snapshot) {
        let other = other.figures
        figures.webSocketConnections += other.webSocketConnections
        figures.serverSentEventsConnections += other.serverSentEventsConnections
        figures.pollConnections += other.pollConnections
        figures.pollsWithEvents += other.pollsWithEvents
        figures.pollsEmpty += other.pollsEmpty
        figures.pollsUnavailable += other.pollsUnavailable
        figures.pollsAbandoned += other.pollsAbandoned
        figures.channels += other.channels
        figures.channelsPresent += other.channelsPresent
        figures.presenceWrites += other.presenceWrites
        figures.socketsBlocked += other.socketsBlocked
        figures.replaysWaiting += other.replaysWaiting
        figures.acceptPauses += other.acceptPauses
        figures.inputsDeferred += other.inputsDeferred
        figures.messagesTooLarge += other.messagesTooLarge
        figures.eventsRead += other.eventsRead
        figures.eventsSkipped += other.eventsSkipped
        figures.deliveries += other.deliveries
        figures.deliveryLatency.add(other.deliveryLatency)
        figures.bytesSent += other.bytesSent
        for refused in other.handshakesRefused.counts { figures.handshakesRefused.add(refused.reason, refused.count) }
        figures.tlsHandshakesKernel += other.tlsHandshakesKernel
        figures.tlsHandshakesOpenSSL += other.tlsHandshakesOpenSSL
        figures.publishesAdded += other.publishesAdded
        figures.publishesRepeated += other.publishesRepeated
        figures.publishesRefused += other.publishesRefused
        figures.publishesUnavailable += other.publishesUnavailable
        figures.publishesUnknown += other.publishesUnknown
        figures.replaysFromMemory += other.replaysFromMemory
        figures.replaysFromChannelStream += other.replaysFromChannelStream
        figures.eventsReplayed += other.eventsReplayed
        figures.gaps += other.gaps
        figures.closedByClient += other.closedByClient
        figures.closedByTimeout += other.closedByTimeout
        figures.closedAsSlow += other.closedAsSlow
        figures.closedByDrain += other.closedByDrain
        figures.closedAsExpired += other.closedAsExpired
        figures.closedByAge += other.closedByAge
        figures.closedByError += other.closedByError
        figures.redisConnected = max(figures.redisConnected, other.redisConnected)
        figures.redisReconnects += other.redisReconnects
        figures.streamBreaks += other.streamBreaks
        figures.streamLagMilliseconds = max(figures.streamLagMilliseconds, other.streamLagMilliseconds)
        figures.historyBytes = max(figures.historyBytes, other.historyBytes)
        figures.historyOldestAgeMilliseconds = max(
            figures.historyOldestAgeMilliseconds, other.historyOldestAgeMilliseconds)
    }
}
