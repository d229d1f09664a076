/// One configuration key: its names, its type, its range, what it means, and where its value lives.
///
/// ``all`` is the one table that parsing, validation, the example file, the README's table and the flags' help
/// come from. Environment variables and flags follow from the path: `redis.socketPath` is `REDIS_SOCKET_PATH` and
/// `--redis-socket-path`.
public struct Key: Sendable {
    /// What values a key takes.
    public enum Kind: Sendable, Equatable {
        case integer(ClosedRange<Int>)
        case boolean
        case string
        /// A string that may be absent: null or empty.
        case optionalString
        /// A string that is never printed.
        case secret
        /// An array of strings; comma-separated in a variable or a flag.
        case strings
        /// An array of strings that are never printed; comma-separated in a variable.
        case secrets
        /// One of these words.
        case choice([String])
    }

    /// Place in the JSON file, levels divided by dots: `redis.host`.
    public let path: String
    /// What it does, in one line, plain text without a full stop.
    public let help: String
    /// Accepted for the Node server's sake and of no effect.
    public let isWithoutEffect: Bool
    let slot: Slot

    init(_ path: String, _ slot: Slot, _ help: String, withoutEffect: Bool = false) {
        self.path = path
        self.slot = slot
        self.help = help
        isWithoutEffect = withoutEffect
    }

    /// The key at this path, or nil.
    public static func named(_ path: String) -> Key? { byPath[path] }

    /// What stands before a variable that the Node server's container passes on without it.
    public static let variablePrefix = "GAQ_"

    /// The environment variable, without the `GAQ_` that may stand before it.
    public var environmentVariable: String { separated(by: "_").uppercased() }

    /// The flag, dashes included; nil for secrets, which anybody on the machine could read in the process list.
    public var flag: String? { isSecret ? nil : flagName }

    /// The name of the flag an override of this key is reported under, secret or not.
    var flagName: String { "--" + separated(by: "-") }

    /// Whether the value must not be shown.
    public var isSecret: Bool { kind == .secret || kind == .secrets }

    /// The values it takes.
    public var kind: Kind {
        switch slot {
        case .port(_, let range), .integer(_, let range): .integer(range)
        case .boolean: .boolean
        case .string: .string
        case .optionalString: .optionalString
        case .secret: .secret
        case .strings: .strings
        case .secrets: .secrets
        case .logLevel: .choice(LogLevel.allCases.map(\.rawValue))
        }
    }

    /// The default as JSON text.
    public var defaultJSON: String { slot.json(in: Settings()) }

    /// The words of the path in lower case, divided by `separator`.
    private func separated(by separator: Character) -> String {
        var name = ""
        for character in path {
            if character == "." {
                name.append(separator)
            } else if character.isUppercase {
                name.append(separator)
                name += character.lowercased()
            } else {
                name.append(character)
            }
        }
        return name
    }

    static let byPath = Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0) })

    /// The objects of the file (`redis`, `statsd`), each with the names of its members.
    static let groups: [String: [String]] = all.reduce(into: [:]) { groups, key in
        guard let dot = key.path.lastIndex(of: ".") else { return }
        groups[String(key.path[..<dot]), default: []].append(String(key.path[key.path.index(after: dot)...]))
    }
}

/// Where a key's value lives in ``Settings``, and so its type.
enum Slot: Sendable {
    typealias Place<Value> = any WritableKeyPath<Settings, Value> & Sendable

    case port(Place<UInt16>, ClosedRange<Int>)
    case integer(Place<Int>, ClosedRange<Int>)
    case boolean(Place<Bool>)
    case string(Place<String>)
    case optionalString(Place<String?>)
    case secret(Place<Secret>)
    case strings(Place<[String]>)
    case secrets(Place<[Secret]>)
    case logLevel(Place<LogLevel>)

    /// The value as JSON text. A secret's is never given: the default's, which is empty, stands for it.
    func json(in settings: Settings) -> String {
        switch self {
        case .port(let place, _): String(settings[keyPath: place])
        case .integer(let place, _): String(settings[keyPath: place])
        case .boolean(let place): String(settings[keyPath: place])
        case .string(let place): quoted(settings[keyPath: place])
        case .optionalString(let place): settings[keyPath: place].map(quoted) ?? "null"
        case .secret: quoted("")
        case .secrets: "[]"
        case .strings(let place): "[" + settings[keyPath: place].map(quoted).joined(separator: ", ") + "]"
        case .logLevel(let place): quoted(settings[keyPath: place].rawValue)
        }
    }
}
