import EventLog
import Testing

@testable import RedisStreams

@Suite("Limits of replies")
struct ReplyLimitTests {
    @Test(
        "a string of more than 512 MiB is refused when it is announced, however it arrives",
        arguments: [
            "$536870913\r\n", "$600000000\r\n", "$9223372036854775807\r\n", "*2\r\n:1\r\n$536870913\r\n",
            "*1\r\n*2\r\n$3\r\nabc\r\n$99999999999\r\n", "$536870913\r\nabc", "$0536870913\r\n",
            "+OK\r\n$536870913\r\n",
        ], pieces)
    func announcedString(wire: String, piece: Int) {
        #expect(parse(Array(wire.utf8), piece: piece).failure != nil)
    }

    @Test(
        "a string of up to 512 MiB is waited for",
        arguments: [
            "$536870912\r\n", "$536870912\r\n999999999999", "$99\r\n999999999999\n9",
            "*1\r\n$536870912\r\n$9999999999\r\n",
        ], pieces)
    func largestString(wire: String, piece: Int) {
        #expect(parse(Array(wire.utf8), piece: piece) == Replies())
    }

    @Test("digits in a string are not taken for its length", arguments: pieces)
    func digits(piece: Int) {
        let text = String(repeating: "9999999999\r\n", count: 100)
        #expect(parse(RESP.bulk(text) + RESP.bulk(text), piece: piece).replies.count == 2)
    }

    @Test("nesting is refused while the reply is still arriving", arguments: pieces)
    func nesting(piece: Int) {
        #expect(parse(Array(String(repeating: "*1\r\n", count: 40).utf8), piece: piece).failure != nil)
    }
}

@Suite("Redirections of a cluster")
struct RedirectionTests {
    static let legal: [(String, UInt16, String, UInt16)] = [
        ("MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1", 6381),
        ("ASK 0 redis-2.example.org:1", 0, "redis-2.example.org", 1),
        ("MOVED 16383 ::1:65535", 16383, "::1", 65535),
        ("MOVED 5 :6379", 5, "", 6379),
    ]

    @Test("slot, host and port are told", arguments: legal)
    func redirection(text: String, slot: UInt16, host: String, port: UInt16) {
        let isOnce = text.hasPrefix("ASK")
        #expect(ServerError(text).redirection == .init(slot: slot, host: host, port: port, isOnce: isOnce))
    }

    @Test(
        "anything else is none",
        arguments: [
            "MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h", "MOVED 1 h:",
            "MOVED 1 h:0",
            "MOVED 1 h:65536", "MOVED 1 h:1 x", "CLUSTERDOWN 1 h:1", "ERR 1 h:1", "",
        ])
    func none(text: String) { #expect(ServerError(text).redirection == nil) }
}
