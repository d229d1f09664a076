/// What a text says when it is read as a whole number.
enum WholeNumber: Equatable {
    case value(Int)
    /// Whole, but beyond what `Int` holds.
    case tooLarge
    /// A fraction, or no number at all.
    case none

    /// Reads a decimal number: `8080`, `8080.0` and `8.08e3` are whole, `80.5` and `0x50` are not. It works on the
    /// digits, since a `Double` rounds above 2⁵³.
    init(_ text: some StringProtocol) {
        var rest = Substring(text).utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }

        let integer = Self.takeDigits(from: &rest)
        var fraction = ""
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = Self.takeDigits(from: &rest)
            guard !fraction.isEmpty else {
                self = .none
                return
            }
        }
        guard !integer.isEmpty else {
            self = .none
            return
        }

        var exponent = 0
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            let isMinus = rest.first == UInt8(ascii: "-")
            if isMinus || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            let digits = Self.takeDigits(from: &rest)
            guard !digits.isEmpty else {
                self = .none
                return
            }
            // Any exponent of this size is far outside Int, so its exact value does not matter.
            let magnitude = Int(digits).map { min($0, Self.farExponent) } ?? Self.farExponent
            exponent = isMinus ? -magnitude : magnitude
        }
        guard rest.isEmpty else {
            self = .none
            return
        }

        var digits = (integer + fraction).drop { $0 == "0" }
        exponent -= fraction.utf8.count
        while digits.last == "0" {
            digits.removeLast()
            exponent += 1
        }
        guard !digits.isEmpty else {
            self = .value(0)
            return
        }
        guard exponent >= 0 else {
            self = .none
            return
        }
        guard digits.utf8.count + exponent <= 19,
            let value = Int((isNegative ? "-" : "") + digits + String(repeating: "0", count: exponent))
        else {
            self = .tooLarge
            return
        }
        self = .value(value)
    }

    private static let farExponent = 1_000_000_000

    private static func takeDigits(from rest: inout Substring.UTF8View.SubSequence) -> String {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest[digits.endIndex...]
        return String(Substring(digits))
    }
}
