import Foundation
import TestSupport
import Testing

@testable import sluice

/// What systemd is told: sd_notify(3).
@Suite("The service manager")
struct ServiceManagerTests {
    @Test("is told when the port is open, and when the gateway leaves", arguments: [false, true])
    func readyAndStopping(isAbstract: Bool) throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let manager = try NotifySocket(isAbstract: isAbstract)
        var environment = RestartTests.environment(redis, port)
        environment["NOTIFY_SOCKET"] = manager.name
        let gateway = try SluiceProcess(["serve"], environment: environment)
        #expect(try manager.next() == ["READY=1", "STATUS=Serving on port \(port)"])
        // Connected to at once, without another try.
        _ = try TestSocket.connect(port: port)
        gateway.kill(SIGTERM)
        #expect(try manager.next() == ["STOPPING=1", "STATUS=Draining"])
        #expect(try gateway.exitStatus() == 0)
    }

    @Test("is told of Redis' absence by nothing: the gateway serves, and says itself that it is not ready")
    func readyWithoutRedis() throws {
        let port = try freePort()
        let manager = try NotifySocket()
        let redis = try RedisProcess()
        var environment = RestartTests.environment(redis, port)
        redis.kill()
        environment["NOTIFY_SOCKET"] = manager.name
        let gateway = try SluiceProcess(["serve"], environment: environment)
        #expect(try manager.next().contains("READY=1"))
        gateway.kill(SIGKILL)
    }

    @Test("gets its signs of life when it wants them, and only of the process that it means")
    func watchdog() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let manager = try NotifySocket()
        var environment = RestartTests.environment(redis, port)
        environment["NOTIFY_SOCKET"] = manager.name
        environment["WATCHDOG_USEC"] = "100000"
        let gateway = try SluiceProcess(["serve"], environment: environment)
        #expect(try manager.next().contains("READY=1"))
        for _ in 0..<3 { #expect(try manager.next() == ["WATCHDOG=1"]) }
        gateway.kill(SIGTERM)
        #expect(try gateway.exitStatus() == 0)

        let own = getpid()
        func pause(_ variables: [String: String]) throws -> UInt64? {
            try ServiceManager(variables.merging(["NOTIFY_SOCKET": "/x"]) { $1 }, processID: own)?.watchdogPause
        }
        #expect(try pause(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "\(own)"]) == 1_500_000)
        #expect(try pause(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "\(own + 1)"]) == nil)
        #expect(try pause(["WATCHDOG_USEC": "soon"]) == nil)
        #expect(try pause([:]) == nil)
    }

    @Test("that is not there, or has left, is no reason not to serve")
    func absent() throws {
        #expect(try ServiceManager([:], processID: 1) == nil)
        #expect(try ServiceManager(["NOTIFY_SOCKET": ""], processID: 1) == nil)
        let gone = try #require(try ServiceManager(["NOTIFY_SOCKET": "/nowhere/notify"], processID: 1))
        #expect(!gone.tell("READY=1"))
    }

    @Test(
        "whose socket cannot be used is complained of in a sentence",
        arguments: ["vsock:2:1234", "relative", "/" + String(repeating: "x", count: 107)])
    func unusable(name: String) throws {
        let failure = #expect(throws: CommandFailure.self) {
            try ServiceManager(["NOTIFY_SOCKET": name], processID: 1)
        }
        #expect(failure?.sentences.first?.contains("NOTIFY_SOCKET is \"\(name)\"") == true)
    }
}
