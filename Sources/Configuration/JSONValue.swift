/// A JSON text as it was written: numbers keep their digits, objects keep their order and repeated names.
enum JSONValue: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        var name: String
        var value: JSONValue
    }

    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// What kind of value it is, without the value.
    var kindName: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Where and why a text is not JSON. It quotes structural characters only: the text may hold secrets.
struct JSONSyntaxError: Error, Equatable {
    /// 1 for the first line; lines end with LF.
    var line: Int
    /// 1 for the first character (not byte) of a line.
    var column: Int
    /// A phrase such as `unexpected "}"`.
    var found: String
    /// A phrase such as `a value`.
    var expected: String
}
