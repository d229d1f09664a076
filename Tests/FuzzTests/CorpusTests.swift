import Foundation
import FuzzTargets
import Testing

/// The fuzzers' inputs as tests: the committed ones, and what comes of small changes to them.
@Suite("What fuzzers have tried")
struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fuzz/Corpora")

    private static func corpus(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let directory = corpora.appending(path: target.rawValue)
        return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().map { name in
            (name, Array(try Data(contentsOf: directory.appending(path: name))))
        }
    }

    @Test("every committed input holds what its target promises", arguments: FuzzTarget.allCases)
    func committed(target: FuzzTarget) throws {
        let corpus = try Self.corpus(target)
        #expect(corpus.count >= 5)
        for (name, bytes) in corpus {
            let finding = target.finding(in: bytes)
            #expect(finding == nil, "\(target.rawValue)/\(name)")
        }
    }

    @Test("so do 300 inputs that a small change makes of them", arguments: FuzzTarget.allCases)
    func changed(target: FuzzTarget) throws {
        let corpus = try Self.corpus(target).map(\.bytes)
        var random = SeededGenerator(seed: 20_261_121)
        for _ in 0..<300 {
            var input = try #require(corpus.randomElement(using: &random))
            for _ in 0..<Int.random(in: 1...3, using: &random) { change(&input, corpus, &random) }
            let finding = target.finding(in: input)
            #expect(finding == nil, "\(target.rawValue): \(input)")
        }
    }

    private func change(_ input: inout [UInt8], _ corpus: [[UInt8]], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...input.count, using: &random)
        let end = min(place + Int.random(in: 1...9, using: &random), input.count)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: input.removeSubrange(place..<end)
        case 1: input.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 2: for index in place..<end { input[index] ^= 1 << UInt8.random(in: 0...7, using: &random) }
        case 3: input.insert(contentsOf: input[place..<end], at: Int.random(in: 0...input.count, using: &random))
        default:
            let other = corpus.randomElement(using: &random) ?? []
            input = Array(input[..<place] + other[Int.random(in: 0...other.count, using: &random)...])
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
