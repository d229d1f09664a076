/// A member of the configuration file, and what became of it: what `sluice check` tells line by line.
public struct FileMember: Sendable, Equatable {
    /// What the gateway does with it. Values are JSON text; nil stands for a secret's.
    public enum Fate: Sendable, Equatable {
        /// It counts, as it stands.
        case taken(value: String?)
        /// It counts, in another form, or `redis.url` goes before it.
        case readAs(value: String?)
        /// A later source goes before it.
        case overridden(by: Source, value: String?)
        /// Accepted, and it does nothing; the key's help says why.
        case withoutEffect
        /// It is null, so the default counts.
        case absent(value: String?)
        /// It is wrong: one of the ``LoadResult/problems`` says how.
        case refused
        /// No key of this name is known; the nearest one, if there is one.
        case unknown(nearest: String?)
    }

    /// Its path; levels divided by dots.
    public let path: String
    /// What became of it.
    public let fate: Fate
}

/// A member of the file while it is not known yet what the later sources say.
struct ReadMember {
    enum Outcome {
        /// The value as it was understood.
        case assigned(String?)
        case null
        case refused
        case unknown(nearest: String?)
    }

    let path: String
    let outcome: Outcome

    /// Judged when all sources are read.
    func member(in settings: Settings, source: Source, problems: [Problem]) -> FileMember {
        FileMember(path: path, fate: fate(in: settings, source, problems))
    }

    private func fate(in settings: Settings, _ source: Source, _ problems: [Problem]) -> FileMember.Fate {
        guard let key = Key.named(path) else {
            if case .unknown(let nearest) = outcome { return .unknown(nearest: nearest) }
            return .refused
        }
        let value = key.shownValue(in: settings)
        switch outcome {
        case .unknown(let nearest): return .unknown(nearest: nearest)
        case .refused: return .refused
        case .null: return .absent(value: value)
        case .assigned(let understood):
            if key.isWithoutEffect { return .withoutEffect }
            guard case .file = source else { return .overridden(by: source, value: value) }
            let isRefused = problems.contains { $0.key.map { String($0.prefix { $0 != "[" }) } == path }
            if isRefused { return .refused }
            return understood == value ? .taken(value: value) : .readAs(value: value)
        }
    }
}

extension Key {
    /// The value as JSON text; nil for a secret.
    func shownValue(in settings: Settings) -> String? { isSecret ? nil : slot.json(in: settings) }

    /// Where the default means something else than the Node server's, what each means; nil where the two agree, and for
    /// keys that the Node server does not have.
    public var defaultBesideNodeServer: String? {
        switch path {
        case "redisStreamReadCount": "1000, the Node server has 100"
        case "allowedOrigins": "only pages of the same host may connect, with the Node server those of any host"
        default: nil
        }
    }
}
