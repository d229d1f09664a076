import Glibc

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
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            if mayBeAbsent, code == ENOENT { return .absent }
            return unreadable(path, reason: errorText(code))
        }
        defer { close(descriptor) }

        // One byte more than allowed tells a full file from one that is too long.
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                // Sound: the slice lies within the array, which outlives the call.
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                return Glibc.read(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                return unreadable(path, reason: errorText(code))
            }
            if count == 0 { break }
            filled += count
        }
        guard filled <= maximumBytes else {
            return unreadable(path, reason: "it is longer than \(maximumBytes) bytes")
        }
        return .bytes(Array(bytes[..<filled]), name: path)
    }

    private static func unreadable(_ path: String, reason: String) -> Contents {
        let problem = Problem(
            key: nil, source: .file(path), found: "the file cannot be read (\(reason))", expected: "a readable file")
        return .unreadable(problem)
    }

    private static func errorText(_ code: Int32) -> String {
        // Sound: strerror gives a C string that holds until the next call, and it is copied at once.
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
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
