import Foundation
import Testing

@testable import Metrics

@Suite("Figures as JSON")
struct FiguresJSONTests {
    @Test("each figure is there under its name, whole numbers and all, and nothing that never changes")
    func render() throws {
        let text = FiguresJSON.render(PrometheusTextTests.snapshot(), timeMilliseconds: 1_700_000_000_123)
        #expect(!text.contains("\n"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["time"] as? Int == 1_700_000_000_123)
        let figures = try #require(object["figures"] as? [String: Any])
        #expect((figures["connections"] as? [String: Int])?["websocket"] == 3)
        #expect(figures["bytes_sent"] as? Int == 1 << 40)
        #expect(figures["stream_lag_ms"] as? Int == 1203)
        #expect((figures["handshakes_refused"] as? [String: Int])?["origin"] == 2)
        let latency = try #require(figures["delivery_latency"] as? [String: [Int]])
        #expect(latency["bounds"] == LatencyHistogram.bounds)
        #expect(latency["counts"]?.count == LatencyHistogram.bounds.count + 1)
        #expect(latency["counts"]?.reduce(0, +) == 6)
        let names = Set(Figure.all.filter { $0.kind != .info }.map(\.name))
        #expect(Set(figures.keys).isSubset(of: names))
        #expect(figures["build"] == nil)
    }

    @Test("with nothing counted it is JSON too")
    func empty() throws {
        let text = FiguresJSON.render(Snapshot(), timeMilliseconds: 0)
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any])
    }
}
