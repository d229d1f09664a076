import Testing

@testable import EventLog

@Suite struct EventLogTests {
    private struct Model {
        var events: [(number: EventNumber, id: StreamID, channel: Int)] = []
        var floor: StreamID
        var lastID: StreamID
    }

    private static let channels = (0..<40).map { Channel(Array("channel-\($0)".utf8)) }

    @Test("a log of any capacity answers as a plain list does", arguments: UInt64(1)...40)
    func oracle(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let capacity = [1, 700, 3000, 20_000][random.int(0...3)]
        var index = BucketIndex(historyBytes: capacity)
        var log = EventLog(capacity: capacity, floor: .ms(10))
        var model = Model(floor: .ms(10), lastID: .ms(10))
        var batches: [Batch] = []
        var last = StreamID.ms(10)
        for _ in 0..<60 {
            var builder = BatchBuilder()
            for _ in 0..<random.int(1...8) {
                last = random.oneIn(2) ? last.successor : .ms(last.milliseconds + UInt64(random.int(1...5)))
                let channel = random.int(0...(seed % 2 == 0 ? 39 : 2))
                let number = index.nextNumber + EventNumber(builder.count)
                builder.append(id: last, body: Array("\(number)}".utf8), channel: Self.channels[channel])
                model.events.append((number, last, channel))
            }
            let batch = builder.seal(index: &index)
            batches.append(batch)
            log.append(batch)
            model.lastID = last
            // The oracle of eviction: the newest batches whose sizes fit, and the newest in any case.
            var kept = batches.count - 1
            var bytes = batches[kept].footprint
            while kept > 0, bytes + batches[kept - 1].footprint <= capacity {
                kept -= 1
                bytes += batches[kept].footprint
            }
            batches.removeFirst(kept)
            model.events.removeAll { event in
                guard event.number < batches[0].firstNumber else { return false }
                model.floor = event.id
                return true
            }
            Self.compare(log, model, &random)
            #expect(log.footprint == bytes)
        }
    }

    private static func compare(_ log: EventLog, _ model: Model, _ random: inout SplitMix64) {
        let first = model.events[0].number
        let last = model.events[model.events.count - 1].number
        #expect(log.floor == model.floor && log.lastID == model.lastID)
        #expect(log.firstNumber == first && log.lastNumber == last && log.eventCount == model.events.count)
        #expect(log.locate(first - 1) == nil && log.locate(last + 1) == nil && !log.isEmpty)
        for event in model.events {
            guard let (batch, index) = log.locate(event.number) else {
                Issue.record("event \(event.number) is not there")
                continue
            }
            #expect(batch.entries[index].id == event.id && batch.belongs(index, to: channels[event.channel]))
        }
        for _ in 0..<10 {
            let id = StreamID.ms(
                UInt64(random.int(0...Int(model.lastID.milliseconds) + 2)),
                random.oneIn(2) ? 0 : UInt64(random.int(0...3)))
            #expect(log.number(atOrBefore: id) == model.events.last { $0.id <= id }?.number ?? first - 1)
        }
        for _ in 0..<5 {
            let channel = random.int(0...channels.count - 1)
            let after = EventNumber(random.int(0...Int(last) + 1))
            let owed = model.events.filter { $0.channel == channel && $0.number > after }.map(\.number)
            var found: [EventNumber] = [7]
            #expect(log.collect(channels[channel], after: after, into: &found) == .complete)
            #expect(found == [7] + owed)
            var newest: [EventNumber] = []
            let walk = log.collect(channels[channel], after: after, limit: 2, into: &newest)
            #expect(newest.elementsEqual(owed.suffix(newest.count)) && newest.count <= 2)
            if walk == .complete { #expect(newest == owed) }
        }
        let event = model.events[random.int(0...model.events.count - 1)]
        #expect(log.place(event.id, of: channels[event.channel]) == .event(event.number))
        #expect(log.place(event.id, of: channels[(event.channel + 1) % channels.count]) == .unknown)
        #expect(log.place(StreamID.max, of: channels[event.channel]) == .unknown)
    }

    @Test("channels of one bucket are told apart by their names")
    func bucketCollisions() {
        // 1,024 buckets: among 3,000 channels there are many that share one.
        var index = BucketIndex(historyBytes: 0)
        var log = EventLog(capacity: .max, floor: .zero)
        let channels = (0..<3000).map { Channel(Array("c\($0)".utf8)) }
        var builder = BatchBuilder()
        for round in 0..<2 {
            for (place, channel) in channels.enumerated() {
                builder.append(id: .ms(UInt64(1 + round * 3000 + place)), body: Array("}".utf8), channel: channel)
            }
        }
        log.append(builder.seal(index: &index))
        for (place, channel) in channels.enumerated() {
            var numbers: [EventNumber] = []
            _ = log.collect(channel, after: 0, into: &numbers)
            #expect(numbers == [EventNumber(place + 1), EventNumber(place + 3001)])
        }
    }

    @Test("an empty log knows its floor and nothing else")
    func empty() {
        let log = EventLog(capacity: 0, floor: .ms(5), lastID: .ms(9))
        var numbers: [EventNumber] = []
        #expect(log.collect(Self.channels[0], after: 0, into: &numbers) == .complete)
        #expect(numbers.isEmpty && log.isEmpty && log.eventCount == 0 && log.footprint == 0)
        #expect(log.number(atOrBefore: .max) == 0 && log.locate(1) == nil)
        #expect(log.floor == .ms(5) && log.lastID == .ms(9))
        #expect(EventLog(capacity: 0, floor: .ms(5), lastID: .ms(2)).lastID == .ms(5))
    }

    @Test("every view that is given the same batches numbers them alike")
    func views() {
        var index = BucketIndex(historyBytes: 5000)
        var one = EventLog(capacity: 5000, floor: .zero)
        var other = EventLog(capacity: 5000, floor: .zero)
        for step in 1...20 {
            var builder = BatchBuilder()
            builder.append(id: .ms(UInt64(step)), body: Array("}".utf8), channel: Self.channels[step % 3])
            let batch = builder.seal(index: &index)
            one.append(batch)
            other.append(batch)
        }
        var left: [EventNumber] = []
        var right: [EventNumber] = []
        _ = one.collect(Self.channels[1], after: 0, into: &left)
        _ = other.collect(Self.channels[1], after: 0, into: &right)
        #expect(left == right && !left.isEmpty)
    }
}

@Suite struct ExceptionsTests {
    private static func batch(_ events: [(UInt64, String)]) -> Batch {
        var builder = BatchBuilder()
        for (time, body) in events {
            builder.append(id: .ms(time), body: Array(body.utf8), channel: Channel(Array("a".utf8)))
        }
        return builder.sealForReplay()
    }

    private static func passed(_ exceptions: inout Exceptions, _ batch: Batch) -> [Bool] {
        batch.entries.indices.map { exceptions.skips(in: batch, at: $0) }
    }

    @Test("events that were had are passed over, each time they are met")
    func ids() {
        var exceptions = Exceptions()
        exceptions.ids = [.ms(2), .ms(4)]
        let batch = Self.batch([(1, "x"), (2, "x"), (3, "x"), (4, "x")])
        #expect(Self.passed(&exceptions, batch) == [false, true, false, true])
        #expect(Self.passed(&exceptions, batch) == [false, true, false, true])
        exceptions.prune(through: .ms(2))
        #expect(exceptions.ids == [.ms(4)] && !exceptions.isEmpty)
        exceptions.prune(through: .ms(4))
        #expect(exceptions.isEmpty)
    }

    @Test("an awaited twin is passed over once, in its time and with its bytes only")
    func awaited() {
        var exceptions = Exceptions()
        exceptions.awaited = [.init(body: Array("x".utf8), after: .ms(10), until: .ms(20))]
        let batch = Self.batch([(10, "x"), (11, "y"), (12, "x"), (13, "x")])
        #expect(Self.passed(&exceptions, batch) == [false, false, true, false])
        #expect(exceptions.isEmpty)
        exceptions.awaited = [.init(body: Array("x".utf8), after: .ms(10), until: .ms(20))]
        #expect(Self.passed(&exceptions, Self.batch([(21, "x")])) == [false])
        exceptions.prune(through: .ms(19))
        #expect(!exceptions.isEmpty)
        exceptions.prune(through: .ms(20))
        #expect(exceptions.isEmpty)
    }

    @Test("two equal twins are awaited twice")
    func twice() {
        var exceptions = Exceptions()
        exceptions.awaited = Array(repeating: .init(body: Array("x".utf8), after: .zero, until: .ms(20)), count: 2)
        #expect(Self.passed(&exceptions, Self.batch([(1, "x"), (2, "x"), (3, "x")])) == [true, true, false])
    }

    @Test("a log that lags passes over what the client had elsewhere")
    func skipThrough() {
        var exceptions = Exceptions()
        exceptions.skipThrough = .ms(5)
        #expect(Self.passed(&exceptions, Self.batch([(4, "x"), (5, "x"), (6, "x")])) == [true, true, false])
        exceptions.prune(through: .ms(4))
        #expect(!exceptions.isEmpty)
        exceptions.prune(through: .ms(5))
        #expect(exceptions.isEmpty)
    }
}
