/// The configuration file, or that there is none.
public enum FileSource: Sendable {
    /// No file.
    case none
    /// A file that need not be there (the default path).
    case ifPresent(path: String)
    /// A file that must be there (`--config`).
    case required(path: String)
    /// The text of a file that the caller has; `name` stands for its path in messages.
    case text(String, name: String)

    /// Far above any sensible file; keeps a wrong path (a device, a database) from filling memory.
    static let maximumBytes = 1 << 20

    enum Contents {
        case absent
        case bytes([UInt8], name: String)
        case unreadable(Problem)
    }

    func read() -> Contents {
        switch self {
        case .none: .absent
        case .text(let text, let name): .bytes(Array(text.utf8), name: name)
        case .ifPresent(let path): Self.read(path: path, mayBeAbsent: true)
        case .required(let path): Self.read(path: path, mayBeAbsent: false)
        }
    }

    private static func read(path: String, mayBeAbsent: Bool) -> Contents {
        do throws(FileBytes.Failure) {
            return .bytes(try FileBytes.read(path, atMost: maximumBytes), name: path)
        } catch {
            return mayBeAbsent && error.isAbsence ? .absent : unreadable(path, reason: error.reason)
        }
    }

    private static func unreadable(_ path: String, reason: String) -> Contents {
        let problem = Problem(
            key: nil, source: .file(path), found: "the file cannot be read (\(reason))", expected: "a readable file")
        return .unreadable(problem)
    }
}

/// A value from the command line: it goes before every other source.
public struct Override: Sendable {
    /// Path of the key it sets.
    public let key: String
    /// The value as text, read like an environment variable's except that an empty one counts.
    public let value: String
    /// What messages call it.
    public let source: Source

    /// An override of the key at path `key`, reported as `name` or, without one, as the key's flag.
    public init(key: String, value: String, name: String? = nil) {
        self.key = key
        self.value = value
        source = .flag(name ?? Key.named(key)?.flagName ?? key)
    }
}

extension Override: CustomStringConvertible, CustomReflectable {
    /// The key and the name, without the value: it may be a secret.
    public var description: String { "override of \(key) by \(source)" }

    /// A mirror without the value.
    public var customMirror: Mirror { Mirror(self, children: ["key": key]) }
}
