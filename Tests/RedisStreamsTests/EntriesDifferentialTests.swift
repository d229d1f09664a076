import EventLog
import Testing

@testable import RedisStreams

/// The entries that are read in place, beside what hiredis makes of the same bytes.
@Suite("Entries in place and by hiredis")
struct EntriesDifferentialTests {
    /// What a decoder has to hand out for a whole reply, told from hiredis' tree.
    private static func expected(_ reply: Reply, _ shape: StreamEntryDecoder.Shape) -> [Decoded]? {
        var list = reply
        switch reply {
        case .null: return [.empty]
        case .error(let text): return [.error(text)]
        default: break
        }
        if shape == .xread {
            guard case .array(let streams) = reply, streams.count == 1, case .array(let stream) = streams[0],
                stream.count == 2, case .string = stream[0]
            else { return nil }
            list = stream[1]
        }
        guard case .array(let entries) = list else { return nil }
        var decoded: [Decoded] = []
        for entry in entries {
            guard case .array(let parts) = entry, parts.count == 2, case .string(let text) = parts[0],
                let id = text.withUnsafeBytes({ StreamID(text: $0) })
            else { return nil }
            var data: [UInt8]?
            switch parts[1] {
            case .null: break
            case .array(let fields):
                guard
                    fields.allSatisfy({ field in
                        switch field {
                        case .string, .null: true
                        default: false
                        }
                    })
                else { return nil }
                for index in stride(from: 0, to: fields.count - 1, by: 2) where data == nil {
                    if case .string(let value) = fields[index + 1], fields[index] == .string(Array("data".utf8)) {
                        data = value
                    }
                }
            default: return nil
            }
            decoded.append(.entry(id.description, data))
        }
        return decoded + [.end]
    }

    private static func decode(_ bytes: [UInt8], _ shape: StreamEntryDecoder.Shape, piece: Int) -> [Decoded] {
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder(shape)
        var decoded: [Decoded] = []
        for part in bytes.inPieces(of: piece) {
            reader.feed(part)
            decoded += drain(&decoder, reader)
            if decoded.last == .protocolError { break }
        }
        return decoded
    }

    private static func randomReply(_ random: inout SeededGenerator, _ shape: StreamEntryDecoder.Shape) -> [UInt8] {
        func bytes(_ limit: Int) -> [UInt8] {
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        }
        let entries = (0..<Int.random(in: 0...6, using: &random)).map { _ -> [UInt8] in
            let id = RESP.bulk("\(random.next() % 1000)-\(random.next() % 3)")
            if Int.random(in: 0..<8, using: &random) == 0 { return RESP.array([id, RESP.null]) }
            let fields = (0..<Int.random(in: 0...5, using: &random)).map { _ -> [UInt8] in
                switch Int.random(in: 0..<6, using: &random) {
                case 0: Array("$-1\r\n".utf8)
                case 1, 2: RESP.bulk("data")
                default: RESP.bulk(bytes(40))
                }
            }
            return RESP.array([id, RESP.array(fields)])
        }
        switch shape {
        case .range: return RESP.array(entries)
        case .xread: return RESP.array([RESP.array([RESP.bulk("s"), RESP.array(entries)])])
        }
    }

    @Test("replies of any fields come out as hiredis reads them, whole and in pieces", arguments: 0..<20)
    func wellFormed(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) + 77)
        for shape in [StreamEntryDecoder.Shape.xread, .range] {
            for _ in 0..<60 {
                let wire = Self.randomReply(&random, shape)
                let reply = parse(wire, piece: .max).replies.first
                let wanted = reply.flatMap { Self.expected($0, shape) }
                #expect(wanted != nil)
                for piece in pieces { #expect(Self.decode(wire, shape, piece: piece) == wanted) }
            }
        }
    }

    @Test("what hiredis refuses is never taken for whole, nor is it read differently in pieces", arguments: 0..<20)
    func damaged(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) + 4711)
        let alphabet = Array("*$:+-0123456789\r\ndat".utf8)
        for shape in [StreamEntryDecoder.Shape.xread, .range] {
            for _ in 0..<150 {
                var wire = Self.randomReply(&random, shape)
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<wire.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: wire[place] = alphabet.randomElement(using: &random) ?? 0
                    case 1: wire.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                    default: if wire.count > 1 { wire.remove(at: place) }
                    }
                }
                let whole = Self.decode(wire, shape, piece: .max)
                #expect(Self.decode(wire, shape, piece: 1) == whole)
                #expect(Self.decode(wire, shape, piece: 7) == whole)
                if whole.contains(.end) {
                    let reply = parse(wire, piece: .max).replies.first
                    let wanted = reply.flatMap { Self.expected($0, shape) }
                    #expect(wanted == Array(whole.prefix(through: whole.firstIndex(of: .end) ?? 0)))
                }
            }
        }
    }

    @Test(
        "whole replies and entries in one pipeline are each read by their own reader", arguments: [Int.max, 1, 5, 100])
    func mixed(piece: Int) {
        let time = RESP.array([RESP.bulk("1700000000"), RESP.bulk("123456")])
        let wire =
            time + RESP.read([RESP.entry("1-0", data: "a"), RESP.entry("1-1", data: "b")]) + RESP.integer(7)
            + RESP.integer(8) + RESP.null + time + RESP.read([RESP.entry("2-0", data: "c")])
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        var replies: [Reply] = []
        var entries: [Decoded] = []
        /// What comes next: a whole reply, or entries.
        var plan = [true, false, true, true, false, true, false]
        for part in wire.inPieces(of: piece) {
            reader.feed(part)
            asking: while let isWhole = plan.first {
                if isWhole {
                    guard case .reply(let reply) = reader.nextReply() else { break asking }
                    replies.append(reply)
                    plan.removeFirst()
                } else {
                    switch decoder.next(reader) {
                    case .needMore: break asking
                    case .entry(let id, let data): entries.append(.entry(id.description, data.map { Array($0) }))
                    case .end, .empty: plan.removeFirst()
                    case .error, .protocolError:
                        Issue.record("a right reply was refused")
                        return
                    }
                }
            }
        }
        #expect(plan.isEmpty)
        #expect(replies.map(\.serverMilliseconds) == [1_700_000_000_123, nil, nil, 1_700_000_000_123])
        #expect(entries == [.entry("1-0", data: "a"), .entry("1-1", data: "b"), .entry("2-0", data: "c")])
    }

    @Test("what the socket writes into the reader's own memory is read as if it were fed", arguments: [1, 100, 70_000])
    func inPlace(piece: Int) {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 900)
        let ids = (0..<400).map { "1-\($0)" }
        let wire = RESP.read(ids.map { RESP.entry($0, [Array("data".utf8), text]) })
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        var seen: [Decoded] = []
        var written = 0
        while written < wire.count {
            let room = reader.room()
            let count = min(room.count, piece, wire.count - written)
            #expect(count > 0)
            wire[written..<written + count].withUnsafeBytes { room.copyMemory(from: $0) }
            reader.wrote(count)
            written += count
            seen += drain(&decoder, reader)
        }
        #expect(seen == ids.map { .entry($0, text) } + [.end])
    }
}
