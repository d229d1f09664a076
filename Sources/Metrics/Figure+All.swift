extension Figure {
    /// Every figure, in the order in which they are printed.
    public static let all: [Figure] = [
        .gauge("connections", "Connections that are open now, by transport.", by: "transport") {
            [
                ("websocket", $0.webSocketConnections), ("sse", $0.serverSentEventsConnections),
                ("poll", $0.pollConnections),
            ]
        },
        .gauge("channels", "Channels with a connection, counted once per event loop that has one.") { $0.channels },
        .gauge(
            "channels_present",
            "Channels that Redis is told of that somebody is there, counted once per event loop; 0 without presence."
        ) { $0.channelsPresent },
        .counter("presence_writes", "Times that Redis was told of a channel that somebody is there.") {
            $0.presenceWrites
        },
        .gauge(
            "sockets_blocked",
            "Sockets that take no more for now: their clients read more slowly than they are sent to."
        ) {
            $0.socketsBlocked
        },
        .gauge("replays_waiting", "Connections that wait for what Redis has of the events they missed.") {
            $0.replaysWaiting
        },
        .counter("accept_pauses", "Times that no connection was accepted any more for want of a file descriptor.") {
            $0.acceptPauses
        },
        .counter(
            "inputs_deferred",
            "Times that a client had to wait for its turn to be read from, because it had sent much at once."
        ) { $0.inputsDeferred },
        .counter("messages_too_large", "Clients' messages beyond maxClientMessageBytes; each ended its WebSocket.") {
            $0.messagesTooLarge
        },
        .counter("events_read", "Events read from the global stream.") { $0.eventsRead },
        .counter("events_skipped", "Entries of the global stream that were malformed and skipped.") {
            $0.eventsSkipped
        },
        .counter("deliveries", "Events handed to a connection, replayed ones included.") { $0.deliveries },
        Figure(
            "delivery_latency", .histogram,
            "Time from an event's ID, which is Redis' clock, to its being written to a socket that was up to date.",
            unit: .milliseconds, sender: .eachLoop, values: { _ in [] }, histogram: { $0.figures.deliveryLatency }),
        .counter("bytes_sent", "Bytes written to clients' sockets: events, frames, heads and answers, before TLS.") {
            $0.bytesSent
        },
        .counter(
            "handshakes_refused", "Handshakes, and other requests with a token, that were refused, by reason.",
            by: "reason"
        ) {
            $0.handshakesRefused.counts.map { ($0.reason, $0.count) }
        },
        .counter(
            "tls_handshakes", "TLS handshakes that were completed, by who encrypts what is sent from then on.",
            by: "encrypted_by"
        ) { [("kernel", $0.tlsHandshakesKernel), ("openssl", $0.tlsHandshakesOpenSSL)] },
        .counter("polls", "Polls that have ended, by answer.", by: "answer") {
            [
                ("events", $0.pollsWithEvents), ("empty", $0.pollsEmpty), ("unavailable", $0.pollsUnavailable),
                ("abandoned", $0.pollsAbandoned),
            ]
        },
        .counter("publishes", "Requests to publish an event, by result.", by: "result") {
            [
                ("added", $0.publishesAdded), ("repeated", $0.publishesRepeated), ("refused", $0.publishesRefused),
                ("unavailable", $0.publishesUnavailable), ("unknown", $0.publishesUnknown),
            ]
        },
        .counter("replays", "Times that a client was given events it had missed, by source.", by: "source") {
            [("memory", $0.replaysFromMemory), ("channel_stream", $0.replaysFromChannelStream)]
        },
        .counter("events_replayed", "Events handed to a connection because it had missed them.") {
            $0.eventsReplayed
        },
        .counter("gaps", "Connections whose last ID was older than what Redis retains.") { $0.gaps },
        .counter("connections_closed", "Connections that have ended, by reason.", by: "reason") {
            [
                ("client", $0.closedByClient), ("timeout", $0.closedByTimeout), ("slow", $0.closedAsSlow),
                ("drain", $0.closedByDrain), ("expired", $0.closedAsExpired), ("age", $0.closedByAge),
                ("error", $0.closedByError),
            ]
        },
        .gauge("redis_connected", "1 while the reader is connected to Redis, otherwise 0.") { $0.redisConnected },
        .counter("redis_reconnects", "Times that a lost connection to Redis was made again.") { $0.redisReconnects },
        .counter(
            "stream_breaks",
            "Times that the global stream did not go on where it had been read to (flushed, failed over, trimmed unread)."
        ) { $0.streamBreaks },
        .gauge("stream_lag", "Age of the newest event when it was read; 0 when idle.", unit: .milliseconds) {
            $0.streamLagMilliseconds
        },
        .gauge("history_bytes", "Memory that the log holds, from which reconnects are served.", unit: .bytes) {
            $0.historyBytes
        },
        .gauge("history_oldest_age", "How far back the log reaches; 0 when it is empty.", unit: .milliseconds) {
            $0.historyOldestAgeMilliseconds
        },

        .process("history_capacity_bytes", .gauge, "What sluice_history_bytes may come to.", unit: .bytes) {
            $0.historyCapacityBytes
        },
        .process("event_loops", .gauge, "Threads that serve connections.") { $0.eventLoops },
        Figure(
            "build", .info, "The version that runs.", label: "version", sender: .none,
            values: { snapshot in snapshot.process.map { [($0.version, 1)] } ?? [] }),
        .process(
            "process_start_time", .gauge, "When the process began, since 1970.", unit: .milliseconds, prefix: "",
            sender: .none
        ) { $0.startMilliseconds },
        .process(
            "process_cpu", .counter, "Time that the process has computed.", unit: .milliseconds, prefix: ""
        ) { $0.cpuMilliseconds },
        .process(
            "process_resident_memory_bytes", .gauge, "Memory of the process in RAM.", unit: .bytes, prefix: ""
        ) { $0.residentBytes },
        .process("process_open_fds", .gauge, "Descriptors that are open (Linux 6.2 and later).", prefix: "") {
            $0.openDescriptors
        },
        .process("process_max_fds", .gauge, "Descriptors that may be open.", prefix: "") { $0.maxDescriptors },
    ]

    private static func counter(
        _ base: String, _ help: String, _ value: @escaping @Sendable (LoopCounters) -> Int
    ) -> Figure {
        Figure(base, .counter, help, sender: .eachLoop, values: { [(nil, value($0.figures))] })
    }

    private static func counter(
        _ base: String, _ help: String, by label: String,
        _ values: @escaping @Sendable (LoopCounters) -> [(String, Int)]
    ) -> Figure {
        Figure(base, .counter, help, label: label, sender: .eachLoop, values: { values($0.figures).map { ($0, $1) } })
    }

    private static func gauge(
        _ base: String, _ help: String, unit: Unit = .things, _ value: @escaping @Sendable (LoopCounters) -> Int
    ) -> Figure {
        Figure(base, .gauge, help, unit: unit, sender: .oneLoop, values: { [(nil, value($0.figures))] })
    }

    private static func gauge(
        _ base: String, _ help: String, by label: String,
        _ values: @escaping @Sendable (LoopCounters) -> [(String, Int)]
    ) -> Figure {
        Figure(base, .gauge, help, label: label, sender: .oneLoop, values: { values($0.figures).map { ($0, $1) } })
    }

    private static func process(
        _ base: String, _ kind: Kind, _ help: String, unit: Unit = .things, prefix: String = "sluice_",
        sender: Sender = .oneLoop, _ value: @escaping @Sendable (ProcessFigures) -> Int?
    ) -> Figure {
        Figure(
            base, kind, help, unit: unit, prefix: prefix, sender: sender,
            values: { $0.process.flatMap(value).map { [(nil, $0)] } ?? [] })
    }
}
