import Metrics
import Testing

@Suite("Figures")
struct FigureTests {
    /// Every number of its own, so that a forgotten or mixed-up one shows.
    private func distinctCounters() -> LoopCounters {
        var counters = LoopCounters()
        counters.webSocketConnections = 1
        counters.serverSentEventsConnections = 2
        counters.channels = 3
        counters.eventsRead = 4
        counters.eventsSkipped = 5
        counters.deliveries = 6
        counters.bytesSent = 7
        counters.handshakesRefused.add("token_signature", 8)
        counters.handshakesRefused.add("origin", 9)
        counters.pollConnections = 35
        counters.pollsWithEvents = 36
        counters.pollsEmpty = 37
        counters.pollsUnavailable = 38
        counters.pollsAbandoned = 39
        counters.channelsPresent = 40
        counters.presenceWrites = 41
        counters.tlsHandshakesKernel = 42
        counters.tlsHandshakesOpenSSL = 43
        counters.publishesAdded = 30
        counters.publishesRepeated = 31
        counters.publishesRefused = 32
        counters.publishesUnavailable = 33
        counters.publishesUnknown = 34
        counters.replaysFromMemory = 10
        counters.replaysFromChannelStream = 11
        counters.eventsReplayed = 12
        counters.gaps = 13
        counters.closedByClient = 14
        counters.closedByTimeout = 15
        counters.closedAsSlow = 16
        counters.closedByDrain = 17
        counters.closedAsExpired = 18
        counters.closedByAge = 118
        counters.closedByError = 19
        counters.redisConnected = 1
        counters.redisReconnects = 21
        counters.streamBreaks = 23
        counters.streamLagMilliseconds = 22
        counters.socketsBlocked = 24
        counters.replaysWaiting = 25
        counters.inputsDeferred = 29
        counters.messagesTooLarge = 44
        counters.acceptPauses = 30
        counters.historyBytes = 26
        counters.historyOldestAgeMilliseconds = 27
        counters.deliveryLatency.record(microseconds: 600, count: 28)
        return counters
    }

    private func text(_ snapshot: Snapshot) -> [String] {
        Figure.all.flatMap { figure in
            figure.samples(in: snapshot).map { sample in
                let label = sample.label.map { "{\($0.name)=\($0.value)}" } ?? ""
                return "\(figure.prometheusName)\(label) \(sample.value)"
            }
                + (figure.histogram(in: snapshot).map { ["\(figure.prometheusName) \($0.count) \($0.sum)"] } ?? [])
        }
    }

    @Test("the table prints every number under its name")
    func table() {
        #expect(
            text(distinctCounters().snapshot()) == [
                "sluice_connections{transport=websocket} 1", "sluice_connections{transport=sse} 2",
                "sluice_connections{transport=poll} 35",
                "sluice_channels 3", "sluice_channels_present 40", "sluice_presence_writes_total 41",
                "sluice_sockets_blocked 24", "sluice_replays_waiting 25",
                "sluice_accept_pauses_total 30", "sluice_inputs_deferred_total 29",
                "sluice_messages_too_large_total 44", "sluice_events_read_total 4",
                "sluice_events_skipped_total 5",
                "sluice_deliveries_total 6", "sluice_delivery_latency_seconds 28 16800", "sluice_bytes_sent_total 7",
                "sluice_handshakes_refused_total{reason=token_signature} 8",
                "sluice_handshakes_refused_total{reason=origin} 9",
                "sluice_tls_handshakes_total{encrypted_by=kernel} 42",
                "sluice_tls_handshakes_total{encrypted_by=openssl} 43", "sluice_polls_total{answer=events} 36",
                "sluice_polls_total{answer=empty} 37", "sluice_polls_total{answer=unavailable} 38",
                "sluice_polls_total{answer=abandoned} 39", "sluice_publishes_total{result=added} 30",
                "sluice_publishes_total{result=repeated} 31", "sluice_publishes_total{result=refused} 32",
                "sluice_publishes_total{result=unavailable} 33", "sluice_publishes_total{result=unknown} 34",
                "sluice_replays_total{source=memory} 10",
                "sluice_replays_total{source=channel_stream} 11", "sluice_events_replayed_total 12",
                "sluice_gaps_total 13", "sluice_connections_closed_total{reason=client} 14",
                "sluice_connections_closed_total{reason=timeout} 15", "sluice_connections_closed_total{reason=slow} 16",
                "sluice_connections_closed_total{reason=drain} 17",
                "sluice_connections_closed_total{reason=expired} 18",
                "sluice_connections_closed_total{reason=age} 118",
                "sluice_connections_closed_total{reason=error} 19", "sluice_redis_connected 1",
                "sluice_redis_reconnects_total 21", "sluice_stream_breaks_total 23", "sluice_stream_lag_seconds 22",
                "sluice_history_bytes 26", "sluice_history_oldest_age_seconds 27",
            ])
    }

    @Test("the table has every field of the counters")
    func complete() {
        // The refusals are one field and, before the first, no sample.
        let fields = Mirror(reflecting: LoopCounters()).children.count
        #expect(text(Snapshot()).count == fields - 1)
    }

    @Test("names are plain words, each once, and every figure has its sentence")
    func names() {
        let names = Figure.all.map(\.name)
        #expect(Set(names).count == names.count)
        for figure in Figure.all {
            #expect(figure.name.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") })
            #expect(figure.help.hasSuffix("."))
        }
    }

    @Test("loops add up, and what only the reader sets is taken from the reader")
    func sum() {
        var second = LoopCounters()
        second.deliveries = 100
        second.handshakesRefused.add("origin", 1)
        second.handshakesRefused.add("draining", 2)
        let sum = Snapshot.sum([distinctCounters().snapshot(), second.snapshot()])
        #expect(sum.figures.deliveries == 106)
        #expect(sum.figures.handshakesRefused["origin"] == 10)
        #expect(sum.figures.handshakesRefused["draining"] == 2)
        #expect(sum.figures.redisConnected == 1)

        let twice = Snapshot.sum([distinctCounters().snapshot(), distinctCounters().snapshot()])
        for (once, doubled) in zip(
            Figure.all.flatMap { $0.samples(in: distinctCounters().snapshot()) },
            Figure.all.flatMap { $0.samples(in: twice) })
        {
            let isOfOne = [22, 26, 27].contains(once.value) || (once.value == 1 && once.label == nil)
            #expect(doubled.value == (isOfOne ? once.value : 2 * once.value))
        }
        #expect(twice.figures.deliveryLatency.count == 56)
        #expect(Snapshot.sum([]) == Snapshot())
    }

    @Test("what is known of the process has its names, and none as long as nobody has looked")
    func process() {
        var snapshot = Snapshot()
        let without = text(snapshot).count
        var process = ProcessFigures()
        process.version = "9"
        process.startMilliseconds = 1
        process.cpuMilliseconds = 2
        process.residentBytes = 3
        process.openDescriptors = 4
        process.maxDescriptors = 5
        process.eventLoops = 6
        process.historyCapacityBytes = 7
        snapshot.process = process
        #expect(
            text(snapshot).dropFirst(without) == [
                "sluice_history_capacity_bytes 7", "sluice_event_loops 6", "sluice_build_info{version=9} 1",
                "process_start_time_seconds 1", "process_cpu_seconds_total 2", "process_resident_memory_bytes 3",
                "process_open_fds 4", "process_max_fds 5",
            ])
        #expect(Mirror(reflecting: process).children.count == 8)
    }

    @Test("StatsD has milliseconds where Prometheus has seconds, and says so")
    func units() {
        let names = Dictionary(uniqueKeysWithValues: Figure.all.map { ($0.name, $0.prometheusName) })
        #expect(names["stream_lag_ms"] == "sluice_stream_lag_seconds")
        #expect(names["delivery_latency"] == "sluice_delivery_latency_seconds")
        #expect(names["process_cpu_ms"] == "process_cpu_seconds_total")
        for figure in Figure.all where figure.unit == .milliseconds && figure.kind != .histogram {
            #expect(figure.name.hasSuffix("_ms"))
        }
    }

    @Test("a snapshot does not change when counting goes on")
    func immutable() {
        var counters = LoopCounters()
        counters.deliveries += 1
        let snapshot = counters.snapshot()
        counters.deliveries += 1
        #expect(snapshot.figures.deliveries == 1)
    }

    @Test("reasons without end are counted as other")
    func boundedReasons() {
        var counts = RefusalCounts()
        for number in 0..<1000 { counts.add("reason_\(number)") }
        #expect(counts.counts.count == RefusalCounts.maxReasons + 1)
        #expect(counts[RefusalCounts.otherReason] == 1000 - RefusalCounts.maxReasons)
        #expect(counts["reason_0"] == 1)
        #expect(counts["reason_999"] == 0)
    }
}
