import Configuration
import Foundation
import TestSupport
import Testing

extension BrowserTests {
    /// The last way that is left.
    @Suite("sluice.js, polling")
    struct PollingTests {
        @Test(
            "down from WebSocket by way of event stream to polling and up again while events come: each once and in order"
        )
        func downAndUp() throws {
            let scene = try Scene()
            try scene.start()
            try scene.connected(by: "websocket")
            let producer = Background { [socketPath = scene.redis.socketPath] background in
                let producer = try Producer(socketPath: socketPath, channel: "demo")
                while !background.isStopped {
                    try producer.publish("{\"channel_id\": \"demo\"}")
                    usleep(1000)
                }
            }
            for (way, treatment, transport) in [
                (CuttingProxy.Way.webSocket, CuttingProxy.Treatment.answer(403), "sse"),
                // A proxy that keeps answers until they are complete: an event stream never is.
                (.eventStream, .hold, "polling"),
                // One that does not like to wait.
                (.longPoll, .answer(504), "polling"),
                (.eventStream, .pass, "sse"),
                (.webSocket, .pass, "websocket"),
            ] {
                scene.proxy.set(way, treatment)
                let seen = try scene.page.number("got.length")
                try scene.connected(by: transport)
                try scene.page.wait("got.length > \(seen) && push.transport === '\(transport)'")
            }
            producer.stop()
            try producer.join()
            try scene.expect(scene.published())
            #expect(!scene.proxy.requests(.longPoll).isEmpty)
            #expect(try scene.faults() == [])
        }

        @Test("what was there before the first poll is not given, what comes then is, and the last ID is the gateway's")
        func fromNow() throws {
            let scene = try Scene()
            try scene.publish(250)
            try scene.start("transports: ['polling']")
            try scene.connected(by: "polling")
            try scene.page.wait("push.lastId === '\(try #require(scene.published().last))'")
            // The braces and quotes are data, and so is the producer's own id.
            let data = #"{"channel_id": "demo", "id": "mine", "text": "} \" {\"id\":\"1-1\"}", "deep": {"id": [{}]}}"#
            let ids = try scene.publish(3, data) + scene.publish(120)
            try scene.expect(ids)
            #expect(try scene.page.text("push.lastId") == ids.last)
            #expect(try scene.faults() == [])
        }

        @Test("with nothing there yet, the first event is not taken for an old one")
        func firstEver() throws {
            let scene = try Scene()
            try scene.start("transports: ['polling']")
            try scene.connected(by: "polling")
            try scene.expect(scene.publish(2))
        }

        @Test("where no answer may wait it asks again and again, at the pace that the gateway says")
        func short() throws {
            let scene = try Scene {
                $0.pollDelayMinMs = 20
                $0.pollDelayMaxMs = 40
            }
            scene.proxy.set(.longPoll, .hold)
            try scene.start("transports: ['polling'], pollWait: 200")
            try scene.connected(by: "polling")
            let ids = try scene.publish(2)
            try scene.expect(ids)
            try eventually("it polls without waiting") { scene.proxy.requests(.poll).count > 10 }
            #expect(scene.proxy.requests(.longPoll).count == 1)
            try scene.expect(ids + scene.publish(2))
        }

        @Test("an expired token is said, and ends the polls")
        func expiry() throws {
            let scene = try Scene(expiresAt: Int64(Date().timeIntervalSince1970) - 28)
            try scene.start("transports: ['polling'], pollWait: 500")
            try scene.page.wait("told.some(({ kind }) => kind === 'expired')")
            #expect(try scene.page.number("told.find(({ kind }) => kind === 'expired').code") == 401)
            let missed = try scene.publish(2)
            try scene.setToken()
            try scene.page.run("push.connect()")
            try scene.expect(missed)
        }

        @Test("a hidden page does not poll; shown again it does at once")
        func hidden() throws {
            let scene = try Scene()
            try scene.start("transports: ['polling'], pollWait: 100")
            try scene.connected(by: "polling")
            try eventually("long polls") { scene.proxy.requests(.longPoll).count > 1 }
            try scene.setHidden(true)
            // That something does not happen takes a while to see: three times as long as a poll waits.
            let pause = "new Promise((resolve) => setTimeout(resolve, 300)).then(() => 0)"
            try scene.page.run(pause)
            let requests = scene.proxy.requests(.longPoll).count + scene.proxy.requests(.poll).count
            let ids = try scene.publish(2)
            try scene.page.run(pause)
            #expect(scene.proxy.requests(.longPoll).count + scene.proxy.requests(.poll).count == requests)
            #expect(try scene.page.number("got.length") == 0)
            try scene.setHidden(false)
            try scene.expect(ids)
        }
    }
}
