import EventLog
import Testing

@testable import RedisStreams

@Suite("Commands")
struct CommandTests {
    /// Every byte there is, with what RESP uses in front.
    static let binary: [UInt8] = Array("\r\n$3\r\n*1\r\n".utf8) + Array(0...255)

    @Test(
        "a template gives what the command itself would be",
        arguments: [StreamID.zero, id, .max, StreamID(milliseconds: 1, sequence: 1_234_567)])
    func templates(id: StreamID) {
        let read = CommandTemplate.xread(count: 1000, blockMilliseconds: 5000, stream: Self.binary)
        let expected = Command.xread(count: 1000, blockMilliseconds: 5000, stream: Self.binary, after: id)
        #expect(read.command(id) == expected)
        let look = CommandTemplate.xrange(stream: Self.binary)
        #expect(look.command(id) == Command.xrange(stream: Self.binary, from: id, to: id, count: 1))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var command: Command
        var arguments: [[UInt8]]
        var testDescription: String { String(decoding: arguments[0], as: UTF8.self) }

        init(_ command: Command, _ arguments: [UInt8]...) {
            self.command = command
            self.arguments = arguments
        }
    }

    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    static let id = StreamID(milliseconds: 1_700_000_000_000, sequence: 42)

    static let cases: [Case] = [
        Case(.ping, text("PING")),
        Case(.time, text("TIME")),
        Case(.info("server"), text("INFO"), text("server")),
        Case(.select(7), text("SELECT"), text("7")),
        Case(.setName("sluice"), text("CLIENT"), text("SETNAME"), text("sluice")),
        Case(.auth(username: "", password: binary), text("AUTH"), binary),
        Case(.auth(username: "default", password: text("p")), text("AUTH"), text("p")),
        Case(.auth(username: "bob é", password: text("p w")), text("AUTH"), text("bob é"), text("p w")),
        Case(.xinfoStream(binary), text("XINFO"), text("STREAM"), binary),
        Case(
            .xread(count: 1000, blockMilliseconds: 5000, stream: binary, after: id), text("XREAD"), text("COUNT"),
            text("1000"),
            text("BLOCK"), text("5000"), text("STREAMS"), binary, text("1700000000000-42")),
        Case(
            .xread(count: 1, blockMilliseconds: 1, stream: [], after: .zero), text("XREAD"), text("COUNT"), text("1"),
            text("BLOCK"),
            text("1"), text("STREAMS"), [], text("0-0")),
        Case(
            .xrange(stream: binary, from: .zero, to: .max, count: 3), text("XRANGE"), binary, text("0-0"),
            text("18446744073709551615-18446744073709551615"), text("COUNT"), text("3")),
        Case(
            .xrevrange(stream: binary, from: id, to: .zero, count: 9), text("XREVRANGE"), binary,
            text("1700000000000-42"), text("0-0"),
            text("COUNT"), text("9")),
        Case(
            .xadd(stream: binary, maximumLength: 1000, data: binary), text("XADD"), binary, text("MAXLEN"), text("~"),
            text("1000"),
            text("*"), text("data"), binary),
        Case(
            .xadd(stream: text("s"), maximumLength: 1, data: []), text("XADD"), text("s"), text("MAXLEN"), text("~"),
            text("1"),
            text("*"), text("data"), []),
        Case(Command([[]]), []),
        Case(Command([[0], [], [13, 10]]), [0], [], [13, 10]),
    ]

    @Test("each command is an array of strings, with every byte as it was given", arguments: cases)
    func bytes(of example: Case) {
        #expect(example.command.bytes == RESP.array(example.arguments.map { RESP.bulk($0) }))
    }

    @Test("an argument of 1 MiB is sent whole")
    func large() {
        let data = [UInt8](repeating: 0xA5, count: 1024 * 1024)
        let command = Command.xadd(stream: [1], maximumLength: 10, data: data)
        #expect(command.bytes.suffix(data.count + 2) == data + [13, 10])
    }
}

@Suite("Backoff")
struct BackoffTests {
    @Test("waits double up to the cap, from 1 ms on, whatever the random number")
    func bounds() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            var backoff = Backoff()
            var limit = 50
            for _ in 0..<40 {
                let wait = backoff.next(random: random.next())
                #expect((1...limit).contains(wait))
                limit = min(limit * 2, 5000)
            }
        }
    }

    @Test("the ends of the range are reached")
    func ends() {
        var backoff = Backoff(base: 100, cap: 1000)
        #expect([99, 199, 399, 799, 999, 999].map { backoff.next(random: $0) } == [100, 200, 400, 800, 1000, 1000])
        backoff.reset()
        #expect(backoff.next(random: 99) == 100)
        #expect(backoff.next(random: 0) == 1)
        #expect((1...400).contains(backoff.next(random: .max)))
    }

    @Test("a thousand gateways do not come back together")
    func spread() {
        var random = SeededGenerator(seed: 2)
        var quarters = [0, 0, 0, 0]
        for _ in 0..<1000 {
            var backoff = Backoff(base: 5000, cap: 5000)
            quarters[min((backoff.next(random: random.next()) - 1) / 1250, 3)] += 1
        }
        for count in quarters { #expect((180...320).contains(count)) }
    }

    @Test(
        "odd bounds are made usable",
        arguments: [
            (0, 0), (0, 5), (10, 1), (UInt64.max, UInt64.max), (1 << 63, 1), (1, UInt64.max), (3 << 60, 1 << 62),
        ] as [(UInt64, UInt64)])
    func oddBounds(base: UInt64, cap: UInt64) {
        var backoff = Backoff(base: base, cap: cap)
        let longest = Int(min(max(cap, 1), UInt64(Int32.max)))
        for attempt in 0..<100 {
            #expect((1...longest).contains(backoff.next(random: attempt % 2 == 0 ? .max : UInt64(attempt))))
        }
    }
}
