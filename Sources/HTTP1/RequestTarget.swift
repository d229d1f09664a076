/// A request target taken apart (RFC 9112 section 3.2). Offsets are those of the head.
struct RequestTarget: Sendable {
    var whole: Range<Int>
    /// Empty in an absolute target without a path and in `CONNECT`.
    var path: Range<Int>
    /// Behind the first `?`; nil when there is none.
    var query: Range<Int>?
    /// Of an absolute target and of `CONNECT`.
    var authority: Range<Int>?

    /// Nil when the target is in none of the forms that `method` allows. Its characters are checked already.
    init?(_ head: UnsafeRawBufferPointer, _ range: Range<Int>, method: RequestHead.Method) {
        whole = range
        path = range
        guard let first = range.first.map({ head[$0] }) else { return nil }
        if method == .connect {
            // authority-form, with the port that nothing else would give (section 3.2.3)
            guard let authority = Authority(ArraySlice(head[range])), authority.port != nil else { return nil }
            self.authority = range
            path = range.upperBound..<range.upperBound
        } else if first == UInt8(ascii: "/") {
            splitQuery(head, from: range.lowerBound)
        } else if first == UInt8(ascii: "*") {
            guard method == .options, range.count == 1 else { return nil }
        } else {
            guard let start = Self.authorityStart(head, range) else { return nil }
            var end = start
            while end < range.upperBound, head[end] != UInt8(ascii: "/"), head[end] != UInt8(ascii: "?") { end += 1 }
            guard Authority(ArraySlice(head[start..<end])) != nil else { return nil }
            authority = start..<end
            splitQuery(head, from: end)
        }
    }

    private mutating func splitQuery(_ head: UnsafeRawBufferPointer, from start: Int) {
        guard let mark = head[start..<whole.upperBound].firstIndex(of: UInt8(ascii: "?")) else {
            path = start..<whole.upperBound
            return
        }
        path = start..<mark
        query = (mark + 1)..<whole.upperBound
    }

    /// Where the authority of an absolute target begins; nil for a scheme this gateway does not serve.
    private static func authorityStart(_ head: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        let schemes: [StaticString] = ["http://", "ws://", "https://", "wss://"]
        let target = ArraySlice(head[range.lowerBound..<min(range.upperBound, range.lowerBound + 8)])
        for scheme in schemes where target.count >= scheme.utf8CodeUnitCount {
            let matches = scheme.withUTF8Buffer { target.prefix($0.count).equalsIgnoringCase($0) }
            if matches { return range.lowerBound + scheme.utf8CodeUnitCount }
        }
        return nil
    }
}
