import EventLog
import Testing

@testable import RedisStreams

/// Answers as Redis sent them: both written by hand, 6.2 after its documentation.
@Suite("XINFO STREAM")
struct StreamInfoTests {
    static func info(of wire: [UInt8], piece: Int = .max) -> StreamInfo.Parsed? {
        parse(wire, piece: piece).replies.first.map { StreamInfo.parse($0) }
    }

    static func table(_ pairs: [(String, [UInt8])]) -> [UInt8] {
        RESP.array(pairs.flatMap { [RESP.bulk($0.0), $0.1] })
    }

    static let redis7 = table([
        ("length", RESP.integer(2)), ("radix-tree-keys", RESP.integer(1)), ("radix-tree-nodes", RESP.integer(2)),
        ("last-generated-id", RESP.bulk("1700000000005-3")), ("max-deleted-entry-id", RESP.bulk("0-0")),
        ("entries-added", RESP.integer(5)), ("recorded-first-entry-id", RESP.bulk("1700000000004-0")),
        ("groups", RESP.integer(0)),
        ("first-entry", RESP.entry("1700000000004-0", data: "four")),
        ("last-entry", RESP.entry("1700000000005-3", data: "five")),
    ])

    static let redis62 = table([
        ("length", RESP.integer(1)), ("radix-tree-keys", RESP.integer(1)), ("radix-tree-nodes", RESP.integer(2)),
        ("last-generated-id", RESP.bulk("9-1")), ("groups", RESP.integer(0)),
        ("first-entry", RESP.entry("8-0", data: "x")),
        ("last-entry", RESP.entry("8-0", data: "x")),
    ])

    /// All entries deleted: the entries are null.
    static let emptied = table([
        ("length", RESP.integer(0)), ("last-generated-id", RESP.bulk("9-1")), ("entries-added", RESP.integer(3)),
        ("first-entry", Array("$-1\r\n".utf8)), ("last-entry", Array("$-1\r\n".utf8)),
    ])

    static let tables: [([UInt8], StreamInfo)] = [
        (
            redis7,
            StreamInfo(
                length: 2, lastGeneratedID: StreamID(milliseconds: 1_700_000_000_005, sequence: 3),
                firstEntryID: StreamID(milliseconds: 1_700_000_000_004, sequence: 0),
                firstEntryData: Array("four".utf8),
                lastEntryID: StreamID(milliseconds: 1_700_000_000_005, sequence: 3), lastEntryData: Array("five".utf8),
                entriesAdded: 5)
        ),
        (
            redis62,
            StreamInfo(
                length: 1, lastGeneratedID: StreamID(milliseconds: 9, sequence: 1),
                firstEntryID: StreamID(milliseconds: 8, sequence: 0), firstEntryData: Array("x".utf8),
                lastEntryID: StreamID(milliseconds: 8, sequence: 0), lastEntryData: Array("x".utf8), entriesAdded: nil)
        ),
        (
            emptied,
            StreamInfo(
                length: 0, lastGeneratedID: StreamID(milliseconds: 9, sequence: 1), firstEntryID: nil, lastEntryID: nil,
                lastEntryData: nil, entriesAdded: 3)
        ),
        (
            table([
                ("last-entry", RESP.entry("1-0", [Array("other".utf8), [1]])), ("last-generated-id", RESP.bulk("1-0")),
                ("length", RESP.integer(1)),
            ]) + [],
            StreamInfo(
                length: 1, lastGeneratedID: StreamID(milliseconds: 1, sequence: 0), firstEntryID: nil,
                lastEntryID: StreamID(milliseconds: 1, sequence: 0), lastEntryData: nil, entriesAdded: nil)
        ),
    ]

    @Test("the facts are found whatever the version and order", arguments: tables, pieces)
    func facts(example: ([UInt8], StreamInfo), piece: Int) {
        #expect(Self.info(of: example.0, piece: piece) == .info(example.1))
    }

    @Test("no stream is no failure")
    func missing() {
        #expect(Self.info(of: Array("-ERR no such key\r\n".utf8)) == .missing)
    }

    @Test("an error is handed on")
    func error() {
        let text = "WRONGTYPE Operation against a key holding the wrong kind of value"
        #expect(Self.info(of: Array("-\(text)\r\n".utf8)) == .failed(ServerError(text)))
    }

    @Test(
        "anything else is a failure",
        arguments: [
            Array("+OK\r\n".utf8), RESP.integer(1), RESP.null, RESP.bulk("x"), RESP.array([]),
            RESP.array([RESP.bulk("length")]),
            table([("length", RESP.integer(1))]), table([("last-generated-id", RESP.bulk("1-0"))]),
            table([("length", RESP.integer(-1)), ("last-generated-id", RESP.bulk("1-0"))]),
            table([("length", RESP.bulk("1")), ("last-generated-id", RESP.bulk("1-0"))]),
            table([("length", RESP.integer(1)), ("last-generated-id", RESP.bulk("x"))]),
            table([("length", RESP.integer(1)), ("last-generated-id", RESP.integer(1))]),
        ])
    func failures(wire: [UInt8]) {
        guard case .failed = Self.info(of: wire) else {
            Issue.record("\(String(decoding: wire, as: UTF8.self).debugDescription) was taken for facts")
            return
        }
    }
}
