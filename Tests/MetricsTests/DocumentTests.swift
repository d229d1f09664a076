import Foundation
import Metrics
import Testing

@Suite("docs/metrics.md")
struct DocumentTests {
    @Test("has the table that the code gives")
    func table() throws {
        let file = URL(fileURLWithPath: #filePath).appending(path: "../../../docs/metrics.md").standardized
        var text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: "<!-- figures: begin (written by the tests) -->\n")).upperBound
        let stop = try #require(text.range(of: "<!-- figures: end -->")).lowerBound
        if ProcessInfo.processInfo.environment["SLUICE_RECORD"] == "1" {
            text.replaceSubrange(start..<stop, with: Figure.markdownTable())
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: file, encoding: .utf8)
        #expect(written.contains(Figure.markdownTable()), "run this test with SLUICE_RECORD=1 to write it anew")
    }
}
