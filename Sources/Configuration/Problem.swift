/// Where a value came from.
public enum Source: Sendable, Equatable, CustomStringConvertible {
    /// Nobody set it.
    case defaults
    /// The configuration file, by the path it was asked for with.
    case file(String)
    /// An environment variable, by its full name.
    case environment(String)
    /// A command-line flag (`--port`), or what stands for one.
    case flag(String)

    /// Its place in the order of precedence; the higher wins.
    var rank: Int {
        switch self {
        case .defaults: 0
        case .file: 1
        case .environment: 2
        case .flag: 3
        }
    }

    /// As messages name it: `config.json`, `environment variable PORT`, `--port`.
    public var description: String {
        switch self {
        case .defaults: "the defaults"
        case .file(let path): path
        case .environment(let name): "environment variable \(name)"
        case .flag(let name): name
        }
    }
}

/// Something in the configuration that keeps the gateway from starting.
public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// The key's path (`redis.port`, for an array's element `jwtAlgorithms[1]`); nil: the file as a whole.
    public let key: String?
    /// Where the value stands.
    public let source: Source
    /// What was found there, as a verb phrase: `is "eighty"`. Never holds a secret's value.
    public let found: String
    /// What was expected, as a noun phrase: `a whole number from 0 to 65535`.
    public let expected: String

    /// For a problem that only use brings to light: a taken port, a file that cannot be opened.
    public init(key: String?, source: Source, found: String, expected: String) {
        self.key = key
        self.source = source
        self.found = found
        self.expected = expected
    }

    /// The whole sentence: `config.json: "port" is "eighty"; a whole number from 0 to 65535 was expected.`
    public var description: String {
        let place = source == .defaults ? "" : "\(source): "
        let subject = key.map { "\"\($0)\" " } ?? ""
        return "\(place)\(subject)\(found); \(expected) was expected."
    }
}

/// Something worth a line in the log that does not keep the gateway from starting.
public struct Warning: Sendable, Equatable, CustomStringConvertible {
    /// What it is about.
    public enum Kind: Sendable, Equatable {
        /// A key of the file that means nothing here.
        case unknownKey
        /// A variable with the prefix `GAQ_` that means nothing here.
        case unknownVariable
        /// A name that an object of the file holds twice.
        case repeatedKey
        /// A variable set both with and without `GAQ_`, to different values.
        case shadowedVariable
        /// A secret that begins with `CHANGE-ME`.
        case placeholderSecret
        /// A setting that works, and most likely not as meant.
        case doubtfulValue
        /// A key that is accepted and does nothing.
        case withoutEffect
    }

    /// What it is about.
    public let kind: Kind
    /// The key's path, or the variable's name for ``Kind/unknownVariable``.
    public let key: String
    /// Where it stands.
    public let source: Source
    /// The whole sentence.
    public let description: String

    /// Whether it is for information only (log it at `info`, not at `warn`).
    public var isNotice: Bool { kind == .withoutEffect }

    init(_ kind: Kind, _ key: String, _ source: Source, _ message: String) {
        self.kind = kind
        self.key = key
        self.source = source
        description = "\(source): \(message)"
    }
}

/// What loading gave.
public struct LoadResult: Sendable {
    /// The settings; nil when there are problems.
    public let settings: Settings?
    /// Every problem of every source. Empty: start.
    public let problems: [Problem]
    /// Warnings and notices, problems or not.
    public let warnings: [Warning]
    /// The members of the file in its order, objects taken apart; none without a file that could be read.
    public let fileMembers: [FileMember]
    let sources: [String: Source]

    /// Where the value of the key at `path` came from: the last source that set it.
    public func source(of path: String) -> Source { sources[path] ?? .defaults }

    /// Whether a key or a `GAQ_` variable was not understood; `sluice check` fails on it.
    public var hasUnknownKeys: Bool {
        warnings.contains { $0.kind == .unknownKey || $0.kind == .unknownVariable }
    }
}
