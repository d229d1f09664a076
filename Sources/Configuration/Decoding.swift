/// A value as a source gives it.
enum RawValue {
    /// From the file.
    case json(JSONValue)
    /// From a variable or a flag.
    case text(String)
}

/// Why a value was not taken: what a ``Problem`` says, without its source.
struct Finding: Equatable {
    var key: String
    var found: String
    var expected: String
}

extension Key {
    /// Puts `raw` into `settings`, or says why it cannot be (then `settings` is as before).
    func assign(_ raw: RawValue, to settings: inout Settings) -> [Finding] {
        switch slot {
        case .port(let place, let range):
            guard let value = Self.integer(raw, in: range) else { return refuse(raw, range) }
            settings[keyPath: place] = UInt16(value)
        case .integer(let place, let range):
            guard let value = Self.integer(raw, in: range) else { return refuse(raw, range) }
            settings[keyPath: place] = value
        case .boolean(let place):
            guard let value = Self.boolean(raw) else { return refuse(raw, "true or false") }
            settings[keyPath: place] = value
        case .string(let place):
            guard let value = Self.string(raw) else { return refuse(raw, "a string") }
            settings[keyPath: place] = value
        case .optionalString(let place):
            guard let value = Self.string(raw) else { return refuse(raw, "a string") }
            settings[keyPath: place] = value.isEmpty ? nil : value
        case .secret(let place):
            guard let value = Self.string(raw) else { return refuse(raw, "a string") }
            settings[keyPath: place] = Secret(value)
        case .strings(let place):
            return assign(raw, to: &settings[keyPath: place])
        case .secrets(let place):
            var strings: [String] = []
            let findings = assign(raw, to: &strings)
            if findings.isEmpty { settings[keyPath: place] = strings.map { Secret($0) } }
            return findings
        case .logLevel(let place):
            guard let value = Self.string(raw).flatMap({ LogLevel(rawValue: $0.lowercased()) }) else {
                return refuse(raw, oneOf(LogLevel.allCases.map(\.rawValue)))
            }
            settings[keyPath: place] = value
        }
        return []
    }

    private func assign(_ raw: RawValue, to strings: inout [String]) -> [Finding] {
        switch raw {
        case .text(let text):
            // As the Node server splits its lists: spaces around entries and empty entries do not count.
            strings = text.split(separator: ",").map(trimmed).filter { !$0.isEmpty }
            return []
        case .json(.array(let elements)):
            var findings: [Finding] = []
            var values: [String] = []
            for (index, element) in elements.enumerated() {
                if case .string(let value) = element {
                    values.append(value)
                } else {
                    let found = isSecret ? element.kindName : shown(element)
                    findings.append(Finding(key: "\(path)[\(index)]", found: "is \(found)", expected: "a string"))
                }
            }
            if findings.isEmpty { strings = values }
            return findings
        case .json:
            return refuse(raw, "an array of strings")
        }
    }

    private static func integer(_ raw: RawValue, in range: ClosedRange<Int>) -> Int? {
        let number: WholeNumber
        switch raw {
        case .json(.number(let text)): number = WholeNumber(text)
        case .json(.string(let text)), .text(let text): number = WholeNumber(trimmed(text))
        case .json: return nil
        }
        guard case .value(let value) = number, range.contains(value) else { return nil }
        return value
    }

    /// The file must say `true`: there the Node server takes the string `"false"` for true.
    private static func boolean(_ raw: RawValue) -> Bool? {
        switch raw {
        case .json(.boolean(let value)): return value
        case .json: return nil
        case .text(let text):
            switch trimmed(text).lowercased() {
            case "true": return true
            case "false": return false
            default: return nil
            }
        }
    }

    private static func string(_ raw: RawValue) -> String? {
        switch raw {
        case .json(.string(let text)), .text(let text): text
        case .json: nil
        }
    }

    private func refuse(_ raw: RawValue, _ range: ClosedRange<Int>) -> [Finding] {
        refuse(raw, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    private func refuse(_ raw: RawValue, _ expected: String) -> [Finding] {
        let found =
            switch raw {
            case .json(let value): isSecret ? value.kindName : shown(value)
            case .text(let text): isSecret ? "a string" : shown(text)
            }
        return [Finding(key: path, found: "is \(found)", expected: expected)]
    }
}

func trimmed(_ text: some StringProtocol) -> String {
    var text = Substring(text)
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
}
