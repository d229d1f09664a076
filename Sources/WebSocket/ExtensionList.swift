/// One element of a `Sec-WebSocket-Extensions` field (RFC 6455 section 9.1).
struct ExtensionElement: Equatable {
    struct Parameter: Equatable {
        var name: String
        /// Nil without a `=`.
        var value: String?
    }

    var name: String
    /// As they came; a name may be there more than once.
    var parameters: [Parameter]
}

/// Reads `Sec-WebSocket-Extensions` fields, of offers and of answers.
struct ExtensionList {
    private var rest: ArraySlice<UInt8>

    /// The elements of all fields, one list (RFC 6455 section 9.1), empty ones left out. Nil if the bytes do not keep
    /// the grammar: the handshake is to be failed then.
    static func parse(_ values: [ArraySlice<UInt8>]) -> [ExtensionElement]? {
        var elements: [ExtensionElement] = []
        for value in values {
            var list = ExtensionList(rest: value)
            guard list.read(into: &elements) else { return nil }
        }
        return elements
    }

    private mutating func read(into elements: inout [ExtensionElement]) -> Bool {
        while true {
            skipWhitespace()
            if rest.isEmpty { return true }
            if take(UInt8(ascii: ",")) { continue }
            guard let element = element() else { return false }
            elements.append(element)
            guard rest.isEmpty || take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// `token *( ";" token [ "=" ( token / quoted-string ) ] )`, with the white space behind it.
    private mutating func element() -> ExtensionElement? {
        guard let name = token() else { return nil }
        var element = ExtensionElement(name: name, parameters: [])
        skipWhitespace()
        while take(UInt8(ascii: ";")) {
            skipWhitespace()
            guard let name = token() else { return nil }
            skipWhitespace()
            var value: String?
            if take(UInt8(ascii: "=")) {
                skipWhitespace()
                value = rest.first == UInt8(ascii: "\"") ? quoted() : token()
                if value == nil { return nil }
                skipWhitespace()
            }
            element.parameters.append(.init(name: name, value: value))
        }
        return element
    }

    private mutating func token() -> String? {
        let token = rest.prefix(while: Self.isToken)
        guard !token.isEmpty else { return nil }
        rest = rest[token.endIndex...]
        return String(decoding: token, as: UTF8.self)
    }

    /// A quoted string whose content must be a token (RFC 6455 section 9.1).
    private mutating func quoted() -> String? {
        var content: [UInt8] = []
        _ = rest.popFirst()
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return content.isEmpty ? nil : String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), Self.isToken(escaped) else { return nil }
                content.append(escaped)
            default:
                guard Self.isToken(byte) else { return nil }
                content.append(byte)
            }
        }
        return nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipWhitespace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// `tchar` (RFC 9110 section 5.6.2).
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
