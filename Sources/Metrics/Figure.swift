/// A figure that the gateway gives out: the one table of names and help texts (DESIGN 1.6).
public struct Figure: Sendable {
    /// How the figure moves.
    public enum Kind: Sendable, Equatable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
    }

    /// Which part of a figure a number is: `transport` and `websocket`, for example.
    public struct Label: Sendable, Equatable {
        /// The same for all of a figure's numbers.
        public let name: String
        /// A lower-case word.
        public let value: String
    }

    /// One number of the figure, with its label if it has one.
    public struct Sample: Sendable, Equatable {
        /// Nil for a figure that is one number.
        public let label: Label?
        /// The count or level.
        public let value: Int
    }

    /// The name in StatsD: lower-case words with underscores.
    public let name: String
    /// Counter or gauge.
    public let kind: Kind
    /// One sentence.
    public let help: String
    private let read: @Sendable (LoopCounters) -> [Sample]

    /// The name in Prometheus: the same with the house's prefix and the usual ending.
    public var prometheusName: String {
        switch kind {
        case .counter: "sluice_\(name)_total"
        case .gauge: "sluice_\(name)"
        }
    }

    /// The figure's numbers in a snapshot. A figure by reason has none before its first.
    public func samples(in snapshot: Snapshot) -> [Sample] {
        read(snapshot.figures)
    }

    /// Every figure, in the order in which they are printed.
    public static let all: [Figure] = [
        Figure("connections", .gauge, "Connections that are open now, by transport.", by: "transport") {
            [("websocket", $0.webSocketConnections), ("sse", $0.serverSentEventsConnections)]
        },
        Figure("channels", .gauge, "Channels with a connection, counted once per event loop that has one.") {
            $0.channels
        },
        Figure("events_read", .counter, "Events read from the global stream.") { $0.eventsRead },
        Figure("events_skipped", .counter, "Entries of the global stream that were malformed and skipped.") {
            $0.eventsSkipped
        },
        Figure("deliveries", .counter, "Events handed to a connection, replayed ones included.") { $0.deliveries },
        Figure("bytes_sent", .counter, "Bytes written to clients' sockets.") { $0.bytesSent },
        Figure("handshakes_refused", .counter, "Handshakes that were refused, by reason.", by: "reason") {
            $0.handshakesRefused.counts.map { ($0.reason, $0.count) }
        },
        Figure("replays", .counter, "Connections that were given events they had missed, by source.", by: "source") {
            [("memory", $0.replaysFromMemory), ("channel_stream", $0.replaysFromChannelStream)]
        },
        Figure("events_replayed", .counter, "Events that were given to a connection because it had missed them.") {
            $0.eventsReplayed
        },
        Figure("gaps", .counter, "Connections whose last ID was older than what Redis retains.") { $0.gaps },
        Figure("connections_closed", .counter, "Connections that have ended, by reason.", by: "reason") {
            [
                ("client", $0.closedByClient), ("timeout", $0.closedByTimeout), ("slow", $0.closedAsSlow),
                ("drain", $0.closedByDrain), ("expired", $0.closedAsExpired), ("age", $0.closedByAge),
                ("error", $0.closedByError),
            ]
        },
        Figure("redis_connected", .gauge, "1 while the reader is connected to Redis, otherwise 0.") {
            $0.redisConnected
        },
        Figure("redis_reconnects", .counter, "Times that a lost connection to Redis was made again.") {
            $0.redisReconnects
        },
        Figure(
            "stream_breaks", .counter,
            "Times that the global stream did not go on where it had been read to (flushed, failed over, trimmed unread)."
        ) {
            $0.streamBreaks
        },
        Figure("stream_lag_ms", .gauge, "Age of the newest event when it was read, in milliseconds; 0 when idle.") {
            $0.streamLagMilliseconds
        },
    ]

    private init(_ name: String, _ kind: Kind, _ help: String, _ value: @escaping @Sendable (LoopCounters) -> Int) {
        self.name = name
        self.kind = kind
        self.help = help
        self.read = { [Sample(label: nil, value: value($0))] }
    }

    private init(
        _ name: String, _ kind: Kind, _ help: String, by label: String,
        _ values: @escaping @Sendable (LoopCounters) -> [(String, Int)]
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.read = { values($0).map { Sample(label: Label(name: label, value: $0.0), value: $0.1) } }
    }
}
