import Testing

@testable import Configuration

private func read(_ text: String) -> Result<JSONValue, JSONSyntaxError> {
    read(Array(text.utf8))
}

private func read(_ bytes: [UInt8]) -> Result<JSONValue, JSONSyntaxError> {
    do { return .success(try JSONReader.read(bytes)) } catch { return .failure(error) }
}

@Suite("The JSON reader")
struct JSONReaderTests {
    @Test(
        "legal JSON is read as written",
        arguments: [
            ("null", JSONValue.null), (" \t\r\n true ", .boolean(true)), ("false", .boolean(false)),
            ("0", .number("0")), ("-0.50E+07", .number("-0.50E+07")),
            ("123456789012345678901234567890", .number("123456789012345678901234567890")), ("\"\"", .string("")),
            (#""a\"\\\/\b\f\n\r\t""#, .string("a\"\\/\u{8}\u{C}\n\r\t")),
            (#""é\u00E9\ud83d\udE00\u0000""#, .string("éé😀\u{0}")),
            ("[]", .array([])), ("[1, [null ] ]", .array([.number("1"), .array([.null])])), ("{ }", .object([])),
            (
                #"{"b":1,"a":{"b":[]},"b":2}"#,
                .object([
                    .init(name: "b", value: .number("1")),
                    .init(name: "a", value: .object([.init(name: "b", value: .array([]))])),
                    .init(name: "b", value: .number("2")),
                ])
            ), ("\u{FEFF}{}", .object([])),
        ])
    func legal(text: String, value: JSONValue) {
        #expect(read(text) == .success(value))
    }

    @Test(
        "what is not JSON is refused with its place, what is there and what was expected",
        arguments: [
            ("", 1, 1, "the text ends", "a value"), ("  \n ", 2, 2, "the text ends", "a value"),
            ("{\n  \"port\": 80,\n  \"x\": tru }", 3, 8, "an unexpected character", "a value"),
            ("{\"a\": 1,}", 1, 9, "unexpected }", "a name in double quotes"), ("[1,]", 1, 4, "unexpected ]", "a value"),
            ("{\"a\": 1} x", 1, 10, "an unexpected character", "the end of the file"),
            ("{\"é\": ]", 1, 7, "unexpected ]", "a value"), ("{\"a\" 1}", 1, 6, "an unexpected character", "\":\""),
            ("{\"a\": 1 \"b\": 2}", 1, 9, "unexpected \"", "\",\" or \"}\""),
            ("{'a': 1}", 1, 2, "unexpected '", "a name in double quotes"),
            ("{\n// no\n}", 2, 1, "unexpected /", "a name in double quotes"),
            ("[1 2]", 1, 4, "an unexpected character", "\",\" or \"]\""),
            ("01", 1, 2, "an unexpected character", "the end of the file"), ("-", 1, 2, "the text ends", "a digit"),
            ("1.", 1, 3, "the text ends", "a digit"), ("1.e5", 1, 3, "an unexpected character", "a digit"),
            ("1e+", 1, 4, "the text ends", "a digit"), ("+1", 1, 1, "an unexpected character", "a value"),
            ("NaN", 1, 1, "an unexpected character", "a value"),
            ("\"abc", 1, 1, "a string without its closing quote", "a double quote"),
            ("\"a\\", 1, 3, "a string without its closing quote", "a double quote"),
            ("\"a\nb\"", 1, 3, "a line break or control character in a string", "an escape such as \\n"),
            (#""\x""#, 1, 2, "an unknown escape in a string", #"one of \" \\ \/ \b \f \n \r \t \u"#),
            (#""\u12g4""#, 1, 2, "an incomplete \\u escape", "four hexadecimal digits"),
            (#""\u12"#, 1, 2, "an incomplete \\u escape", "four hexadecimal digits"),
            (#""\ud800""#, 1, 2, "half of a surrogate pair", "a \\u escape for each half"),
            (#""\ud800\n""#, 1, 2, "half of a surrogate pair", "a \\u escape for each half"),
            (#""\ud800\ud800""#, 1, 2, "half of a surrogate pair", "a \\u escape for each half"),
            (#""\udc00""#, 1, 2, "half of a surrogate pair", "a \\u escape for each half"),
        ])
    func illegal(text: String, line: Int, column: Int, found: String, expected: String) {
        #expect(
            read(text) == .failure(JSONSyntaxError(line: line, column: column, found: found, expected: expected)))
    }

    @Test(
        "invalid UTF-8 is refused inside and outside strings",
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xFF], [0x22, 0xC0, 0x80, 0x22],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError.self) { try read(bytes).get() }
    }

    @Test("63 levels of nesting are read, a hundred thousand are refused without harm")
    func nesting() {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(throws: Never.self) { try read(nested(63)).get() }
        #expect(throws: JSONSyntaxError.self) { try read(nested(100_000)).get() }
        #expect(throws: JSONSyntaxError.self) { try read(String(repeating: "{\"a\":", count: 100_000)).get() }
    }

    @Test("every beginning of a good file is refused, and none crashes")
    func truncated() {
        let text = Array(Key.exampleJSON().utf8.dropLast())
        for count in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try read(Array(text[..<count])).get() }
        }
    }

    @Test("any byte changed in a good file gives a value or an error, never a crash")
    func mutated() {
        let text = Array(Key.exampleJSON().utf8)
        // A changed byte may end a line more.
        let lines = text.count { $0 == UInt8(ascii: "\n") } + 2
        var state: UInt64 = 0x5EED
        for _ in 0..<5000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var bytes = text
            bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
            if case .failure(let error) = read(bytes) {
                #expect(error.line >= 1 && error.column >= 1 && error.line <= lines)
            }
        }
    }

    @Test(
        "a whole number is told by its digits",
        arguments: [
            ("0", WholeNumber.value(0)), ("-0", .value(0)), ("0.000", .value(0)),
            ("0e999999999999999999999", .value(0)),
            ("12", .value(12)), ("-12", .value(-12)), ("12.00", .value(12)), ("1.2e1", .value(12)),
            ("1200e-2", .value(12)),
            ("9223372036854775807", .value(.max)), ("-9223372036854775808", .value(.min)),
            ("9223372036854775808", .tooLarge), ("9007199254740993", .value(9_007_199_254_740_993)),
            ("1e18", .value(1_000_000_000_000_000_000)),
            ("1e19", .tooLarge), ("1e400", .tooLarge), ("1e99999999999999999999", .tooLarge), ("1e-1", .none),
            ("1e-99999999999999999999", .none), ("0.5", .none), ("", .none), ("-", .none), ("e5", .none), ("1e", .none),
            ("1.", .none), (".5", .none), ("1 ", .none), ("1x", .none),
        ])
    func wholeNumbers(text: String, expected: WholeNumber) {
        #expect(WholeNumber(text) == expected)
    }
}
