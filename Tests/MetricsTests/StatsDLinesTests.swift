import Metrics
import Testing

@Suite("StatsD lines")
struct StatsDLinesTests {
    private func texts(_ datagrams: [[UInt8]]) -> [String] {
        datagrams.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "a counter is written as hot-shots writes it",
        arguments: [
            ([], "ws_connected_client:1|c"), (["tag:a"], "ws_connected_client:1|c|#tag:a"),
            (["tag:a", "tag2:b"], "ws_connected_client:1|c|#tag:a,tag2:b"),
            (["alone"], "ws_connected_client:1|c|#alone"), ([""], "ws_connected_client:1|c"),
            (["", "a:b"], "ws_connected_client:1|c|#a:b"),
        ] as [([String], String)])
    func line(tags: [String], expected: String) {
        var lines = StatsDLines(globalTags: tags)
        lines.count("ws_connected_client")
        #expect(texts(lines.takeDatagrams()) == [expected])
        #expect(lines.isEmpty)
        #expect(lines.takeDatagrams().isEmpty)
    }

    @Test("each increment is a line of its own, joined without a newline at the end")
    func joined() {
        var lines = StatsDLines(globalTags: ["t:1"])
        lines.count("ws_connected_client")
        lines.count("ws_connected_client")
        lines.count("ws_client_send_error", 3)
        lines.count("ws_client_send_error", -3)
        #expect(
            texts(lines.takeDatagrams()) == [
                """
                ws_connected_client:1|c|#t:1
                ws_connected_client:1|c|#t:1
                ws_client_send_error:3|c|#t:1
                ws_client_send_error:-3|c|#t:1
                """
            ])
    }

    @Test("a datagram is filled to the last byte and never beyond", arguments: [256, 257, 279, 280, 1432])
    func datagramLimit(limit: Int) {
        var lines = StatsDLines(maxDatagramBytes: limit)
        for _ in 0..<500 { lines.count("ws_connected_client") }
        let datagrams = lines.takeDatagrams()
        #expect(datagrams.allSatisfy { $0.count <= limit && $0.last != UInt8(ascii: "\n") })
        // 23 bytes a line and a newline between two.
        #expect(datagrams.dropLast().allSatisfy { $0.count == (limit + 1) / 24 * 24 - 1 })
        let all = texts(datagrams).joined(separator: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(all == Array(repeating: "ws_connected_client:1|c", count: 500))
    }

    @Test("tags that do not fit are left out and reported")
    func longTags() {
        let long = "long:" + String(repeating: "x", count: 1400)
        var lines = StatsDLines(globalTags: ["a:1", long, "b:2"])
        #expect(lines.omittedTags == [long])
        lines.count("ws_connected_client", Int.min)
        #expect(texts(lines.takeDatagrams()) == ["ws_connected_client:-9223372036854775808|c|#a:1,b:2"])
    }

    @Test("the longest tags still leave room for a line")
    func fullTags() {
        let tag = String(repeating: "x", count: 1432 - 128 - 4)
        var lines = StatsDLines(globalTags: [tag])
        #expect(lines.omittedTags.isEmpty)
        lines.count(
            "a_name_of_one_hundred_bytes_0123456789_0123456789_0123456789_0123456789_0123456789_0123456789_012345",
            Int.min)
        #expect(lines.takeDatagrams().allSatisfy { $0.count <= 1432 })
    }

    @Test("when nobody takes them, memory is bounded and no count is lost")
    func bounded() throws {
        var lines = StatsDLines()
        let total = 50_000
        for number in 0..<total { lines.count(number % 5 == 0 ? "ws_client_send_error" : "ws_connected_client") }
        let datagrams = lines.takeDatagrams()
        #expect(datagrams.count <= StatsDLines.maxWaitingDatagrams + 1)
        var sums: [Substring: Int] = [:]
        for line in texts(datagrams).flatMap({ $0.split(separator: "\n") }) {
            let parts = line.split(whereSeparator: { $0 == ":" || $0 == "|" })
            sums[parts[0], default: 0] += try #require(Int(parts[1]))
        }
        #expect(sums == ["ws_client_send_error": total / 5, "ws_connected_client": total - total / 5])
        #expect(lines.isEmpty)
        lines.count("ws_connected_client")
        #expect(texts(lines.takeDatagrams()) == ["ws_connected_client:1|c"])
    }

    @Test("sums that overflow stay at the limit")
    func saturates() {
        var lines = StatsDLines()
        // Enough lines to fill every waiting datagram.
        for _ in 0..<(StatsDLines.maxWaitingDatagrams + 1) * 60 { lines.count("ws_connected_client") }
        lines.count("bytes_sent", Int.max)
        lines.count("bytes_sent", Int.max)
        #expect(texts(lines.takeDatagrams()).last?.hasSuffix("bytes_sent:9223372036854775807|c") == true)
    }

    @Test(
        "a level and a timer are lines of their own kind, with a rate before the tags and their own tag behind the global ones"
    )
    func kinds() {
        let label = Figure.all[0].samples(in: Snapshot())[0].label
        var lines = StatsDLines(globalTags: ["a:1"])
        lines.append("connections", value: "5", .gauge, tag: label)
        lines.append("delivery_latency", value: "0.5", .timer, rate: "0.25")
        #expect(
            texts(lines.takeDatagrams()) == [
                "connections:5|g|#a:1,transport:websocket\ndelivery_latency:0.5|ms|@0.25|#a:1"
            ])
        var bare = StatsDLines()
        bare.append("connections", value: "5", .gauge, tag: label)
        #expect(texts(bare.takeDatagrams()) == ["connections:5|g|#transport:websocket"])
    }

    @Test(
        "tags are cleaned as hot-shots 17 cleans them",
        arguments: [
            ("env:prod", "env:prod"), ("url:http://host:80/x", "url:http://host:80/x"), ("a|b:c|d", "a_b:c_d"),
            ("k:line\nbreak", "k:line_break"), ("k:a\r\nb", "k:a\r_b"), ("a,b", "a_b"), ("k:#1@2", "k:_1_2"),
            (":x:y", "_x_y"), ("größe:ü", "größe:ü"), ("", ""),
        ])
    func cleaned(tag: String, expected: String) {
        #expect(StatsDTags.cleaned(tag) == expected)
    }

    @Test("a hostile tag cannot begin a line or a field of its own")
    func hostileTag() {
        var lines = StatsDLines(globalTags: ["a:b\nevil:1|c", "x|@0.1"])
        lines.count("ws_connected_client")
        #expect(texts(lines.takeDatagrams()) == ["ws_connected_client:1|c|#a:b_evil:1_c,x__0.1"])
    }

    @Test("Datadog's variables add tags and take the place of configured ones")
    func datadog() {
        let environment = ["DD_ENV": "prod:eu", "DD_VERSION": "1.2", "DD_SERVICE": ""]
        #expect(
            StatsDTags.withDatadogTags(["env:dev", "team:x", "environment:y"]) { environment[$0] }
                == ["team:x", "environment:y", "env:prod_eu", "version:1.2"])
        #expect(StatsDTags.withDatadogTags(["env:dev"]) { _ in nil } == ["env:dev"])
    }
}
