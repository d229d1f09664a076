/// One event loop's figures: plain numbers, confined to the loop's thread; to count is an ordinary addition.
///
/// The gateway's figures are the sums over its loops, taken from snapshots. `Figure.all` says what each number means.
public struct LoopCounters: Sendable, Equatable {
    /// Open WebSocket connections.
    public var webSocketConnections = 0
    /// Open event streams.
    public var serverSentEventsConnections = 0
    /// Polls that wait for events.
    public var pollConnections = 0
    /// Polls that were answered with events.
    public var pollsWithEvents = 0
    /// Polls that were answered with none.
    public var pollsEmpty = 0
    /// Polls that were refused because Redis, which has what they ask for, does not answer.
    public var pollsUnavailable = 0
    /// Polls whose client was gone before the answer.
    public var pollsAbandoned = 0
    /// Channels with at least one connection on this loop.
    public var channels = 0
    /// Channels that Redis is told of that somebody is there.
    public var channelsPresent = 0
    /// Times that Redis was told so of a channel.
    public var presenceWrites = 0
    /// Sockets that take no more for now.
    public var socketsBlocked = 0
    /// Connections that wait for what Redis has of the events they missed.
    public var replaysWaiting = 0
    /// Times that connections were not accepted any more for want of a descriptor.
    public var acceptPauses = 0
    /// Times that a client had to wait for its turn to be read from, because it had sent much at once.
    public var inputsDeferred = 0
    /// WebSockets that were closed with 1009 for a message beyond `maxClientMessageBytes`.
    public var messagesTooLarge = 0
    /// Events read from the global stream; counted by the reader's owner only.
    public var eventsRead = 0
    /// Malformed entries; counted by the reader's owner only.
    public var eventsSkipped = 0
    /// Events handed to a connection, replayed ones included.
    public var deliveries = 0
    /// From the ID of an event to its being written to a socket that was up to date: one for each such delivery.
    public var deliveryLatency = LatencyHistogram()
    /// Bytes that the kernel, or TLS, took for clients' sockets.
    public var bytesSent = 0
    /// Upgrades and event streams that were answered with an error.
    public var handshakesRefused = RefusalCounts()
    /// TLS connections that the kernel encrypts what is sent on.
    public var tlsHandshakesKernel = 0
    /// TLS connections that OpenSSL does that for.
    public var tlsHandshakesOpenSSL = 0
    /// Events that were written for a client.
    public var publishesAdded = 0
    /// Requests for what the same `Idempotency-Key` had published before.
    public var publishesRepeated = 0
    /// Requests to publish that were wrong, or not allowed.
    public var publishesRefused = 0
    /// Requests to publish of which nothing was written, for lack of Redis or of room.
    public var publishesUnavailable = 0
    /// Events of which it is not known whether Redis has them.
    public var publishesUnknown = 0
    /// Times that a client's missed events all came from the log.
    public var replaysFromMemory = 0
    /// Times that a client's missed events, or the first of them, came from its channel's stream.
    public var replaysFromChannelStream = 0
    /// Events handed to connections that had missed them.
    public var eventsReplayed = 0
    /// Connections whose last ID was older than what Redis retains.
    public var gaps = 0
    /// Connections that the client closed.
    public var closedByClient = 0
    /// Connections dropped by liveness.
    public var closedByTimeout = 0
    /// Connections closed because what they had not read was gone.
    public var closedAsSlow = 0
    /// Connections closed because the server leaves.
    public var closedByDrain = 0
    /// Connections closed at their token's expiry.
    public var closedAsExpired = 0
    /// Connections closed at the greatest age that one may reach.
    public var closedByAge = 0
    /// Connections ended by a failed call or a breach of protocol.
    public var closedByError = 0
    /// 1 while the reader is connected to Redis, otherwise 0; set by the reader's owner only.
    public var redisConnected = 0
    /// Lost connections to Redis that were made again.
    public var redisReconnects = 0
    /// Times that the global stream did not go on where it had been read to; counted by the reader's owner only.
    public var streamBreaks = 0
    /// When last read: now less the newest event's ID; 0 when idle. Set by the reader's owner only.
    public var streamLagMilliseconds = 0
    /// Memory that the log holds. Loops share it, so that of all loops together is that of the one that has most.
    public var historyBytes = 0
    /// Age of the log's oldest event; 0 when it is empty.
    public var historyOldestAgeMilliseconds = 0

    /// Nothing counted yet.
    public init() {}

    /// The figures as they are now, to be handed to another thread.
    public func snapshot() -> Snapshot {
        Snapshot(self)
    }
}

/// How many handshakes were refused, by reason. Refusals are rare, reasons few: a list that is searched.
public struct RefusalCounts: Sendable, Equatable {
    /// So that a reason made of a client's bytes by mistake could not grow memory.
    public static let maxReasons = 64

    /// Where the reasons beyond `maxReasons` are counted.
    public static let otherReason = "other"

    /// One reason's refusals.
    public struct Count: Sendable, Equatable {
        /// The word it was counted under.
        public let reason: String
        /// How many there were.
        public fileprivate(set) var count: Int
    }

    /// Each reason once, in the order of their first refusals.
    public private(set) var counts: [Count] = []

    /// Nothing counted yet.
    public init() {}

    /// Counts refusals.
    /// - Parameter reason: one of a fixed set of words, such as a token refusal's `tag`.
    public mutating func add(_ reason: String, _ count: Int = 1) {
        if let index = counts.firstIndex(where: { $0.reason == reason }) {
            counts[index].count += count
        } else if counts.count < Self.maxReasons || reason == Self.otherReason {
            counts.append(Count(reason: reason, count: count))
        } else {
            add(Self.otherReason, count)
        }
    }

    /// The refusals for this reason.
    public subscript(reason: String) -> Int {
        counts.first { $0.reason == reason }?.count ?? 0
    }
}
