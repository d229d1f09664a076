import Configuration
import EventLog
import EventLoop
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// `GET /api/v1/async_event/`: polling as Superset's own endpoint has it, and what is beyond that.
@Suite("Polling")
struct PollTests {
    private static func events(_ count: Int) -> [Twin] {
        (0..<count).map { number in
            let time = number * 10_000
            return Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (time, 0), global: (time + 1, 0))
        }
    }

    private func ask(_ gateway: TestGateway, _ request: RequestText) throws -> (HTTPAnswer, TestSocket) {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.text)
        return (try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD"), socket)
    }

    // MARK: Answers

    @Test("the answer is Superset's: the channel's events with their IDs in a result, from the oldest or after last_id")
    func shape() throws {
        let events = Self.events(3)
        let scenario = try ReplayScenario(.everything) { try $0.write(events) }
        for path in ["/api/v1/async_event/", "/api/v1/async_event"] {
            let request = PollingClient.request(channel: "alpha").with(target: path)
            let (answer, _) = try ask(scenario.gateway, request)
            #expect(answer.status == 200)
            #expect(answer.field("Content-Type") == "application/json; charset=utf-8")
            #expect(answer.field("Cache-Control") == "no-store")
            #expect(answer.field("Connection") == "keep-alive")
            #expect(answer.body == "{\"result\":[\(events.map(\.text).joined(separator: ", "))],\"poll_delay\":5000}")
            let parsed = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            let result = parsed?["result"] as? [[String: Any]]
            #expect(result?.map { $0["id"] as? String } == events.map(\.globalText))
            #expect(result?.first?["channel_id"] as? String == "alpha")
        }
        let (last, _) = try ask(scenario.gateway, PollingClient.request(channel: "alpha", lastID: events[2].globalText))
        #expect(last.body == "{\"result\":[],\"poll_delay\":5000}")
        // By the ID of its channel's stream, as Superset's own endpoint has given it.
        let (own, _) = try ask(scenario.gateway, PollingClient.request(channel: "alpha", lastID: events[1].channelText))
        #expect(try own.pollResult() == [events[2].text])
        let (empty, _) = try ask(scenario.gateway, PollingClient.request(channel: "nobody"))
        #expect(empty.body == "{\"result\":[],\"poll_delay\":500}")
    }

    @Test("up to a hundred events come at once, less when they are long; the next poll goes on there")
    func pages() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        try redis.burst(250, channels: 1)
        let client = try gateway.poller("c0", lastID: "0-0")
        try eventually("all is read") { try gateway.figures().figures.eventsRead == 250 }
        try gateway.settle()
        var texts: [String] = []
        for (count, delay) in [(100, 0), (100, 0), (50, 500), (0, 500)] {
            let page = try client.poll()
            #expect(page.count == count)
            #expect(client.lastAnswer?.pollDelay == delay)
            texts += page
        }
        #expect(firstDifference(texts.map(withoutID), try redis.entries().map { withoutID($0.text) }) == nil)

        let padding = String(repeating: "p", count: 100_000)
        for number in 0..<5 {
            try redis.publish("long", "{\"channel_id\": \"long\", \"n\": \(number), \"p\": \"\(padding)\"}")
        }
        let long = try gateway.poller("long", lastID: "0-0")
        #expect(try long.events(5).count == 5)
        #expect((long.lastAnswer?.body.utf8.count ?? 0) < 400_000)
    }

    @Test("polls on one connection, and pipelined ones, are answered in order; a HEAD has no body")
    func connection() throws {
        let events = Self.events(3)
        let scenario = try ReplayScenario(.everything) { try $0.write(events) }
        let socket = try TestSocket.connect(port: scenario.gateway.port)
        let polls = events.map { PollingClient.request(channel: "alpha", lastID: $0.globalText).text }
        try socket.send(polls.joined() + RequestText("/health").text + polls[1])
        #expect(try HTTPAnswer.read(from: socket).pollResult() == events[1...].map(\.text))
        #expect(try HTTPAnswer.read(from: socket).pollResult() == [events[2].text])
        #expect(try HTTPAnswer.read(from: socket).pollResult().isEmpty)
        #expect(try HTTPAnswer.read(from: socket).body == "OK")
        #expect(try HTTPAnswer.read(from: socket).pollResult() == [events[2].text])

        let head = PollingClient.request(channel: "alpha", lastID: events[0].globalText, query: "wait=30").with(
            method: "HEAD")
        let (answer, ended) = try ask(scenario.gateway, head.adding("Connection: close"))
        #expect(answer.status == 200)
        #expect(try ended.ending() == .finished, "no body follows")
        let (old, closed) = try ask(scenario.gateway, PollingClient.request(channel: "alpha").with(version: "HTTP/1.0"))
        #expect(try old.pollResult().count == 3)
        #expect(try closed.ending() == .finished)
    }

    @Test("after a poll the connection may open a WebSocket or an event stream", arguments: [false, true])
    func thenSession(asWebSocket: Bool) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let socket = try TestSocket.connect(port: gateway.port)
        let session =
            asWebSocket
            ? WebSocketClient.request(channel: "alpha") : EventStreamClient.request(channel: "alpha").text
        try socket.send(PollingClient.request(channel: "alpha").text + session)
        #expect(try HTTPAnswer.read(from: socket).pollResult().isEmpty)
        #expect(try HTTPAnswer.read(from: socket).status == (asWebSocket ? 101 : 200))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "x"))
        #expect(try socket.read(through: id).contains(id))
        let figures = try gateway.figures().figures
        #expect(figures.pollConnections == 0)
        #expect(figures.webSocketConnections + figures.serverSentEventsConnections == 1)
    }

    // MARK: Waiting

    @Test("with wait a poll is answered when the first event comes, with all that came together")
    func waiting() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let client = try gateway.poller("alpha")
        try client.send(wait: "30")
        try eventually("it waits") { try gateway.figures().figures.pollConnections == 1 }
        #expect(!client.socket.hasInput())
        try redis.publish("beta", sampleEvent("beta", "x"))
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "x"))
        #expect(try client.receive().map(elementID) == [id])
        #expect(try gateway.figures().figures.pollConnections == 0)
        // From its place: nothing is given twice.
        try client.send(wait: "30")
        let (_, next) = try redis.publish("alpha", sampleEvent("alpha", "y"))
        #expect(try client.receive().map(elementID) == [next])
        let figures = try gateway.figures().figures
        #expect(figures.pollsWithEvents == 2)
        #expect(figures.deliveries == 2)
        #expect(figures.channels >= 1)
    }

    @Test("a wait that is over ends with nothing; one beyond maxPollWaitMs is cut to it")
    func waitIsOver() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxPollWaitMs = 200 }.open()
        let client = try gateway.poller("alpha")
        for wait in ["0.05", "3600"] { #expect(try client.poll(wait: wait).isEmpty) }
        #expect(try gateway.figures().figures.pollsEmpty == 2)
    }

    @Test("a client that leaves while its poll waits is let go of at once")
    func abandoned() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let client = try gateway.poller("alpha")
        try client.send(wait: "30")
        try eventually("it waits") { try gateway.figures().figures.pollConnections == 1 }
        client.socket.close()
        try eventually("it is gone") { try gateway.figures().figures.pollConnections == 0 }
        #expect(try gateway.figures().figures.pollsAbandoned == 1)
        try redis.publish("alpha", sampleEvent("alpha", "x"))
        try gateway.settle()
        #expect(try gateway.figures().figures.deliveries == 0)
    }

    @Test("requests that come behind a poll that waits wait too, however many")
    func pipelinedBehindWaiting() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let client = try gateway.poller("alpha")
        try client.send(wait: "30")
        let health = String(repeating: RequestText("/health").text, count: 500)
        let sender = Background { [socket = UncheckedBox(client.socket)] _ in try socket.value.send(health) }
        try eventually("it waits") { try gateway.figures().figures.pollConnections == 1 }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "x"))
        #expect(try client.receive().map(elementID) == [id])
        for _ in 0..<500 { #expect(try HTTPAnswer.read(from: client.socket).body == "OK") }
        try sender.join()
    }

    @Test("draining answers the polls that wait, ends their connections, and refuses new ones")
    func draining() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.drainMs = 60_000 }.open()
        let socket = try gateway.connect("alpha")
        let clients = try (0..<4).map { _ in try gateway.poller("alpha") }
        for client in clients { try client.send(wait: "30") }
        try eventually("they wait") { try gateway.figures().figures.pollConnections == 4 }
        gateway.gateway.drain()
        for client in clients {
            #expect(try client.receive().isEmpty)
            #expect(client.lastAnswer?.field("Connection") == "close")
            #expect(try client.socket.ending() == .finished)
        }
        let (answer, _) = try ask(gateway, PollingClient.request(channel: "alpha"))
        #expect(answer.status == 503)
        #expect(answer.field("Retry-After") == "1")
        _ = socket
    }

    @Test("a token that expires while its poll waits ends the wait")
    func expiry() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        // The leeway is 30 s.
        let token = WebSocketClient.token("alpha", expiresAt: Int64(Date().timeIntervalSince1970) - 28)
        let client = try PollingClient(port: gateway.port, channel: "alpha", token: token)
        #expect(try client.poll(wait: "30").isEmpty)
        try client.send()
        #expect(try HTTPAnswer.read(from: client.socket).status == 401)
    }

    // MARK: Redis and gaps

    @Test("what memory holds is served while Redis is away; what it does not is 503 after a while, never nothing")
    func redisAway() throws {
        let events = Self.events(6)
        let scenario = try ReplayScenario(.theLastFew) { try $0.write(events) }
        try eventually("the log begins behind the first") {
            let (answer, _) = try ask(
                scenario.gateway, PollingClient.request(channel: "alpha", lastID: events[0].globalText))
            return answer.status == 200
        }
        let (_, id) = try scenario.redis.publish("alpha", sampleEvent("alpha", "last"))
        try eventually("it is read") {
            let (answer, _) = try ask(scenario.gateway, PollingClient.request(channel: "alpha", lastID: past(59_000)))
            return answer.body.contains(id)
        }
        try scenario.gateway.settle()
        scenario.redis.kill()
        let (held, _) = try ask(
            scenario.gateway, PollingClient.request(channel: "alpha", lastID: id, query: "wait=0.1"))
        #expect(held.body.hasPrefix("{\"result\":[],"))
        let (old, _) = try ask(scenario.gateway, PollingClient.request(channel: "alpha"))
        #expect(old.status == 503)
        #expect(old.body == "Redis, which has what comes after this last_id, does not answer; ask again.\n")
        #expect(old.field("Retry-After") == "2")
        #expect(try scenario.gateway.figures().figures.pollsUnavailable == 1)
    }

    @Test("with gaps=1 a client is told first that something is gone, and goes on behind it")
    func gaps() throws {
        let events = Self.events(10)
        let scenario = try ReplayScenario(.nothingOfIt) {
            try $0.write(events)
            try $0.command("XTRIM", "async-events-alpha", "MAXLEN", "=", "4")
        }
        let id = events[2].globalText
        let told = try scenario.gateway.poller("alpha", lastID: id, query: "gaps=1")
        #expect(try told.poll() == ["{\"id\": \"\(id)\", \"gap\": true}"] + events[6...].map(\.text))
        #expect(try told.poll().isEmpty)
        let untold = try scenario.gateway.poller("alpha", lastID: id)
        #expect(try untold.poll() == events[6...].map(\.text))
        #expect(try scenario.gateway.figures().figures.gaps == 2)
        // Who brings no ID has missed nothing.
        let newcomer = try scenario.gateway.poller("alpha", query: "gaps=1")
        #expect(try newcomer.poll() == events[6...].map(\.text))
        #expect(try scenario.gateway.figures().figures.gaps == 2)
    }

    // MARK: Refusals

    @Test(
        "a last_id or a wait that is none is 400 with a sentence",
        arguments: [
            ("last_id=abc", "The last_id is no ID, which would be <milliseconds>-<sequence>."),
            ("last_id=1-", "The last_id is no ID, which would be <milliseconds>-<sequence>."),
            ("wait=-1", "The wait is no number of seconds, such as 25 or 0.5."),
            ("wait=soon", "The wait is no number of seconds, such as 25 or 0.5."),
            ("wait=1e3", "The wait is no number of seconds, such as 25 or 0.5."),
        ])
    func malformed(query: String, reason: String) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let (answer, _) = try ask(gateway, PollingClient.request(channel: "alpha", query: query))
        #expect(answer.status == 400)
        #expect(answer.body == reason + "\n")
    }

    @Test("tokens, origins, limits and methods are as for the other transports")
    func refusals() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.allowedOrigins = ["https://app.example"]
            $0.maxConnectionsPerChannel = 1
        }.open()
        let request = PollingClient.request(channel: "alpha")
        #expect(try ask(gateway, request.without("Cookie")).0.status == 401)
        #expect(try ask(gateway, request.setting("Cookie", "async-token=a.b.c")).0.status == 401)
        let evil = try ask(gateway, request.adding("Origin: https://evil.example")).0
        #expect(evil.status == 403)
        #expect(evil.field("Access-Control-Allow-Origin") == nil)
        let page = try ask(gateway, request.adding("Origin: https://app.example")).0
        #expect(page.status == 200)
        #expect(page.field("Access-Control-Allow-Origin") == "https://app.example")
        #expect(page.field("Access-Control-Allow-Credentials") == "true")
        #expect(page.field("Vary") == "Origin")
        let wrong = try ask(gateway, request.with(method: "POST")).0
        #expect(wrong.status == 405)
        #expect(wrong.field("Allow") == "GET, HEAD, OPTIONS")
        let preflight = request.with(method: "OPTIONS").adding("Origin: https://app.example")
        #expect(try ask(gateway, preflight).0.status == 204)
        let bearer = request.without("Cookie").adding("Authorization: Bearer \(WebSocketClient.token("alpha"))")
        #expect(try ask(gateway, bearer).0.status == 200)

        let socket = try gateway.connect("alpha")
        let full = try ask(gateway, request).0
        #expect(full.status == 429)
        #expect(full.field("Retry-After") != nil)
        socket.socket.close()
        // One place is taken and given back by each poll.
        try eventually("there is room") { try ask(gateway, request).0.status == 200 }
        for _ in 0..<3 { #expect(try ask(gateway, request).0.status == 200) }
    }

    // MARK: Decisions, without a gateway

    @Test("the delay is a tenth of the time since the last event, within its bounds")
    func delay() {
        let delay = PollDelay(least: 500, most: 5000)
        func after(_ milliseconds: Int64) -> Int {
            delay.milliseconds(
                since: StreamID(milliseconds: 1_700_000_000_000, sequence: 0),
                nowMilliseconds: 1_700_000_000_000 + milliseconds)
        }
        #expect(
            [-5, 0, 1, 5000, 5010, 20_000, 50_000, 50_001, 86_400_000].map(after) == [
                500, 500, 500, 500, 501, 2000, 5000, 5000, 5000,
            ])
        #expect(delay.milliseconds(since: .zero, nowMilliseconds: 1_700_000_000_000) == 500)
        #expect(delay.milliseconds(since: .max, nowMilliseconds: 1_700_000_000_000) == 500)
        #expect(PollDelay(least: 500, most: 7).milliseconds(since: .zero.successor, nowMilliseconds: 10_000_000) == 500)
        #expect(PollDelay(least: 0, most: 0).milliseconds(since: .zero, nowMilliseconds: 1) == 0)
    }

    @Test("a wait is a decimal number of seconds, cut to the most there may be")
    func wait() {
        for (text, milliseconds) in [
            ("0", 0), ("1", 1000), ("0.5", 500), ("2.25", 2250), ("0.001", 1), ("30", 30_000), ("31", 30_000),
            ("999999999", 30_000), ("007", 7000),
        ] {
            #expect(PollWait.milliseconds(Array(text.utf8), most: 30_000) == milliseconds, "\(text)")
        }
        for text in ["", ".", ".5", "1.", "1.2345", "-1", "+1", " 1", "1 ", "1,5", "1e3", "NaN", "9999999999", "1.2.3"]
        {
            #expect(PollWait.milliseconds(Array(text.utf8), most: 30_000) == nil, "\(text)")
        }
    }
}

/// `@unchecked Sendable`: the test's thread only reads from the socket while the other writes to it.
private final class UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
