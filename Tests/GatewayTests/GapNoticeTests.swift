import Configuration
import Gateway
import Metrics
import ServerSentEvents
import TestSupport
import Testing

/// Promise 2: a client that asks is told that something it has not had is gone.
@Suite("Gap notices")
struct GapNoticeTests {
    private static func events(_ count: Int) -> [Twin] {
        (0..<count).map { number in
            let time = number * 10_000
            return Twin("alpha", sampleEvent("alpha", "job-\(number)"), channel: (time, 0), global: (time + 1, 0))
        }
    }

    /// Of ten events the channel's stream has the last four.
    private func trimmed(_ events: [Twin]) throws -> ReplayScenario {
        try ReplayScenario(.nothingOfIt) {
            try $0.write(events)
            try $0.command("XTRIM", "async-events-alpha", "MAXLEN", "=", "4")
        }
    }

    private func notice(_ id: String) -> String { "{\"id\": \"\(id)\", \"gap\": true}" }

    @Test("a WebSocket with gaps=1 is told first, and its ID gives once more exactly what follows")
    func webSocket() throws {
        let events = Self.events(10)
        let scenario = try trimmed(events)
        var id = events[2].globalText
        for _ in 0..<2 {
            let client = try scenario.gateway.connect("alpha", lastID: "\(id)&gaps=1")
            let text = try client.event()
            #expect(text == notice(events[2].globalText))
            try client.expect(events[6...].map(\.text))
            id = String(text.dropFirst(8).prefix { $0 != "\"" })
        }
        let figures = try scenario.gateway.figures().figures
        #expect(figures.gaps == 2)
        #expect(figures.replaysFromChannelStream == 2, "each is read once")
    }

    @Test("an event stream with gaps=1 is told first by an event named gap, and its ID gives once more what follows")
    func eventStream() throws {
        let events = Self.events(10)
        let scenario = try trimmed(events)
        var id = events[2].globalText
        for _ in 0..<2 {
            let client = try scenario.gateway.stream("alpha", lastEventID: id, query: "gaps=1")
            let gap = try client.next()
            #expect(gap?.name == "gap")
            #expect(gap?.text == notice(events[2].globalText))
            #expect(gap?.lastEventID == events[2].globalText)
            #expect(try client.events(4) == events[6...].map(\.text))
            id = gap?.lastEventID ?? ""
        }
        #expect(try scenario.gateway.figures().figures.replaysFromChannelStream == 2, "each is read once")
    }

    @Test("who did not ask, brought no ID, or has missed nothing is told nothing")
    func nothingToTell() throws {
        let events = Self.events(10)
        let scenario = try trimmed(events)
        for query in ["", "&gaps=0", "&gaps=", "&gaps=true"] {
            let client = try scenario.gateway.connect("alpha", lastID: events[2].globalText + query)
            try client.expect(events[6...].map(\.text))
        }
        let complete = try scenario.gateway.connect("alpha", lastID: "\(events[7].globalText)&gaps=1")
        try complete.expect(events[8...].map(\.text))
        let new = try scenario.gateway.connect("alpha", lastID: "&gaps=1")
        #expect(try new.barrier().isEmpty)
        #expect(try scenario.gateway.figures().figures.gaps == 4)
    }

    @Test("a gap is told also when all that is left comes from memory", arguments: [false, true])
    func fromMemory(isEventStream: Bool) throws {
        let events = Self.events(10)
        let scenario = try ReplayScenario(
            .nothingOfIt, settings: { $0.historyBytes = 2048 }, write: { try $0.write(events) })
        let before = try scenario.gateway.figures().figures.eventsRead
        var live: [String] = []
        for number in 0..<2 {
            let data = sampleEvent("alpha", "live-\(number)")
            live.append(eventText(try scenario.redis.publish("alpha", data).global, data))
        }
        try scenario.redis.command("XTRIM", "async-events-alpha", "MAXLEN", "=", "2")
        try eventually("they are read") { try scenario.gateway.figures().figures.eventsRead == before + 2 }
        try scenario.gateway.settle()
        let id = events[2].globalText
        if isEventStream {
            let client = try scenario.gateway.stream("alpha", lastEventID: id, query: "gaps=1")
            #expect(try client.next()?.text == notice(id))
            #expect(try client.events(2) == live)
        } else {
            let client = try scenario.gateway.connect("alpha", lastID: "\(id)&gaps=1")
            #expect(try client.event() == notice(id))
            try client.expect(live)
        }
        #expect(try scenario.gateway.figures().figures.replaysFromChannelStream == 0)
    }
}
