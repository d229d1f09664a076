import TestSupport
import Testing

@testable import Metrics

@Suite("Prometheus text")
struct PrometheusTextTests {
    static func snapshot() -> Snapshot {
        var counters = LoopCounters()
        counters.webSocketConnections = 3
        counters.bytesSent = 1 << 40
        counters.handshakesRefused.add("origin", 2)
        counters.deliveryLatency.record(microseconds: 499)
        counters.deliveryLatency.record(microseconds: 1_000_000, count: 4)
        counters.deliveryLatency.record(microseconds: 31_000_000)
        counters.streamLagMilliseconds = 1203
        var snapshot = counters.snapshot()
        var process = ProcessFigures()
        process.version = "1.2\"3\\4\n5"
        process.cpuMilliseconds = 12_340
        process.startMilliseconds = 1_700_000_000_123
        process.openDescriptors = 17
        snapshot.process = process
        return snapshot
    }

    private func text(_ format: PrometheusText.Format) -> String {
        String(decoding: PrometheusText.render(Self.snapshot(), as: format), as: UTF8.self)
    }

    @Test("both forms are read without fault, with nothing and with something in them")
    func valid() throws {
        for (format, asked) in [(PrometheusText.Format.text, Scrape.Format.text), (.openMetrics, .openMetrics)] {
            let full = try Scrape(text(format), asked)
            #expect(full.families.count == Figure.all.count)
            let empty = try Scrape(
                String(decoding: PrometheusText.render(Snapshot(), as: format), as: UTF8.self), asked)
            #expect(empty.families.count == Figure.all.count)
            #expect(empty.value("sluice_deliveries_total") == 0)
        }
    }

    @Test("both forms have the same series with the same values")
    func sameSeries() throws {
        let series = try Scrape(text(.text), .text).series
        #expect(try Scrape(text(.openMetrics), .openMetrics).series == series)
        #expect(series["sluice_connections{transport=\"websocket\"}"] == 3)
        #expect(series["sluice_bytes_sent_total"] == Double(1 << 40))
        #expect(series["sluice_stream_lag_seconds"] == 1.203)
        #expect(series["process_cpu_seconds_total"] == 12.34)
        #expect(series["process_start_time_seconds"] == 1_700_000_000.123)
        #expect(series["process_open_fds"] == 17)
    }

    @Test("the histogram is cumulative, in seconds")
    func histogram() throws {
        let scrape = try Scrape(text(.openMetrics), .openMetrics)
        let name = "sluice_delivery_latency_seconds"
        #expect(scrape.value("\(name)_bucket", ["le": "0.0005"]) == 1)
        #expect(scrape.value("\(name)_bucket", ["le": "0.5"]) == 1)
        #expect(scrape.value("\(name)_bucket", ["le": "1.0"]) == 5)
        #expect(scrape.value("\(name)_bucket", ["le": "30.0"]) == 5)
        #expect(scrape.value("\(name)_bucket", ["le": "+Inf"]) == 6)
        #expect(scrape.value("\(name)_count") == 6)
        #expect(scrape.value("\(name)_sum") == 35.000499)
    }

    @Test("OpenMetrics names families without their samples' endings, names units, and ends in # EOF")
    func openMetrics() {
        let lines = text(.openMetrics).split(separator: "\n")
        for line in [
            "# TYPE sluice_events_read counter", "sluice_events_read_total 0", "# TYPE sluice_build info",
            #"sluice_build_info{version="1.2\"3\\4\n5"} 1"#, "# UNIT sluice_delivery_latency_seconds seconds",
            "# UNIT process_resident_memory_bytes bytes", "# UNIT process_cpu_seconds seconds", "# EOF",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
        #expect(lines.last == "# EOF")
    }

    @Test("the text format has the names with their endings, gauges for infos, and no units")
    func textFormat() {
        let lines = text(.text).split(separator: "\n")
        for line in [
            "# TYPE sluice_events_read_total counter", "# TYPE sluice_build_info gauge",
            "# TYPE sluice_delivery_latency_seconds histogram", "sluice_channels 0",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
        #expect(!lines.contains { $0.hasPrefix("# UNIT") || $0.hasPrefix("# EOF") })
    }

    @Test("what a kernel does not tell is no sample, and no nought")
    func unknown() throws {
        var snapshot = Self.snapshot()
        snapshot.process?.openDescriptors = nil
        let text = String(decoding: PrometheusText.render(snapshot, as: .text), as: UTF8.self)
        #expect(try Scrape(text, .text).value("process_open_fds") == nil)
    }

    @Test("help texts and labels are escaped as each form has it")
    func escaping() {
        #expect(PrometheusText.escapedHelp("a\\b\"c\nd", as: .text) == #"a\\b"c\nd"#)
        #expect(PrometheusText.escapedHelp("a\\b\"c\nd", as: .openMetrics) == #"a\\b\"c\nd"#)
        #expect(PrometheusText.escapedValue("a\\b\"c\nd") == #"a\\b\"c\nd"#)
    }

    @Test(
        "decimals are exact",
        arguments: [
            (0, 3, "0"), (1, 3, "0.001"), (10, 3, "0.01"), (1000, 3, "1"), (1200, 3, "1.2"), (-1500, 3, "-1.5"),
            (35_000_499, 6, "35.000499"), (Int.max, 6, "9223372036854.775807"), (Int.min, 3, "-9223372036854775.808"),
        ])
    func decimals(value: Int, digits: Int, text: String) {
        #expect(PrometheusText.decimal(value, fractionDigits: digits) == text)
    }

    @Test(
        "bounds of buckets always have a point", arguments: [(500, "0.0005"), (1_000_000, "1.0"), (30_000_000, "30.0")])
    func boundTexts(microseconds: Int, text: String) {
        #expect(PrometheusText.boundText(microseconds) == text)
    }

    @Test(
        "the reader of these tests finds fault with what promtool does not take",
        arguments: [
            "a_total 1\n", "# HELP a A.\n# TYPE a gauge\na 1", "# HELP a A.\na 1\n# TYPE a gauge\n",
            "# HELP a A.\n# TYPE a gauge\n# TYPE a gauge\na 1\n", "# HELP a A.\n# TYPE a gauge\na 1\na 2\n",
            "# HELP a A.\n# TYPE a gauge\na 1\n\n", "# HELP a A.\n# TYPE a gauge\na one\n",
            "# HELP a A.\n# TYPE a gauge\na{b=\"c} 1\n", "# HELP a A.\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
            "# HELP a A.\n# TYPE a gauge\na{b=\"1\",b=\"1\"} 1\n", "# HELP a A.\n# TYPE a gauge\nb 1\n",
            "# HELP a A.\n# TYPE a counter\na 1\n", "# HELP a_total A.\n# TYPE a_total counter\na_total -1\n",
            "# TYPE a gauge\na 1\n", "# HELP a A.\n# TYPE a thing\na 1\n",
            "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n",
            "# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n",
            "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_sum 1\na_count 1\n",
            "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
            "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"2.0\"} 1\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
            "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
            "# HELP a A.\n# TYPE a gauge\n# UNIT a seconds\na 1\n", "# HELP a A.\n# TYPE a gauge\na 1\n# EOF\n",
        ])
    func reader(text: String) {
        #expect(throws: (any Error).self) { try Scrape(text, .text) }
    }

    @Test("and with what OpenMetrics does not take")
    func openMetricsReader() throws {
        let good = "# HELP a_seconds A.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n"
        #expect(try Scrape(good, .openMetrics).value("a_seconds_total") == 1)
        for bad in [
            String(good.dropLast("# EOF\n".utf8.count)), good + "# EOF\n",
            good.replacing("# TYPE a_seconds counter", with: "# TYPE a_seconds_total counter"),
            good.replacing("UNIT a_seconds seconds", with: "UNIT a_seconds bytes"),
            good.replacing("a_seconds_total 1", with: "a_seconds 1"), good.replacing("A.", with: "\"A\"."),
        ] {
            #expect(throws: (any Error).self) { try Scrape(bad, .openMetrics) }
        }
    }
}
