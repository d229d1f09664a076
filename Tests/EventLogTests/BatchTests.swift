import EventLog
import Testing

@Suite struct BatchTests {
    private static func batch(_ events: [(StreamID, String, BatchBuilder.ChannelSource?)]) -> Batch {
        var builder = BatchBuilder(capacity: 0)
        for (id, data, channel) in events {
            Array(data.utf8).withUnsafeBytes { data in
                builder.append(id: id, data: data, channel: channel ?? .data(0..<1))
            }
        }
        return builder.sealForReplay()
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("every slice of an event holds the bytes its reader is sent")
    func slices() {
        let data = #"{"channel_id": "c1", "n": 1}"#
        let batch = Self.batch([(.ms(17, 3), data, .data(16..<18))])
        #expect(Self.text(batch.text(0)) == #"{"id":"17-3", "channel_id": "c1", "n": 1}"#)
        #expect(Self.text(batch.body(0)) == #""channel_id": "c1", "n": 1}"#)
        #expect(Self.text(batch.eventStreamPrefix(0)) == "id: 17-3\ndata: ")
        #expect(Self.text(batch.eventStreamData(0)) == #"{"id":"17-3", "channel_id": "c1", "n": 1}"# + "\n\n")
        #expect(Self.text(batch.channelName(0)) == "c1")
        #expect([UInt8](batch.frame(0).prefix(2)) == [0x81, UInt8(batch.text(0).count)])
        #expect([UInt8](batch.frame(0).dropFirst(2)) == [UInt8](batch.text(0)))
        #expect(batch.entries[0].frameLength == batch.frame(0).count)
    }

    @Test(
        "a frame header has the shortest length form that holds the text",
        arguments: [
            (24, 2), (125, 2), (126, 4), (127, 4), (65_535, 4), (65_536, 10), (1 << 20, 10),
        ])
    func frameHeaders(textLength: Int, headerLength: Int) {
        let opening = #"{"id":"1-0", "#.utf8.count
        let data = #"{"k":""# + String(repeating: "x", count: textLength - opening - 8) + "\"} "
        let batch = Self.batch([(.ms(1), data, .data(2..<3))])
        let frame = [UInt8](batch.frame(0))
        #expect(batch.text(0).count == textLength)
        #expect(frame.count == headerLength + textLength)
        let length: Int
        switch headerLength {
        case 2: length = Int(frame[1])
        case 4: length = frame[2...3].reduce(0) { $0 << 8 | Int($1) }
        default: length = frame[2...9].reduce(0) { $0 << 8 | Int($1) }
        }
        #expect(frame[0] == 0x81)
        #expect(headerLength == 2 || frame[1] == (headerLength == 4 ? 126 : 127))
        #expect(length == textLength)
        // Not compared within the expectation: a failure would print a megabyte.
        let isText = frame[headerLength...].elementsEqual(batch.text(0))
        #expect(isText)
    }

    @Test("IDs of every length stand in the text and in the prefix")
    func identifiers() {
        var ids: [StreamID] = []
        for digits in 0..<20 {
            let power = (0..<digits).reduce(UInt64(1)) { value, _ in value &* 10 }
            ids += [.ms(power, 0), .ms(power &- 1, power), .ms(power, .max)]
        }
        ids.append(.max)
        let batch = Self.batch(ids.map { ($0, #"{"channel_id":"c"}"#, .data(15..<16)) })
        for (index, id) in ids.enumerated() {
            let text = "\(id.milliseconds)-\(id.sequence)"
            #expect(Self.text(batch.text(index)) == #"{"id":"\#(text)", "channel_id":"c"}"#)
            #expect(Self.text(batch.eventStreamPrefix(index)) == "id: \(text)\ndata: ")
            #expect(Self.text(batch.channelName(index)) == "c")
        }
    }

    @Test("a channel with escapes is compared and hashed as decoded")
    func decodedChannel() {
        let name = Array("é\"x".utf8)
        let batch = name.withUnsafeBytes {
            Self.batch([(.ms(1), #"{"channel_id":"\u00e9\"x"}"#, .decoded($0))])
        }
        #expect(batch.belongs(0, to: Channel(name)))
        #expect(!batch.belongs(0, to: Channel(Array("é".utf8))))
        #expect(Self.text(batch.text(0)) == #"{"id":"1-0", "channel_id":"\u00e9\"x"}"#)
        #expect(Self.text(batch.eventStreamData(0)).hasSuffix("}\n\n"))
    }

    @Test("an empty channel name and an empty decoded one are the same")
    func emptyChannel() {
        let batch = Self.batch([
            (.ms(1), #"{"channel_id":""}"#, .data(15..<15)),
            (.ms(2), #"{"channel_id":""}"#, .decoded(UnsafeRawBufferPointer(start: nil, count: 0))),
        ])
        #expect(batch.belongs(0, to: Channel([])))
        #expect(batch.belongs(1, to: Channel([])))
    }

    @Test(
        "line ends between tokens become spaces, white space before the brace goes",
        arguments: [
            ("{\n\"a\":\r\n1}\n", #"{"id":"1-0",  "a":  1} "#),
            (" \t\r\n {\"a\":1}", #"{"id":"1-0", "a":1}"#),
            ("{\n\n\n\"a\":1\r\r}", #"{"id":"1-0",    "a":1  }"#),
        ])
    func flattening(data: String, text: String) {
        let place = Array(data.utf8).firstIndex(of: UInt8(ascii: "a"))!
        let batch = Self.batch([(.ms(1), data, .data(place..<place + 1))])
        #expect(Self.text(batch.text(0)) == text)
        #expect(Self.text(batch.channelName(0)) == "a")
    }

    @Test("an event from history has the same body and channel as from the reader")
    func replayed() {
        let channel = Channel(Array("a".utf8))
        let data = Array("  {\n\"c\": \"a\"}".utf8)
        let entry = data.withUnsafeBytes { HistoryEntry(id: .ms(9), data: $0) }
        var builder = BatchBuilder()
        builder.append(id: entry.id, body: entry.body, channel: channel)
        #expect(builder.firstID == .ms(9) && builder.lastID == .ms(9) && builder.count == 1 && !builder.isEmpty)
        let replay = builder.sealForReplay()
        let live = Self.batch([(.ms(9), String(decoding: data, as: UTF8.self), .data(10..<11))])
        #expect([UInt8](replay.frame(0)) == [UInt8](live.frame(0)))
        #expect([UInt8](replay.body(0)) == entry.body)
        #expect(replay.belongs(0, to: channel) && live.belongs(0, to: channel))
    }

    @Test("batches that were sealed one after the other are numbered on, and chained within their buckets")
    func numbers() {
        var index = BucketIndex(historyBytes: 0)
        let channel = Channel(Array("a".utf8))
        var sealed: [Batch] = []
        for size in [1, 3, 2] {
            var builder = BatchBuilder()
            for step in 0..<size {
                builder.append(id: .ms(index.nextNumber + UInt64(step)), body: Array("}".utf8), channel: channel)
            }
            sealed.append(builder.seal(index: &index))
        }
        #expect(sealed.map(\.firstNumber) == [1, 2, 5])
        #expect(sealed.map(\.lastNumber) == [1, 4, 6])
        #expect(sealed.flatMap { $0.entries.map(\.previous) } == [0, 1, 2, 3, 4, 5])
        #expect(index.head(channel.hash) == 6 && index.nextNumber == 7)
    }
}
