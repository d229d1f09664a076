import Glibc
import RedisStreams
import Testing

@Suite("The scan of an event: bytes, words and borders")
struct EventJSONBytesTests {
    /// In the string `x`; the channel is known before.
    static let head = Array(#"{"channel_id":"c","x":""#.utf8)
    static let tail = Array(#""}"#.utf8)

    static func inString(_ bytes: [UInt8]) -> Scanned { Scanned(head + bytes + tail) }

    static func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    @Test("sequences of one and two bytes are UTF-8 exactly when the standard library says so")
    func shortSequences() {
        var wrong: [[UInt8]] = []
        for first in UInt8(0x80)...0xFF {
            if Self.inString([first]) != .malformed(.invalidUTF8(offset: Self.head.count)) { wrong.append([first]) }
            for second in UInt8.min...UInt8.max where !Self.isSpecial(second) {
                let bytes = [first, second]
                let expected: Scanned =
                    Self.isUTF8(bytes) ? .channel("c") : .malformed(.invalidUTF8(offset: Self.head.count))
                if Self.inString(bytes) != expected { wrong.append(bytes) }
            }
        }
        #expect(wrong == [])
    }

    @Test("sequences of three and four bytes are UTF-8 exactly when the standard library says so")
    func longSequences() {
        let edges: [UInt8] = [0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xE2]
        var wrong: [[UInt8]] = []
        for first in UInt8(0xE0)...0xFF {
            for second in UInt8(0x7F)...0xC0 {
                for third in edges {
                    for fourth in [nil] + edges.map(Optional.some) {
                        let bytes = [first, second, third] + (fourth.map { [$0] } ?? [])
                        let scanned = Self.inString(bytes)
                        if Self.isUTF8(bytes) {
                            if scanned != .channel("c") { wrong.append(bytes) }
                        } else if case .malformed(.invalidUTF8) = scanned {
                            continue
                        } else {
                            wrong.append(bytes)
                        }
                    }
                }
            }
        }
        #expect(wrong == [])
    }

    static let sequences: [(String, [UInt8], Bool)] = [
        ("U+0080", [0xC2, 0x80], true), ("U+07FF", [0xDF, 0xBF], true), ("U+0800", [0xE0, 0xA0, 0x80], true),
        ("U+D7FF", [0xED, 0x9F, 0xBF], true), ("U+E000", [0xEE, 0x80, 0x80], true),
        ("U+FFFF", [0xEF, 0xBF, 0xBF], true),
        ("U+10000", [0xF0, 0x90, 0x80, 0x80], true), ("U+10FFFF", [0xF4, 0x8F, 0xBF, 0xBF], true),
        ("overlong slash", [0xC0, 0xAF], false), ("overlong in three", [0xE0, 0x80, 0xAF], false),
        ("overlong in four", [0xF0, 0x80, 0x80, 0xAF], false), ("overlong NUL", [0xC0, 0x80], false),
        ("overlong U+07FF", [0xE0, 0x9F, 0xBF], false), ("overlong U+FFFF", [0xF0, 0x8F, 0xBF, 0xBF], false),
        ("U+D800", [0xED, 0xA0, 0x80], false), ("U+DFFF", [0xED, 0xBF, 0xBF], false),
        ("CESU-8", [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80], false), ("U+110000", [0xF4, 0x90, 0x80, 0x80], false),
        ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80], false),
        ("six bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], false),
        ("a continuation alone", [0x80], false), ("0xFE", [0xFE], false), ("0xFF", [0xFF], false),
        ("Latin-1", [0xE9], false), ("cut by a letter", [0xE2, 0x82, 0x41], false),
        ("cut by a start", [0xE2, 0xC3, 0xA9], false),
    ]

    @Test("UTF-8 is checked in values, names and the channel alike", arguments: sequences)
    func places(example: (String, [UInt8], Bool)) {
        let (_, bytes, isValid) = example
        let places: [([UInt8], [UInt8], Scanned)] = [
            (Self.head, Self.tail, .channel("c")),
            (Array(#"{"channel_id":"c","k"#.utf8), Array(#"":1}"#.utf8), .channel("c")),
            (Array(#"{"channel_id":""#.utf8), Self.tail, .channel(bytes)),
            (Array(#"{"channel_id":"\n"#.utf8), Self.tail, .channel([10] + bytes)),
            (Array(#"{"channel_id":"c","x":[{"y":"0123456"#.utf8), Array(#""}]}"#.utf8), .channel("c")),
        ]
        for (before, after, expected) in places {
            #expect(
                Scanned(before + bytes + after) == (isValid ? expected : .malformed(.invalidUTF8(offset: before.count)))
            )
        }
    }

    @Test("a scalar that the data's end cuts off is not UTF-8", arguments: sequences.filter(\.2))
    func cutScalars(example: (String, [UInt8], Bool)) {
        for length in 1..<example.1.count {
            #expect(Scanned(Self.head + example.1[..<length]) == .malformed(.invalidUTF8(offset: Self.head.count)))
        }
        #expect(Scanned(Self.head + example.1) == .malformed(.endsEarly))
    }

    @Test("text that is not UTF-8 outside of strings is no JSON")
    func outsideOfStrings() {
        #expect(Scanned([0xC3, 0xA9] + Array(#"{"channel_id":"c"}"#.utf8)) == .malformed(.notAnObject))
        #expect(Scanned([0xFF, 0xFE, 0x7B, 0, 0x7D, 0]) == .malformed(.notAnObject))
        #expect(Scanned([0x7B, 0, 0x7D, 0]) == .malformed(.syntax(offset: 1)))
    }

    /// The scanner looks at eight bytes at once: what is special must be seen at each place of a word, and what is not
    /// must not be, whatever stands around it.
    @Test("every byte is seen for what it is at every place of a word", arguments: UInt8.min...UInt8.max)
    func everyPlace(byte: UInt8) {
        for neighbour in [UInt8(ascii: "a"), 0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F] {
            for before in 0..<18 {
                for after in [0, 1, 6, 7, 8, 9] {
                    let filler = [UInt8](repeating: neighbour, count: before)
                    let data = Self.head + filler + [byte] + [UInt8](repeating: neighbour, count: after) + Self.tail
                    let position = Self.head.count + before
                    let scanned = Scanned(data)
                    switch byte {
                    case 0..<0x20: expectSame(scanned, .malformed(.controlCharacter(offset: position)))
                    case 0x80...: expectSame(scanned, .malformed(.invalidUTF8(offset: position)))
                    case UInt8(ascii: "\""):
                        // The string ends here; what follows is no comma, at first behind the spaces.
                        let rest = data[(position + 1)...].drop { $0 == 0x20 }
                        expectSame(
                            scanned,
                            .malformed(rest.first == UInt8(ascii: "}") ? .endsEarly : .syntax(offset: rest.startIndex)))
                    case UInt8(ascii: "\\"):
                        // An escaped quote leaves the string open; the other neighbours are no escapes.
                        expectSame(scanned, .malformed(after == 0 ? .endsEarly : .invalidEscape(offset: position)))
                    default: expectSame(scanned, .channel("c"))
                    }
                }
            }
        }
    }

    /// Cheaper than an expectation, of which there would be hundreds of thousands.
    private func expectSame(_ scanned: Scanned, _ expected: Scanned, line: Int = #line) {
        if scanned != expected { Issue.record("\(scanned) instead of \(expected)") }
    }

    @Test("a special byte behind another is not lost in a word's arithmetic")
    func neighbouringSpecials() {
        let specials: [UInt8] = [
            0x00, 0x01, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0xA2, 0xDC, 0xFF,
        ]
        for first in specials {
            for second in specials {
                for before in 0..<9 {
                    let data =
                        Self.head + [UInt8](repeating: UInt8(ascii: "x"), count: before) + [first, second] + Self.tail
                    let position = Self.head.count + before
                    let expected: Scanned
                    switch (first, second) {
                    case (0..<0x20, _): expected = .malformed(.controlCharacter(offset: position))
                    case (0xDC, 0x80), (0xDC, 0xA2): expected = .channel("c")
                    case (0x80..., _): expected = .malformed(.invalidUTF8(offset: position))
                    case (0x22, 0x20): expected = .malformed(.syntax(offset: position + 2))
                    case (0x22, _): expected = .malformed(.syntax(offset: position + 1))
                    case (0x5C, 0x22), (0x5C, 0x5C): expected = .channel("c")
                    case (0x5C, _): expected = .malformed(.invalidEscape(offset: position))
                    case (_, 0..<0x20): expected = .malformed(.controlCharacter(offset: position + 1))
                    case (_, 0x80...): expected = .malformed(.invalidUTF8(offset: position + 1))
                    case (_, 0x22): expected = .malformed(.syntax(offset: position + 2))
                    case (_, 0x5C): expected = .malformed(.endsEarly)
                    default: expected = .channel("c")
                    }
                    expectSame(Scanned(data), expected)
                }
            }
        }
    }

    /// Raw pointers are not checked in release builds: a page that may not be read stands before and behind the data, so
    /// that a read outside of it ends the process.
    @Test("the scanner never reads outside of the data")
    func guardPages() throws {
        let page = Int(getpagesize())
        let size = 3 * page
        let map = try #require(mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        try #require(map != MAP_FAILED)
        defer { munmap(map, size) }
        try #require(mprotect(map + page, page, PROT_READ | PROT_WRITE) == 0)
        let readable = UnsafeMutableRawBufferPointer(start: map + page, count: page)

        var scans = 0
        func check(_ data: [UInt8]) {
            let expected = Scanned(data)
            for start in [0, page - data.count] {
                let place = UnsafeMutableRawBufferPointer(rebasing: readable[start..<start + data.count])
                place.copyBytes(from: data)
                if Scanned(UnsafeRawBufferPointer(place)) != expected { Issue.record("the scan depends on the place") }
                scans += 1
            }
        }
        let examples =
            EventJSONTests.legal.map { Array($0.0.utf8) } + EventJSONMalformedTests.malformed.map { Array($0.0.utf8) }
            + Self.sequences.map { Self.head + $0.1 + Self.tail }
        for example in examples {
            for length in 0...example.count { check(Array(example[..<length])) }
            // And with something special for the last byte.
            for last in [0x5C, 0x22, 0xF0, 0xE0, 0xC3, 0x75, 0x2D, 0x74] as [UInt8] {
                for length in stride(from: 0, through: example.count, by: 3) { check(example[..<length] + [last]) }
            }
        }
        #expect(scans > 20_000)
    }
}
