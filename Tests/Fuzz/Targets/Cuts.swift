/// How an input is cut: what a stream's parser says must not depend on it.
///
/// Drawn from the input itself, so that an input alone brings a finding back.
enum Cuts: CaseIterable {
    case whole
    case byteByByte
    case anywhere

    /// The input in pieces, none of them empty. Each is an array of just its size, so that a sanitizer sees a read beyond it.
    func pieces(of input: [UInt8]) -> [[UInt8]] {
        guard !input.isEmpty else { return [] }
        switch self {
        case .whole:
            return [input]
        case .byteByByte:
            return input.map { [$0] }
        case .anywhere:
            var random = Mixed(input)
            var pieces: [[UInt8]] = []
            var start = 0
            while start < input.count {
                let end = min(start + 1 + Int(random.next() % 23), input.count)
                pieces.append(Array(input[start..<end]))
                start = end
            }
            return pieces
        }
    }
}

/// Numbers that follow from bytes: FNV-1a for the seed, SplitMix64 from there.
private struct Mixed: RandomNumberGenerator {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ bytes: [UInt8]) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// What was seen for each way of cutting; a sentence when they differ.
func findingOfCuts(_ input: [UInt8], _ see: ([[UInt8]]) -> String) -> String? {
    let whole = see(Cuts.whole.pieces(of: input))
    for cuts in Cuts.allCases where cuts != .whole {
        let seen = see(cuts.pieces(of: input))
        guard seen == whole else { return "cut \(cuts) it says:\n\(seen)\nand whole:\n\(whole)" }
    }
    return nil
}

extension [UInt8] {
    /// For sentences.
    var shown: String { String(decoding: self, as: UTF8.self).debugDescription }
}
