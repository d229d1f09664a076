/// How messages show a value from a source. Keys that hold secrets do not come here.
func shown(_ value: JSONValue) -> String {
    switch value {
    case .null, .array, .object: value.kindName
    case .boolean(let value): String(value)
    case .number(let text): shortened(text)
    case .string(let text): shown(text)
    }
}

/// `text` in quotes, with control characters escaped and a long end cut off. A text with an `@` is not shown: it may
/// be a URL with a password in it.
func shown(_ text: String) -> String {
    text.contains("@") ? "a string of \(text.utf8.count) bytes with an \"@\" in it" : quoted(shortened(text))
}

/// `text` as a JSON string.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format:
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// `one of "a", "b"`.
func oneOf(_ words: [String]) -> String {
    "one of " + words.map(quoted).joined(separator: ", ")
}

func shortened(_ text: String) -> String {
    text.count <= 64 ? text : text.prefix(64) + "…"
}
