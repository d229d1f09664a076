import EventLog

/// Finds the `id` in the JSON text of an event.
///
/// The text is taken to be JSON, as the gateway sends it: of anything else it may find nothing or something wrong.
enum EventID {
    /// The ID to resume from: of the object's own members named `id` the last one that is a stream ID. (The gateway's
    /// comes first; an event may bring one of its own, which counts for every JSON parser.)
    static func last(in json: [UInt8]) -> StreamID? {
        var members = MemberScanner(json)
        var last: StreamID?
        while let member = members.next() {
            guard member.name == Array("id".utf8), let text = member.string else { continue }
            if let id = text.withUnsafeBytes({ StreamID(text: $0) }) { last = id }
        }
        return last
    }
}

/// Goes through the members of one JSON object, in order, and passes over what is within their values.
private struct MemberScanner {
    struct Member {
        var name: [UInt8]
        /// The value, if it is a string.
        var string: [UInt8]?
    }

    /// Stands for what the scanner does not decode: it is in no UTF-8, so it equals nothing.
    private static let undecoded: UInt8 = 0xFF

    private let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) {
        self.text = text
        skipSpace()
        if take(UInt8(ascii: "{")) { return }
        position = text.count
    }

    private var byte: UInt8? { position < text.count ? text[position] : nil }

    mutating func next() -> Member? {
        skipSpace()
        _ = take(UInt8(ascii: ","))
        skipSpace()
        guard byte == UInt8(ascii: "\"") else { return nil }
        let name = string()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return nil }
        skipSpace()
        if byte == UInt8(ascii: "\"") { return Member(name: name, string: string()) }
        skipValue()
        return Member(name: name, string: nil)
    }

    /// A string, decoded as far as it is ASCII: names and IDs are. One that does not end equals nothing.
    private mutating func string() -> [UInt8] {
        var result: [UInt8] = []
        position += 1
        while let byte {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return result
            case UInt8(ascii: "\\"): result.append(escape())
            default: result.append(byte)
            }
        }
        return [Self.undecoded]
    }

    /// What stands behind a backslash.
    private mutating func escape() -> UInt8 {
        guard let byte else { return Self.undecoded }
        position += 1
        switch byte {
        case UInt8(ascii: "u"):
            let end = min(position + 4, text.count)
            defer { position = end }
            let code = UInt32(String(decoding: text[position..<end], as: UTF8.self), radix: 16)
            return code.flatMap { $0 < 0x80 ? UInt8($0) : nil } ?? Self.undecoded
        case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "\""): return byte
        default: return Self.undecoded
        }
    }

    /// A value that is no string, up to the comma or brace behind it.
    private mutating func skipValue() {
        var depth = 0
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                _ = string()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return }
                depth -= 1
            case UInt8(ascii: ","):
                if depth == 0 { return }
            default: break
            }
            position += 1
        }
    }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ wanted: UInt8) -> Bool {
        guard byte == wanted else { return false }
        position += 1
        return true
    }
}
