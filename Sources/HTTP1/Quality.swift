/// How much a client likes a media type.
public struct MediaQuality: Sendable, Equatable {
    /// 0 (not at all) to 1000.
    public let thousandths: Int
    /// The client named the type itself, and not only a range that it lies in.
    public let isExplicit: Bool
}

extension RequestHead {
    /// How much the client likes a media type (RFC 9110 section 12.5.1). Of the ranges that match, the most specific
    /// decides, of several of them the best; without an `Accept` field everything is liked best.
    /// - Parameters:
    ///   - type, subtype: in lower case.
    ///   - version: ranges that have a parameter `version` of another value do not match.
    public func quality(type: StaticString, subtype: StaticString, version: StaticString) -> MediaQuality {
        var isRestricted = false
        var best = (rank: 0, thousandths: 0)
        fields.forEachElement("accept") { element in
            guard !element.isEmpty else { return true }
            isRestricted = true
            var parts = element.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[...]
            let range = parts.removeFirst().trimmed
            guard let slash = range.firstIndex(of: UInt8(ascii: "/")),
                let rank = Self.rank(range[..<slash], range[(slash + 1)...], type, subtype), rank >= best.rank
            else { return true }
            var thousandths = 1000
            for part in parts {
                guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
                let name = part[..<equals].trimmed
                let value = part[(equals + 1)...].trimmed
                if name.isEqual(to: "q") {
                    thousandths = Self.thousandths(value)
                } else if name.isEqual(to: "version") {
                    let bare = value.first == UInt8(ascii: "\"") ? value.dropFirst().dropLast() : value
                    guard bare.isEqual(to: version) else { return true }
                }
            }
            best = (rank, rank > best.rank ? thousandths : max(thousandths, best.thousandths))
            return true
        }
        guard isRestricted else { return MediaQuality(thousandths: 1000, isExplicit: false) }
        return MediaQuality(thousandths: best.thousandths, isExplicit: best.rank == 3)
    }

    /// `0.5` is 500 (RFC 9110 section 12.4.2). What is no quality counts as the best.
    private static func thousandths(_ value: ArraySlice<UInt8>) -> Int {
        let parts = value.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].elementsEqual("0".utf8) else { return 1000 }
        var result = 0
        var digits = 0
        for byte in (parts.count > 1 ? parts[1] : []).prefix(3) {
            guard ByteClass.isDigit(byte) else { return 1000 }
            result = result * 10 + Int(byte - UInt8(ascii: "0"))
            digits += 1
        }
        while digits < 3 {
            result *= 10
            digits += 1
        }
        return result
    }
}

extension ArraySlice<UInt8> {
    fileprivate func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { equalsIgnoringCase($0) }
    }
}
