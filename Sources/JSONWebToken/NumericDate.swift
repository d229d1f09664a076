/// RFC 7519 section 2: seconds since 1970, as any JSON number, `1.5e9` and fractions included.
enum NumericDate {
    /// Dates beyond ±146 million years are taken for this one, so that adding a leeway to a date cannot overflow.
    static let limit: Int64 = 1 << 62

    /// 17 digits and one more always fit an `Int64`.
    private static let mantissaRoom: Int64 = 100_000_000_000_000_000

    /// Far above what the digits of one token could make up for.
    private static let exponentLimit = 1_000_000

    /// The date in milliseconds, rounded up: a time in whole milliseconds is before the exact date exactly if it is
    /// before this one, and so for "not before".
    /// - Parameter number: a JSON number, known to be grammatical. Computed in decimal: no rounding of a `Double`.
    static func milliseconds(of number: Range<Int>, in text: Span<UInt8>) -> Int64 {
        var index = number.lowerBound
        let negative = text[index] == UInt8(ascii: "-")
        if negative { index += 1 }

        var mantissa: Int64 = 0
        // The value is mantissa × 10^exponent seconds = mantissa × 10^(exponent + 3) milliseconds, plus a little
        // (less than one unit of the mantissa) if `more`.
        var exponent = 3
        var more = false
        var afterPoint = false
        while index < number.upperBound {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                afterPoint = true
            } else if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
                exponent += Self.exponent(in: index + 1..<number.upperBound, of: text)
                break
            } else if mantissa < mantissaRoom {
                mantissa = mantissa * 10 + Int64(byte - UInt8(ascii: "0"))
                if afterPoint { exponent -= 1 }
            } else {
                more = more || byte != UInt8(ascii: "0")
                if !afterPoint { exponent += 1 }
            }
            index += 1
        }

        while exponent > 0, mantissa > 0 {
            guard mantissa <= limit / 10 else { return negative ? -limit : limit }
            mantissa *= 10
            exponent -= 1
        }
        while exponent < 0, mantissa > 0 {
            more = more || mantissa % 10 != 0
            mantissa /= 10
            exponent += 1
        }
        if negative { return -mantissa }
        return mantissa + (more ? 1 : 0)
    }

    private static func exponent(in digits: Range<Int>, of text: Span<UInt8>) -> Int {
        var value = 0
        var negative = false
        for index in digits {
            switch text[index] {
            case UInt8(ascii: "-"): negative = true
            case UInt8(ascii: "+"): break
            default: value = min(value * 10 + Int(text[index] - UInt8(ascii: "0")), exponentLimit)
            }
        }
        return negative ? -value : value
    }
}
