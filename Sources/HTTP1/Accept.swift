extension RequestHead {
    /// Whether the client takes content of this media type (RFC 9110 section 12.5.1). Of the ranges that match, the most
    /// specific decides; a quality of 0 means no. Without an `Accept` field, or with an empty one, everything is taken.
    /// - Parameters: in lower case.
    public func accepts(type: StaticString, subtype: StaticString) -> Bool {
        var isRestricted = false
        var best: (rank: Int, isAccepted: Bool) = (0, false)
        fields.forEachElement("accept") { element in
            guard !element.isEmpty else { return true }
            isRestricted = true
            var parts = element.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[...]
            let range = parts.removeFirst().trimmed
            guard let slash = range.firstIndex(of: UInt8(ascii: "/")) else { return true }
            guard let rank = Self.rank(range[..<slash], range[(slash + 1)...], type, subtype), rank >= best.rank else {
                return true
            }
            best = (rank, !parts.contains { Self.isQualityZero($0.trimmed) })
            return true
        }
        return !isRestricted || best.isAccepted
    }

    /// How specific a media range is that matches; nil if it does not.
    static func rank(
        _ rangeType: ArraySlice<UInt8>, _ rangeSubtype: ArraySlice<UInt8>, _ type: StaticString, _ subtype: StaticString
    ) -> Int? {
        let isAnySubtype = rangeSubtype.elementsEqual("*".utf8)
        if rangeType.elementsEqual("*".utf8) { return isAnySubtype ? 1 : nil }
        guard type.withUTF8Buffer({ rangeType.equalsIgnoringCase($0) }) else { return nil }
        if isAnySubtype { return 2 }
        return subtype.withUTF8Buffer { rangeSubtype.equalsIgnoringCase($0) } ? 3 : nil
    }

    /// `q=0`, `q=0.`, `q=0.0` … (RFC 9110 section 12.4.2).
    private static func isQualityZero(_ parameter: ArraySlice<UInt8>) -> Bool {
        guard let equals = parameter.firstIndex(of: UInt8(ascii: "=")) else { return false }
        let name = parameter[..<equals].trimmed
        guard name.elementsEqual("q".utf8) || name.elementsEqual("Q".utf8) else { return false }
        let value = parameter[(equals + 1)...].trimmed
        return value.first == UInt8(ascii: "0")
            && value.dropFirst().allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
    }
}
