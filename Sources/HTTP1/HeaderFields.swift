/// The header fields of one message, in the order they came.
///
/// Owns the head's bytes; every value handed out is a slice of them, which shares the storage and allocates nothing.
/// Names are compared without regard to case (RFC 9110 section 5.1).
public struct HeaderFields: Sendable {
    /// Where one field lies in the head.
    struct Entry: Sendable {
        let nameStart: UInt32
        let nameCount: UInt32
        let valueStart: UInt32
        let valueCount: UInt32

        var name: Range<Int> { Int(nameStart)..<(Int(nameStart) + Int(nameCount)) }
        var value: Range<Int> { Int(valueStart)..<(Int(valueStart) + Int(valueCount)) }
    }

    /// The whole head, from its first byte to the empty line's end.
    let bytes: [UInt8]
    private let entries: [Entry]

    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    /// How many field lines there are.
    public var count: Int { entries.count }

    /// The field line at `index` (`0..<count`), its name as it was written and its value without white space around.
    public subscript(index: Int) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        (bytes[entries[index].name], bytes[entries[index].value])
    }

    /// The value of the first field of that name.
    public func first(_ name: StaticString) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        forEachValue(name) { value in
            found = value
            return false
        }
        return found
    }

    /// The values of all fields of that name, in the order they came.
    public func values(_ name: StaticString) -> [ArraySlice<UInt8>] {
        var found: [ArraySlice<UInt8>] = []
        forEachValue(name) { value in
            found.append(value)
            return true
        }
        return found
    }

    /// Whether the comma-separated lists of all fields of that name hold `token` (RFC 9110 section 5.6.1), letters of
    /// either case being equal.
    public func listContains(_ name: StaticString, _ token: StaticString) -> Bool {
        token.withUTF8Buffer { wanted in
            var found = false
            forEachElement(name) { element in
                found = element.equalsIgnoringCase(wanted)
                return !found
            }
            return found
        }
    }

    /// Hands the values of all fields of that name to `body` until it returns false.
    func forEachValue(_ name: StaticString, _ body: (ArraySlice<UInt8>) -> Bool) {
        name.withUTF8Buffer { wanted in
            for entry in entries where Int(entry.nameCount) == wanted.count {
                guard bytes[entry.name].equalsIgnoringCase(wanted) else { continue }
                guard body(bytes[entry.value]) else { return }
            }
        }
    }

    /// Hands the elements of the comma-separated lists of all fields of that name to `body`, without the white space
    /// around them and with the empty ones, until it returns false.
    func forEachElement(_ name: StaticString, _ body: (ArraySlice<UInt8>) -> Bool) {
        forEachValue(name) { value in
            var rest = value
            while let comma = rest.firstIndex(of: UInt8(ascii: ",")) {
                guard body(rest[..<comma].trimmed) else { return false }
                rest = rest[(comma + 1)...]
            }
            return body(rest.trimmed)
        }
    }
}
