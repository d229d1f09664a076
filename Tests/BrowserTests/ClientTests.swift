import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

extension BrowserTests {
    @Suite("sluice.js")
    struct ClientTests {
        @Test("by WebSocket it gives each event once and in order, however often the connection is cut")
        func cuts() throws {
            let scene = try Scene()
            try scene.start()
            try scene.connected(by: "websocket")
            var ids: [String] = []
            for _ in 0..<6 {
                ids += try scene.publish(10)
                scene.proxy.cut()
                ids += try scene.publish(10)
            }
            try scene.expect(ids)
            #expect(try scene.page.text("push.lastId") == ids.last)
            #expect(try scene.page.number("told.filter(({ kind }) => kind === 'down').length") > 0)
            #expect(try scene.faults() == [])
        }

        @Test(
            "cut off before its first event it misses nothing, since it is told where it stands",
            arguments: [false, true])
        func beforeFirst(isFirstEver: Bool) throws {
            let scene = try Scene()
            if !isFirstEver {
                try scene.publish(3)
                try scene.gateway.settle()
            }
            try scene.start("minDelay: 500")
            try scene.connected(by: "websocket")
            try scene.page.wait("push.lastId !== ''")
            scene.proxy.cut()
            try scene.page.wait("push.state === 'waiting'")
            try scene.expectAtEnd(scene.publish(3))
        }

        @Test("where WebSockets are refused it goes by an event stream, and climbs back when they are not any more")
        func refusedWebSockets() throws {
            let scene = try Scene()
            scene.proxy.set(.webSocket, .answer(502))
            try scene.start()
            try scene.connected(by: "sse")
            var ids = try scene.publish(10)
            try scene.expect(ids)
            // While events come: none is lost between the two ways, and none comes by both.
            let producer = Background { [socketPath = scene.redis.socketPath] background in
                let producer = try Producer(socketPath: socketPath, channel: "demo")
                while !background.isStopped {
                    try producer.publish("{\"channel_id\": \"demo\"}")
                    usleep(500)
                }
            }
            scene.proxy.set(.webSocket, .pass)
            try scene.connected(by: "websocket")
            producer.stop()
            try producer.join()
            ids = try scene.published()
            try scene.expect(ids)
            #expect(
                try scene.page.texts("told.filter(({ kind }) => kind === 'open').map(({ transport }) => transport)")
                    .last == "websocket")
            #expect(try scene.faults() == [])
        }

        @Test("where WebSockets open and are cut at once, it goes by an event stream")
        func droppedWebSockets() throws {
            let scene = try Scene()
            scene.proxy.set(.webSocket, .drop)
            try scene.start("climbDelay: 100000")
            var ids = try scene.publish(5)
            try scene.connected(by: "sse")
            ids = try scene.published()
            ids += try scene.publish(5)
            try scene.page.wait("got.at(-1) === '\(ids.last ?? "")'")
            #expect(try Array(scene.page.texts("got").suffix(5)) == Array(ids.suffix(5)))
            #expect(scene.proxy.requests(.webSocket).count <= 3)
        }

        @Test("an event whose data have an id of their own is resumed after by the gateway's ID")
        func ownID() throws {
            let scene = try Scene()
            try scene.start("transports: ['websocket']")
            try scene.connected(by: "websocket")
            try scene.page.run("push.addEventListener('message', (event) => window.last = event.data); 0")
            var ids = try scene.publish(1, #"{"channel_id": "demo", "id": "mine"}"#)
            try scene.expect(ids)
            #expect(try scene.page.text("last.id") == "mine")
            scene.proxy.cut()
            ids += try scene.publish(1)
            try scene.expect(ids)
        }

        @Test(
            "what it has had it keeps in localStorage when asked to: a reload goes on from there, and tabs do not set each other back"
        )
        func reload() throws {
            let scene = try Scene()
            try scene.start("remember: true")
            try scene.connected(by: "websocket")
            try scene.expect(scene.publish(3))
            try scene.page.open(scene.proxy.url + "/ready")
            let missed = try scene.publish(3)
            try scene.load(scene.page)
            try scene.start("remember: true")
            try scene.expect(missed)

            // Another tab that lags behind.
            let other = try Page(browser(), sharingProfileOf: scene.page)
            try scene.open(other)
            try scene.start("remember: true, lastId: '1-1'", on: other)
            try scene.expect(scene.published(), on: other)
            let last = try scene.publish(1)
            try scene.expect(missed + last)
            let key = "sluice:\(scene.proxy.url)/"
            #expect(try scene.page.text("localStorage.getItem(\(Page.literal(key)))") == last[0])
            try scene.page.run("localStorage.setItem(\(Page.literal(key)), 'nonsense'); 0")
            try scene.page.reload()
            try scene.load(scene.page)
            try scene.start("remember: true")
            try scene.connected(by: "websocket")
            #expect(try scene.faults() == [])
        }

        @Test("events that are given under one ID, the stream having been trimmed past them, are all passed on")
        func sharedID() throws {
            let scene = try Scene { $0.historyBytes = 1024 }
            let redis = scene.redis
            // Memory holds the last alone.
            for milliseconds in [1000, 3000, 4000] {
                let data = "{\"channel_id\": \"other\", \"padding\": \"\(String(repeating: "p", count: 1000))\"}"
                try redis.addEvent("other", data, channelID: past(milliseconds), globalID: past(milliseconds))
                try scene.gateway.settle()
            }
            try redis.command("XTRIM", "async-events-full", "MAXLEN", "1")
            for (milliseconds, number) in [(3500, 1), (3600, 2), (3700, 3)] {
                let data = "{\"channel_id\": \"demo\", \"n\": \(number)}"
                try redis.command("XADD", "async-events-demo", past(milliseconds), "data", data)
            }
            try scene.start("lastId: '\(past(10))'")
            try scene.page.run(
                "var numbers = []; push.addEventListener('message', ({ data }) => numbers.push(data.n)); 0")
            try scene.page.wait("numbers.join() === '1,2,3'")
            #expect(try scene.page.number("new Set(got).size") == 1, "they had an ID each")
        }

        @Test("it tells of a gap and goes on behind it", arguments: ["websocket", "sse", "polling"])
        func gap(transport: String) throws {
            let scene = try Scene { $0.historyBytes = 1024 }
            let old = try scene.publish(1)[0]
            try scene.publish(300)
            try scene.redis.command("XTRIM", "async-events-demo", "MAXLEN", "5")
            try scene.redis.command("XTRIM", "async-events-full", "MAXLEN", "5")
            let kept = try scene.published()
            try scene.gateway.settle()
            try scene.start("transports: ['\(transport)'], lastId: '\(old)'")
            // The log may still hold one more than Redis does.
            try scene.expectAtEnd(kept)
            #expect(try scene.page.number("told.filter(({ kind }) => kind === 'gap').length") == 1)
            #expect(try scene.page.text("told.find(({ kind }) => kind === 'gap').id") == old)
        }

        @Test("when the token expires it says so, stays away, and comes back when it is told to")
        func expiry() throws {
            // The gateway grants 30 seconds more.
            let scene = try Scene(expiresAt: Int64(Date().timeIntervalSince1970) - 27)
            try scene.start()
            try scene.connected(by: "websocket")
            var ids = try scene.publish(2)
            try scene.expect(ids)
            try scene.page.wait("told.some(({ kind }) => kind === 'expired')")
            #expect(try scene.page.number("told.find(({ kind }) => kind === 'expired').code") == 4401)
            #expect(try scene.page.number("told.find(({ kind }) => kind === 'expired').retryIn") >= 30_000)
            let count = scene.proxy.requests(.webSocket).count
            ids += try scene.publish(2)
            #expect(try scene.page.text("push.state") == "waiting")
            // Still with the old one: the way that can tell says why.
            try scene.page.run("push.connect()")
            try scene.page.wait("told.filter(({ kind }) => kind === 'expired').length === 2")
            #expect(try scene.page.number("told.at(-1).code") == 401)
            #expect(scene.proxy.requests(.webSocket).count == count + 1)
            #expect(scene.proxy.requests(.eventStream).count == 1)
            try scene.setToken()
            try scene.page.run("push.connect()")
            try scene.expect(ids)
            #expect(try scene.faults() == [])
        }

        @Test("what is refused for good it does not ask for again and again")
        func refusal() throws {
            let scene = try Scene()
            scene.proxy.set(.eventStream, .answer(403))
            try scene.start("transports: ['sse', 'polling']")
            try scene.page.wait("told.some(({ kind }) => kind === 'refused')")
            #expect(try scene.page.number("told.find(({ kind }) => kind === 'refused').code") == 403)
            #expect(
                try scene.page.text("told.find(({ kind }) => kind === 'refused').reason") == "not through this proxy")
            #expect(try scene.page.number("told.find(({ kind }) => kind === 'refused').retryIn") >= 30_000)
            #expect(scene.proxy.requests(.eventStream).count == 1)
            #expect(scene.proxy.requests(.poll).isEmpty, "no other way is tried")
        }

        @Test("when it is told to come later it does, and not by another way")
        func later() throws {
            let scene = try Scene()
            scene.proxy.set(.eventStream, .answer(503))
            try scene.start("transports: ['sse', 'polling']")
            try scene.page.wait("told.length > 0")
            #expect(try scene.page.text("told[0].kind") == "down")
            #expect(try scene.page.number("told[0].code") == 503)
            #expect(try scene.page.number("told[0].retryIn") == 1000, "as Retry-After says")
            scene.proxy.set(.eventStream, .pass)
            try scene.connected(by: "sse")
            #expect(scene.proxy.requests(.poll).isEmpty)
        }

        @Test("a hidden page tries again once and then has time; shown again it connects at once")
        func hidden() throws {
            let scene = try Scene()
            try scene.start("transports: ['websocket']")
            try scene.connected(by: "websocket")
            try scene.setHidden(true)
            scene.proxy.set(.webSocket, .answer(502))
            try scene.page.wait("told.filter(({ kind }) => kind === 'down').length === 2")
            #expect(try scene.page.number("told.filter(({ kind }) => kind === 'down')[0].retryIn") <= 40)
            #expect(try scene.page.number("told.filter(({ kind }) => kind === 'down')[1].retryIn") >= 30_000)
            scene.proxy.set(.webSocket, .pass)
            let ids = try scene.publish(3)
            #expect(try scene.page.text("push.state") == "waiting")
            try scene.setHidden(false)
            try scene.connected(by: "websocket")
            try scene.publish(1)
            #expect(try scene.published().count == ids.count + 1)
            try scene.expect(scene.published())
        }

        @Test("when the network changes it makes a new connection beside the old one, and loses and doubles nothing")
        func networkChange() throws {
            let scene = try Scene()
            try scene.start()
            try scene.connected(by: "websocket")
            let ids = try scene.publish(5)
            try scene.expect(ids)
            try scene.page.run("window.dispatchEvent(new Event('online')); 0")
            try scene.page.wait("told.filter(({ kind }) => kind === 'open').length === 2")
            try scene.expect(ids + scene.publish(5))
            #expect(try scene.page.number("told.filter(({ kind }) => kind === 'down').length") == 0)
            try eventually("the old connection is gone") {
                try scene.gateway.figures().figures.webSocketConnections == 1
            }
        }

        @Test("a silent event stream is taken for dead")
        func silence() throws {
            let scene = try Scene()
            try scene.start("transports: ['sse'], silence: 300")
            try scene.connected(by: "sse")
            try scene.page.wait("told.filter(({ kind }) => kind === 'open').length > 1")
            try scene.expect(scene.publish(2))
        }

        @Test("closed it is quiet; connected again it has missed nothing")
        func close() throws {
            let scene = try Scene()
            try scene.start()
            try scene.connected(by: "websocket")
            var ids = try scene.publish(2)
            try scene.expect(ids)
            try scene.page.run("push.close()")
            #expect(try scene.page.text("push.state") == "closed")
            try eventually("the gateway has seen it go") {
                try scene.gateway.figures().figures.webSocketConnections == 0
            }
            ids += try scene.publish(2)
            try scene.page.run("push.connect()")
            try scene.expect(ids)
        }

        @Test(
            "a gateway that is drained hands its pages over to the next one",
            arguments: ["websocket", "sse", "polling"])
        func drain(transport: String) throws {
            let scene = try Scene { $0.drainMs = 100 }
            try scene.start("transports: ['\(transport)']")
            try scene.connected(by: transport)
            var ids = try scene.publish(3)
            try scene.expect(ids)
            let next = try TestGateway.quiet(scene.redis).open()
            scene.proxy.lead(to: next.port)
            scene.gateway.gateway.drain()
            ids += try scene.publish(3)
            try scene.expect(ids)
            try scene.connected(by: transport)
            scene.gateway.gateway.wait()
            ids += try scene.publish(3)
            try scene.expect(ids)
            #expect(try scene.faults() == [])
        }

        @Test("it is a module too, also for pages of another origin")
        func module() throws {
            let scene = try Scene()
            let other = try CuttingProxy(scene.gateway.port)
            try scene.page.open(scene.proxy.url + "/health")
            try scene.page.run(
                """
                import("\(other.url)/sluice.mjs").then(({ Sluice, default: same }) => {
                  window.got = [];
                  window.isSame = Sluice === same && window.Sluice === undefined;
                  window.push = new Sluice("\(other.url)", { transports: ["sse"] });
                  push.addEventListener("message", (event) => got.push(event.lastEventId));
                })
                """)
            #expect(try scene.page.text("isSame") == "true")
            try scene.connected(by: "sse")
            try scene.expect(scene.publish(2))
            #expect(other.requests(.eventStream).count == 1)
            #expect(try scene.faults() == [])
        }
    }
}
