import Foundation
import RedisStreams
import Testing

/// The scan against Foundation's parser on random documents and their mutations.
@Suite("The scan of an event: what another parser says")
struct EventJSONDifferentialTests {
    /// What both say of a document.
    enum Verdict: Equatable {
        case notJSON
        /// An object, but without a channel.
        case noChannel
        case channel(String)
    }

    static func ours(_ data: [UInt8]) -> Verdict {
        switch Scanned(data) {
        case .channel(let name): .channel(String(decoding: name, as: UTF8.self))
        case .malformed(.noChannel), .malformed(.channelNotString), .malformed(.channelNotUnicode): .noChannel
        case .malformed: .notJSON
        }
    }

    static func foundations(_ data: [UInt8]) -> Verdict {
        guard let object = try? JSONSerialization.jsonObject(with: Data(data)), let members = object as? [String: Any]
        else {
            return .notJSON
        }
        return (members["channel_id"] as? String).map { .channel($0) } ?? .noChannel
    }

    /// Where Foundation is known to differ.
    enum Divergence: CaseIterable {
        /// It refuses half of a surrogate pair anywhere.
        case loneSurrogate
        /// It refuses numbers that are no finite `Double`.
        case hugeNumber
        /// It takes a comma before a closing bracket.
        case trailingComma

        func explains(_ data: [UInt8], ours: Verdict, theirs: Verdict) -> Bool {
            switch self {
            case .loneSurrogate:
                let pair = /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}/
                return theirs == .notJSON
                    && String(decoding: data, as: UTF8.self).replacing(pair, with: "").contains(/\\u[dD][89a-fA-F]/)
            case .hugeNumber:
                return theirs == .notJSON && String(decoding: data, as: UTF8.self).contains(/[0-9][eE][+-]?[0-9]{3,}/)
            case .trailingComma:
                guard ours == .notJSON, case .malformed(.syntax(let offset)) = Scanned(data), offset < data.count,
                    "]}".utf8.contains(data[offset])
                else { return false }
                return data[..<offset].last { !" \n\r\t".utf8.contains($0) } == UInt8(ascii: ",")
            }
        }
    }

    @Test("30,000 random documents and mutations are judged as Foundation judges them", arguments: 0..<10)
    func random(seed: Int) {
        var documents = RandomDocuments(seed: UInt64(seed))
        var judged = 0
        var verdicts = [0, 0, 0]
        var explained = 0
        for _ in 0..<1000 {
            let document = documents.document()
            for data in [document, documents.mutation(of: document), documents.mutation(of: document)] {
                let ours = Self.ours(data)
                let theirs = Self.foundations(data)
                judged += 1
                switch ours {
                case .notJSON: verdicts[0] += 1
                case .noChannel: verdicts[1] += 1
                case .channel: verdicts[2] += 1
                }
                guard ours != theirs else { continue }
                if Divergence.allCases.contains(where: { $0.explains(data, ours: ours, theirs: theirs) }) {
                    explained += 1
                } else {
                    Issue.record(
                        "ours: \(ours), Foundation's: \(theirs), for \(String(decoding: data, as: UTF8.self).debugDescription)"
                    )
                }
            }
        }
        #expect(judged == 3000)
        // The documents are worth something: all verdicts come up, and few differ.
        for count in verdicts { #expect(count > 200) }
        #expect(explained < judged / 20)
    }
}

/// Documents that are objects, near to what producers write and far from it, and broken ones.
struct RandomDocuments {
    private var random: SeededGenerator
    private var bytes: [UInt8] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func document() -> [UInt8] {
        bytes = []
        space()
        object(depth: 0)
        space()
        return bytes
    }

    mutating func mutation(of document: [UInt8]) -> [UInt8] {
        var mutated = document
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let place = Int.random(in: 0...max(mutated.count - 1, 0), using: &random)
            guard place < mutated.count else { return mutated }
            switch Int.random(in: 0..<6, using: &random) {
            case 0: mutated.remove(at: place)
            case 1: mutated.insert(pick(Self.marks), at: place)
            case 2: mutated[place] = pick(Self.marks)
            case 3: mutated[place] = UInt8.random(in: 0x01...0xFF, using: &random)
            case 4: mutated.removeSubrange(place..<min(place + Int.random(in: 1...6, using: &random), mutated.count))
            default:
                let end = min(place + Int.random(in: 1...12, using: &random), mutated.count)
                mutated.insert(contentsOf: mutated[place..<end], at: Int.random(in: 0...mutated.count, using: &random))
            }
        }
        return mutated
    }

    private static let marks =
        Array(#"{}[]:,"\\u0129-+.eE tfn/ "#.utf8) + [0x0A, 0x1F, 0x7F, 0x80, 0xC3, 0xE2, 0xF0, 0xFF]

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    private mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    private mutating func put(_ text: String) { bytes += Array(text.utf8) }

    private mutating func space() {
        while oneIn(3) { put(pick([" ", "\n", "\t", "\r", "  ", "\r\n"])) }
    }

    private mutating func object(depth: Int) {
        put("{")
        space()
        let count = Int.random(in: depth == 0 ? 1...5 : 0...3, using: &random)
        // No name twice: which one counts is not the same in all parsers.
        var names: Set<String> = []
        for _ in 0..<count {
            let name =
                depth == 0 && oneIn(2) ? "channel_id" : pick(["job_id", "channel_id", "a", "status", "é", "", "x y"])
            guard names.insert(name).inserted else { continue }
            if names.count > 1 {
                put(",")
                space()
            }
            string(name)
            space()
            put(":")
            space()
            if name == "channel_id", !oneIn(4) {
                string(pick(["c", "24c4-f5d0", "é€😀", "", "guest-0123", "a\"b\\c/d", "\u{0}\n\u{1F}\u{7F}"]))
            } else {
                value(depth: depth + 1)
            }
            space()
        }
        put("}")
    }

    private mutating func value(depth: Int) {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 8), using: &random) {
        case 0: put(pick(["true", "false", "null"]))
        case 1: number()
        case 2: string(pick(["done", "/api/v1/chart", "é€😀", "", "channel_id", "0123456789abcdef0123456789abcdef"]))
        case 3:
            put(
                oneIn(6)
                    ? pick([#""\ud800""#, #""\udc00x""#])
                    : pick([#""\ud83d\ude00""#, #""\uFFFF\u0000""#, #""\\u0041\/""#]))
        case 4: put(String(Int64(bitPattern: random.next())))
        case 5: object(depth: depth)
        default:
            put("[")
            space()
            for index in 0..<Int.random(in: 0...3, using: &random) {
                if index > 0 { put(",") }
                space()
                value(depth: depth + 1)
                space()
            }
            put("]")
        }
    }

    private mutating func number() {
        if oneIn(3) { put("-") }
        put(pick(["0", "1", "10", "907", "12345678"]))
        if oneIn(3) { put(pick([".0", ".5", ".125", ".00"])) }
        if oneIn(3) { put(pick(["e1", "E+2", "e-3", "E0", "e00"])) }
    }

    /// The text as a string, each character plain or in one of its escapes.
    private mutating func string(_ text: String) {
        put("\"")
        for scalar in text.unicodeScalars {
            if oneIn(12) || scalar.value < 0x20 || scalar == "\"" || scalar == "\\" {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: oneIn(2))
                    put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                }
            } else {
                put(String(scalar))
            }
        }
        put("\"")
    }
}
