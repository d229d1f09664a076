import HTTP1

/// How a head is handed to a parser: the outcome must not depend on it.
enum Feeding: CaseIterable {
    case whole, byteByByte, inThrees

    func parse(_ bytes: [UInt8], limits: Limits = Limits()) -> HeadParse {
        var parser = RequestHeadParser(limits: limits)
        return feed(bytes) { chunk in
            let outcome = parser.parse(chunk)
            if case .needMore = outcome { return nil }
            return outcome
        } ?? .needMore
    }

    func parseResponse(_ bytes: [UInt8], limits: Limits = Limits()) -> ResponseHeadParse {
        var parser = ResponseHeadParser(limits: limits)
        return feed(bytes) { chunk in
            let outcome = parser.parse(chunk)
            if case .needMore = outcome { return nil }
            return outcome
        } ?? .needMore
    }

    /// Gives ever longer beginnings of `bytes` to `step`, each in a buffer of just its size, until it has a result.
    private func feed<Result>(_ bytes: [UInt8], _ step: (UnsafeRawBufferPointer) -> Result?) -> Result? {
        let stride =
            switch self {
            case .whole: max(bytes.count, 1)
            case .byteByByte: 1
            case .inThrees: 3
            }
        var given = 0
        repeat {
            given = min(given + stride, bytes.count)
            if let result = bytes[..<given].withUnsafeBytes(step) { return result }
        } while given < bytes.count
        return nil
    }
}

/// The head, or nil when there is none.
func parseHead(_ text: String, _ feeding: Feeding = .whole, limits: Limits = Limits()) -> RequestHead? {
    guard case .head(let head, _) = feeding.parse(Array(text.utf8), limits: limits) else { return nil }
    return head
}

/// The refusal, or nil when there is none.
func parseRefusal(_ bytes: [UInt8], _ feeding: Feeding = .whole, limits: Limits = Limits()) -> Refusal? {
    guard case .refused(let refusal) = feeding.parse(bytes, limits: limits) else { return nil }
    return refusal
}

func text(_ bytes: ArraySlice<UInt8>?) -> String? {
    bytes.map { String(decoding: $0, as: UTF8.self) }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
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
