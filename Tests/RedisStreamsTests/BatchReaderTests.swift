import EventLog
import Testing

@testable import RedisStreams

@Suite("Batches from XREAD replies")
struct BatchReaderTests {
    private struct Read: Equatable {
        var frames: [[UInt8]] = []
        var skipped: [String] = []
        var stretches = 0
        var first: StreamID?
        var last: StreamID?
        var newest: StreamID?
        var ends = 0
        var failure = false
    }

    private static func read(_ wire: [UInt8], piece: Int, limit: Int) -> Read {
        let reader = ReplyReader()
        var batches = BatchReader()
        var builder = BatchBuilder()
        var index = BucketIndex(historyBytes: 1 << 16)
        var read = Read()
        func close(_ builder: consuming BatchBuilder) {
            let batch = builder.seal(index: &index)
            withExtendedLifetime(batch) {
                for place in 0..<batch.count { read.frames.append(Array(batch.frame(place))) }
            }
        }
        for part in wire.inPieces(of: piece) {
            reader.feed(part)
            reading: while true {
                let stop = batches.read(reader, into: &builder, limit: limit)
                if let stretch = batches.takeStretch() {
                    read.stretches += stretch.count
                    read.first = read.first ?? stretch.first
                    read.last = stretch.last
                }
                switch stop {
                case .needMore: break reading
                case .full:
                    close(builder)
                    builder = BatchBuilder()
                case .skipped(let id, let reason): read.skipped.append("\(id) \(reason)")
                case .end:
                    read.newest = batches.takeNewest()?.id ?? read.newest
                    read.ends += 1
                case .empty: read.ends += 1
                case .error, .protocolError:
                    read.failure = true
                    break reading
                }
            }
            if read.failure { break }
        }
        close(builder)
        return read
    }

    private static func event(_ channel: String, _ rest: String = "") -> String {
        "{\"channel_id\": \"\(channel)\", \"n\": 1\(rest)}"
    }

    @Test("events are laid out as one by one, however they arrive and wherever a batch ends", arguments: 0..<10)
    func layout(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var entries: [[UInt8]] = []
        var alone: [[UInt8]] = []
        var index = BucketIndex(historyBytes: 1 << 16)
        for number in 0..<60 {
            let filler = String(repeating: "é\\n ", count: Int.random(in: 0...80, using: &random))
            let channel = ["a", "b\\u0020b", "c"].randomElement(using: &random) ?? "a"
            let data = Self.event(channel, ", \"f\": \"\(filler)\"")
            let id = StreamID(milliseconds: 5, sequence: UInt64(number))
            entries.append(RESP.entry(id.description, data: data))
            var builder = BatchBuilder()
            Array(data.utf8).withUnsafeBytes { data in
                switch EventJSON.scan(data) {
                case .event(let range): builder.append(id: id, data: data, channel: .data(range))
                case .eventEscaped(let name):
                    name.withUnsafeBytes { builder.append(id: id, data: data, channel: .decoded($0)) }
                case .malformed(let malformation): Issue.record("\(malformation)")
                }
            }
            let batch = builder.seal(index: &index)
            withExtendedLifetime(batch) { alone.append(Array(batch.frame(0))) }
        }
        let wire = RESP.read(entries)
        for piece in pieces + [500] {
            for limit in [1, 1000, Int.max] {
                let read = Self.read(wire, piece: piece, limit: limit)
                #expect(read.frames == alone)
                #expect(read.ends == 1)
                #expect(read.stretches == 60)
                #expect(read.first == StreamID(milliseconds: 5, sequence: 0))
                #expect(read.last == StreamID(milliseconds: 5, sequence: 59))
                #expect(read.newest == read.last)
            }
        }
    }

    @Test("entries that are no events are passed over, named and counted", arguments: pieces)
    func skipped(piece: Int) {
        let wire = RESP.read([
            RESP.entry("1-0", data: Self.event("a")), RESP.entry("1-1", data: "{"),
            RESP.entry("1-2", [Array("other".utf8), [1]]), RESP.entry("1-3", data: "{\"channel_id\": 1}"),
            RESP.entry("1-4", data: Self.event("b")), RESP.array([RESP.bulk("1-5"), RESP.null]),
        ])
        let read = Self.read(wire, piece: piece, limit: .max)
        #expect(read.frames.count == 2)
        #expect(
            read.skipped == [
                "1-1 its data ends in the middle of the JSON object", "1-2 it has no field \"data\"",
                "1-3 the \"channel_id\" of its data is not a string", "1-5 it has no field \"data\"",
            ])
        #expect(read.stretches == 6)
        // It has no data; that it is there is something to know the stream by.
        #expect(read.newest == StreamID(milliseconds: 1, sequence: 5))
    }

    @Test("after a reset the next bytes are another connection's")
    func reset() {
        let whole = RESP.read([RESP.entry("1-0", data: Self.event("a")), RESP.entry("1-1", data: Self.event("a"))])
        var batches = BatchReader()
        var builder = BatchBuilder()
        let first = ReplyReader()
        first.feed(whole.dropLast(20))
        guard case .needMore = batches.read(first, into: &builder, limit: .max) else {
            Issue.record("half a reply was taken for a whole one")
            return
        }
        batches.reset()
        builder = BatchBuilder()
        let second = ReplyReader()
        second.feed(whole)
        guard case .end = batches.read(second, into: &builder, limit: .max) else {
            Issue.record("a whole reply was not read")
            return
        }
        #expect(builder.count == 2)
        let stretch = batches.takeStretch()
        #expect(stretch?.count == 2)
    }
}
