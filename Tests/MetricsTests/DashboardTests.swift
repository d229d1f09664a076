import Foundation
import Testing

@testable import Metrics

@Suite("The dashboard")
struct DashboardTests {
    @Test("docker/grafana/dashboards/sluice.json asks for figures that there are, and for nothing else")
    func figures() throws {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = package.appending(path: "docker/grafana/dashboards/sluice.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let known = Set(
            Figure.all.flatMap { figure in
                figure.kind == .histogram
                    ? ["_bucket", "_sum", "_count"].map { figure.prometheusName + $0 } : [figure.prometheusName]
            })
        let asked = text.matches(of: /\b(sluice|process)_[a-z_]+/).map { String($0.output.0) }
        #expect(asked.count > 20)
        for name in Set(asked) { #expect(known.contains(name), "\(name)") }
    }
}
