import Configuration
import EventLoop
import Gateway
import Glibc
import TestSupport
import Testing

@testable import sluice_bench

/// Each scenario, tiny, against a gateway of the test's own: does the generator do what it says, and does the gateway keep
/// its contract? Nothing here depends on time.
@Suite("Every scenario, tiny")
struct SmokeTests {
    private func report(
        _ scenario: Scenario, _ transport: Target.Transport, overTLS: Bool = false
    ) throws -> Report {
        let redis = try RedisProcess()
        let files = try Certificates.shared()
        let gateway = try TestGateway(redis: redis) {
            guard overTLS else { return }
            $0.tls.certificateFile = files.server
            $0.tls.keyFile = files.serverKey
        }.ready()
        let tls =
            overTLS
            ? Target.TLS(
                context: try TLSClientContext(caFile: files.authority, verifyHostname: true, resumes: true),
                serverName: "127.0.0.1") : nil
        var plan = scenario.plan
        plan.channels = max(plan.channels * 20 / plan.sockets, 1)
        plan.sockets = 20
        plan.settle = 0.05
        switch plan.pace {
        case .burst: plan.pace = .burst(events: 100, rounds: 1)
        case .rate: plan.pace = .rate(perSecond: 1000, seconds: 0.1)
        case .silence: plan.pace = .silence(seconds: 0.05)
        }
        let target = Target(
            server: try #require(SocketAddress(literal: "127.0.0.1", port: gateway.port)), transport: transport,
            tls: tls, path: transport == .webSocket ? "/" : "/events", redis: try .unix(path: redis.socketPath),
            streamPrefix: "async-events-", secret: WebSocketClient.secret, cookieName: "async-token",
            channelClaim: "channel", sources: 4, process: try ServerProcess(id: getpid()))
        return try Run(scenario, plan, target, label: "").carryOut(patience: 10)
    }

    @Test("over WebSockets", arguments: Scenario.allCases)
    func webSocket(_ scenario: Scenario) throws { try check(scenario, .webSocket) }

    @Test("over event streams", arguments: [Scenario.spread, .churn, .slow])
    func eventStream(_ scenario: Scenario) throws { try check(scenario, .eventStream) }

    @Test("over TLS", arguments: [Scenario.spread, .churn, .slow], [Target.Transport.webSocket, .eventStream])
    func secure(_ scenario: Scenario, _ transport: Target.Transport) throws {
        try check(scenario, transport, overTLS: true)
    }

    private func check(_ scenario: Scenario, _ transport: Target.Transport, overTLS: Bool = false) throws {
        let report = try report(scenario, transport, overTLS: overTLS)
        #expect(report.failure == nil)
        let expected: Double? =
            switch scenario {
            case .spread, .churn: 200
            case .broadcast: 2000
            case .steady: 100
            case .miss: 1
            case .slow: 500
            case .idle: nil
            }
        #expect(report.figures[.deliveries] == expected)
        #expect(report.figures[.cpuPerHandshake] ?? 0 > 0)
        #expect((report.figures[.returnsPerSecond] != nil) == (scenario == .churn))
    }

    @Test("a server that lets nobody in is told of, with its answer")
    func refused() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).ready()
        let target = Target(
            server: try #require(SocketAddress(literal: "127.0.0.1", port: gateway.port)), transport: .webSocket,
            path: "/",
            redis: try .unix(path: redis.socketPath), streamPrefix: "async-events-",
            secret: "another secret of more than thirty-two bytes", cookieName: "async-token", channelClaim: "channel",
            sources: 0, process: nil)
        var plan = Scenario.spread.plan
        plan.sockets = 2
        plan.channels = 1
        let run = try Run(.spread, plan, target, label: "")
        #expect { try run.carryOut(patience: 0) } throws: { "\($0)".contains("401") }
    }
}
