import Foundation
import TestSupport
import Testing

/// Promise 6 on the built binary: what becomes of a process that may open no further file.
@Suite("Out of file descriptors", .serialized)
struct DescriptorLimitTests {
    @Test(
        "who is in is served on, ready says why nobody comes in, nothing spins, and who waits comes in when others have left"
    )
    func recovers() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        environment["EVENT_LOOPS"] = "1"
        let sluice = try SluiceProcess(["serve"], environment: environment, maxDescriptors: 64)
        try sluice.waitUntilReady(port: port)
        let listener = try WebSocketClient(port: port, channel: "alpha")
        let watcher = try TestSocket.connect(port: port)
        func ready() throws -> HTTPAnswer {
            try watcher.send(RequestText("/ready").bytes)
            return try HTTPAnswer.read(from: watcher)
        }
        #expect(try ready().status == 200)

        // The kernel takes connections that the process cannot.
        var others: [TestSocket] = []
        try eventually("there are no descriptors left") {
            others.append(try TestSocket.connect(port: port))
            return try ready().status == 503
        }
        #expect(try ready().body == "out of file descriptors\n")
        #expect(
            sluice.standardError.contains("out of file descriptors")
                || sluice.standardOutput.contains("out of file descriptors"))
        try watcher.send(RequestText("/metrics").bytes)
        let figures = try HTTPAnswer.read(from: watcher).body
        #expect(
            figures.contains("\nsluice_accept_pauses_total ") && !figures.contains("\nsluice_accept_pauses_total 0\n"))
        try watcher.send(RequestText("/health").bytes)
        #expect(try HTTPAnswer.read(from: watcher).status == 200)

        try redis.publish("alpha", sampleEvent("alpha", "1"))
        #expect(try listener.event().contains("qc-1"))
        // A listener that is watched in vain would wake the loop without end: a hundred ticks in a second.
        var least = Int.max
        let deadline = Deadline()
        while least > 10, !deadline.isOver {
            let before = try ProcessFacts.cpuTicks(ofProcess: sluice.processID)
            _ = watcher.hasInput(within: 1000)
            least = min(least, try ProcessFacts.cpuTicks(ofProcess: sluice.processID) - before)
        }
        #expect(least <= 10)

        let waiting = try TestSocket.connect(port: port)
        try waiting.send(RequestText("/health").bytes)
        for other in others { other.close() }
        #expect(try HTTPAnswer.read(from: waiting).status == 200)
        try eventually("it is ready again") { try ready().status == 200 }
        let newcomer = try WebSocketClient(port: port, channel: "alpha")
        withExtendedLifetime(newcomer) {}
    }
}
