import Configuration
import Foundation
import Logging
import Testing

@testable import sluice

@Suite("A line of the log")
struct LogLineTests {
    private func line(
        _ message: String = "message", _ metadata: Logger.Metadata = [:], level: Logger.Level = .info
    ) -> String {
        String(
            decoding: LogLine.bytes(milliseconds: 0, level: level, message: message, metadata: metadata),
            as: UTF8.self)
    }

    private func rest(_ line: String) -> String { String(line.dropFirst("1970-01-01T00:00:00.000Z info  ".count)) }

    @Test(
        "the time is UTC to the millisecond",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_763_717_460_123, "2025-11-21T09:31:00.123Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (4_102_444_800_007, "2100-01-01T00:00:00.007Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (-1000, "1969-12-31T23:59:59.000Z"),
        ] as [(Int64, String)])
    func time(milliseconds: Int64, text: String) {
        #expect(LogLine.timestamp(milliseconds) == text)
    }

    @Test(
        "levels are the words of the key logLevel, all of one width",
        arguments: [
            (.trace, "debug"), (.debug, "debug"), (.info, "info "), (.notice, "info "), (.warning, "warn "),
            (.error, "error"), (.critical, "error"),
        ] as [(Logger.Level, String)])
    func level(level: Logger.Level, word: String) {
        #expect(line("m", level: level) == "1970-01-01T00:00:00.000Z \(word) m\n")
    }

    @Test("metadata stand behind the message, ordered by key")
    func metadata() {
        let metadata: Logger.Metadata = ["b": "2", "a": "1", "address": "[::1]:80", "list": ["x", "y"]]
        #expect(
            rest(line("it is so", metadata)) == "it is so a=1 address=[::1]:80 b=2 list=\"[\\\"x\\\", \\\"y\\\"]\"\n")
    }

    @Test(
        "a value that could be taken for something else is quoted and escaped",
        arguments: [
            ("plain-1.0_/:@%+,;", "plain-1.0_/:@%+,;"), ("", #""""#), ("with space", #""with space""#),
            ("a=b", #""a=b""#), (#"say "x""#, #""say \"x\"""#), (#"back\slash"#, #""back\\slash""#),
            ("two\nlines", #""two\nlines""#), ("cr\rtab\t", #""cr\rtab\t""#), ("nul\0", #""nul\u{0}""#),
            ("\u{1B}[31mred", #""\u{1b}[31mred""#), ("\u{85}\u{2028}\u{2029}", #""\u{85}\u{2028}\u{2029}""#),
            ("\u{202E}rtl", #""\u{202e}rtl""#), ("é漢", #""é漢""#), ("\r\n", #""\r\n""#),
        ])
    func value(value: String, text: String) {
        #expect(rest(line("m", ["k": .string(value)])) == "m k=\(text)\n")
    }

    @Test("whatever comes from outside, an entry is one line and forges no key")
    func forging() {
        let hostile = "x\n1970-01-01T00:00:00.000Z info  forged \"k\"=1"
        for text in [line(hostile), line("m", ["k": .string(hostile)]), line("m", [hostile: "v"])] {
            #expect(text.split(separator: "\n").count == 1)
            #expect(text.hasSuffix("\n"))
        }
        #expect(rest(line("m", ["a b=c\n": "v"])) == "m a_b_c_=v\n")
    }

    // MARK: The other formats

    private func line(
        _ format: LogFormat, _ message: String, _ metadata: Logger.Metadata = [:], level: Logger.Level = .info
    ) -> String {
        String(
            decoding: LogLine.bytes(format, milliseconds: 0, level: level, message: message, metadata: metadata),
            as: UTF8.self)
    }

    static let hostile = [
        "", "plain", "two\nlines\r\t", "nul\0 bell\u{7} del\u{7F} c1\u{85}", "\"quoted\" \\ back", "{\"a\":1}", "a=b",
        "\u{2028}\u{2029}\u{202E}\u{FEFF}", "😀 é 漢", "\u{E0001}\u{10FFFF}\u{E000}", "\u{1B}[2J",
        String(decoding: [0xFF, 0xC0, 0x80, 0x41] as [UInt8], as: UTF8.self),
    ]

    @Test("a line of JSON is one object that is read as what was logged, whatever that was", arguments: hostile)
    func json(text: String) throws {
        let line = line(.json, text, [text: .string(text), "k": .string(text)])
        #expect(line.utf8.count { $0 == UInt8(ascii: "\n") } == 1 && line.hasSuffix("}\n"))
        let read = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(read["ts"] == "1970-01-01T00:00:00.000Z")
        #expect(read["level"] == "info")
        #expect(read["msg"] == text)
        #expect(read["k"] == text)
        #expect(read[text] == text)
        #expect(read.count == 5)
    }

    @Test("every byte can be logged as JSON")
    func everyByte() throws {
        for byte in UInt8.min...UInt8.max {
            let text = String(decoding: [byte, 0x41, byte], as: UTF8.self)
            let line = line(.json, text)
            let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            #expect(read?["msg"] == text)
            // Nothing that a terminal would act on.
            #expect(line.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        }
    }

    @Test("keys that are ours are told apart", arguments: [LogFormat.json, .logfmt])
    func ownKeys(format: LogFormat) {
        let line = line(format, "m", ["level": "l", "msg": "n", "ts": "t"], level: .warning)
        #expect(
            line
                == (format == .json
                    ? #"{"ts":"1970-01-01T00:00:00.000Z","level":"warn","msg":"m","level_":"l","msg_":"n","ts_":"t"}"#
                    : "ts=1970-01-01T00:00:00.000Z level=warn msg=m level_=l msg_=n ts_=t") + "\n")
    }

    @Test(
        "logfmt quotes what is not plain, with the escapes of JSON",
        arguments: [
            ("plain", "plain"), ("", #""""#), ("with space", #""with space""#), ("a=b", #""a=b""#),
            ("two\nlines", #""two\nlines""#), ("\u{1B}", ##""\u001b""##), ("😀", #""😀""#),
            ("say \"x\"", #""say \"x\"""#),
        ])
    func logfmt(value: String, text: String) {
        #expect(
            line(.logfmt, "m", ["k": .string(value)]) == "ts=1970-01-01T00:00:00.000Z level=info msg=m k=\(text)\n")
        #expect(line(.logfmt, value) == "ts=1970-01-01T00:00:00.000Z level=info msg=\(text)\n")
        #expect(line(.logfmt, "m", ["a b=c\n": "v"]).hasSuffix(" msg=m a_b_c_=v\n"))
    }
}
