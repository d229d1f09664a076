import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// The first position is a concrete ID: nothing falls between two reads.
@Suite("The first event")
struct FirstEventTests {
    /// What there may be of the global stream when the gateway starts.
    enum Beginning: CaseIterable {
        case missing
        /// It was written, and all of it removed.
        case trimmedToNothing
        case itsOnlyEntryDeleted
        /// Made by `XGROUP CREATE … MKSTREAM`, never written.
        case neverWritten

        func prepare(_ redis: RedisProcess) throws {
            switch self {
            case .missing:
                break
            case .trimmedToNothing:
                for _ in 0..<3 { try redis.publish("alpha", sampleEvent("alpha", "gone")) }
                try redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
                try redis.command("DEL", "async-events-alpha")
            case .itsOnlyEntryDeleted:
                let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "gone"))
                try redis.command("XDEL", "async-events-full", id)
                try redis.command("DEL", "async-events-alpha")
            case .neverWritten:
                try redis.command("XGROUP", "CREATE", "async-events-full", "group", "$", "MKSTREAM")
            }
        }
    }

    @Test("the first event of a stream that is empty or missing at the start arrives", arguments: Beginning.allCases)
    func first(beginning: Beginning) throws {
        let redis = try RedisProcess()
        try beginning.prepare(redis)
        let gateway = try TestGateway(redis: redis).open()
        let live = try gateway.connect("alpha")
        let resuming = try gateway.connect("alpha", lastID: "0-0")
        let (_, first) = try redis.publish("alpha", sampleEvent("alpha", "first"))
        try live.expect(ids: [first])
        try resuming.expect(events: [eventText(first, sampleEvent("alpha", "first"))])
        let (_, second) = try redis.publish("alpha", sampleEvent("alpha", "second"))
        try live.expect(ids: [second])
        try resuming.expect(ids: [second])
        let late = try gateway.connect("alpha", lastID: first)
        try late.expect(ids: [second])
    }

    @Test("a first event with the lowest ID there is arrives")
    func lowestID() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        try redis.add("async-events-full", "0-1", data: sampleEvent("alpha", "first"))
        try client.expect(ids: ["0-1"])
        try redis.add("async-events-full", "0-2", data: sampleEvent("alpha", "second"))
        try client.expect(ids: ["0-2"])
        try gateway.connect("alpha", lastID: "0-1").expect(ids: ["0-2"])
        try gateway.connect("alpha", lastID: "0-0").expect(ids: ["0-1", "0-2"])
    }

    @Test("a first event of 1 MiB arrives")
    func largeFirst() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let data = "{\"channel_id\": \"alpha\", \"padding\": \"\(String(repeating: "x", count: 1 << 20))\"}"
        let (_, id) = try redis.publish("alpha", data)
        #expect(try client.event() == eventText(id, data))
    }

    @Test("a stream that is emptied while the gateway reads it loses nothing that is written then")
    func emptiedWhileReading() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        for round in 0..<10 {
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job-\(round)"))
            try client.expect(ids: [id])
            if round % 2 == 0 {
                try redis.command("XTRIM", "async-events-full", "MAXLEN", "0")
            } else {
                try redis.command("XDEL", "async-events-full", id)
            }
        }
    }

    @Test("events that are written while the gateway starts arrive, each once and in order")
    func racingWithTheStart() throws {
        let redis = try RedisProcess()
        for round in 0..<25 {
            try redis.command("FLUSHALL")
            let path = redis.socketPath
            let writer = Background { work in
                let producer = try Producer(socketPath: path, channel: "alpha")
                var number = 0
                while !work.isStopped, number < 100_000 {
                    try producer.publish(sampleEvent("alpha", "\(round)-\(number)"))
                    number += 1
                    var pause = timespec(tv_sec: 0, tv_nsec: 100_000)
                    nanosleep(&pause, nil)
                }
            }
            let gateway = try TestGateway(redis: redis) { $0.eventLoops = 1 + round % 2 }.open()
            let fromTheBeginning = try gateway.connect("alpha", lastID: "0-0")
            let live = try gateway.connect("alpha")
            let early = try live.event()
            writer.stop()
            try writer.join()
            let all = try redis.texts(of: "alpha")
            try fromTheBeginning.expect(events: all, "round \(round)")
            let index = try #require(all.firstIndex(of: early), "round \(round)")
            try live.expect(Array(all[(index + 1)...]), "round \(round)")
        }
    }

    @Test("the one event that is written while the gateway starts arrives")
    func oneEventRacing() throws {
        let redis = try RedisProcess()
        for round in 0..<40 {
            try redis.command("FLUSHALL")
            let gateway = try TestGateway(redis: redis) { $0.eventLoops = 1 }
            let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "\(round)"))
            let client = try gateway.open().connect("alpha", lastID: "0-0")
            try client.expect(events: [eventText(id, sampleEvent("alpha", "\(round)"))], "round \(round)")
        }
    }

    @Test(
        "no event between two reads is missed, while a writer goes on steadily and reads turn over all the time",
        arguments: [(1, 1), (1, 5000), (3, 2), (1000, 1)])
    func betweenReads(count: Int, blockMilliseconds: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) {
            $0.redisStreamReadCount = count
            $0.redisStreamReadBlockMs = blockMilliseconds
        }.open()
        let clients = try (0..<3).map { _ in try gateway.connect("alpha") }
        let path = redis.socketPath
        let writer = Background { _ in
            let producer = try Producer(socketPath: path, channel: "alpha")
            for number in 0..<800 {
                try producer.publish(sampleEvent("alpha", "\(number)"))
                // Now and then long enough for a read to end empty-handed.
                var pause = timespec(tv_sec: 0, tv_nsec: number % 7 == 0 ? 1_100_000 : 50_000)
                nanosleep(&pause, nil)
            }
        }
        try writer.join()
        let all = try redis.texts(of: "alpha")
        #expect(all.count == 800)
        for client in clients { try client.expect(all) }
        let figures = try gateway.figures().figures
        #expect(figures.eventsRead == 800)
        #expect(figures.redisReconnects == 0)
    }
}
