import Testing

@testable import Configuration

/// A secret that passes, and that must never show up in any message.
let goodSecret = "a-secret-for-tests-0123456789-abcdef"

/// Loads `json` as `config.json` with `environment` and `flags`; with a good secret unless told otherwise.
func load(
    _ json: String? = nil, environment: [String: String] = [:], flags: [Override] = [], secret: String? = goodSecret
) -> LoadResult {
    var flags = flags
    if let secret { flags.append(Override(key: "jwtSecret", value: secret)) }
    let file = json.map { FileSource.text($0, name: "config.json") } ?? .none
    return Settings.load(file: file, environment: environment, overrides: flags)
}

extension LoadResult {
    var problemTexts: [String] { problems.map(\.description) }
    var warningTexts: [String] { warnings.map(\.description) }
}

extension Key {
    /// JSON text of this value at this key's place: `{"redis": {"host": …}}`.
    func file(_ value: String) -> String {
        path.split(separator: ".").reversed().reduce(value) { "{\(quoted(String($1))): \($0)}" }
    }

    /// The value that `settings` have at this key, as JSON text; a secret's as it is, which only tests may do.
    func value(in settings: Settings) -> String {
        func text(_ secret: Secret) -> String { quoted(String(decoding: secret.reveal(), as: UTF8.self)) }
        if case .secret(let place) = slot { return text(settings[keyPath: place]) }
        if case .secrets(let place) = slot {
            return "[" + settings[keyPath: place].map(text).joined(separator: ", ") + "]"
        }
        return slot.json(in: settings)
    }

    /// What must be set with this key: neither a certificate without its key nor sentinels without a name.
    var companions: [Override] {
        switch path {
        case "redis.certificateFile": [Override(key: "redis.keyFile", value: "other")]
        case "redis.keyFile": [Override(key: "redis.certificateFile", value: "other")]
        case "tls.certificateFile": [Override(key: "tls.keyFile", value: "other")]
        case "tls.keyFile": [Override(key: "tls.certificateFile", value: "other")]
        case "tls.additionalCertificateFiles":
            ["tls.certificateFile", "tls.keyFile"].map { Override(key: $0, value: "other") }
                + [Override(key: "tls.additionalKeyFiles", value: "a,b")]
        case "tls.additionalKeyFiles":
            ["tls.certificateFile", "tls.keyFile"].map { Override(key: $0, value: "other") }
                + [Override(key: "tls.additionalCertificateFiles", value: "a,b")]
        case "tls.minimumVersion":
            ["tls.certificateFile", "tls.keyFile"].map { Override(key: $0, value: "other") }
        case "pollDelayMaxMs": [Override(key: "pollDelayMinMs", value: "0")]
        case "redis.sentinels": [Override(key: "redis.sentinelName", value: "other")]
        default: []
        }
    }

    /// A good value that is not the default: as JSON and as the text of a variable.
    var sample: (json: String, text: String) {
        switch kind {
        case .integer(let range):
            let value = String(range.lowerBound + 7)
            return (value, value)
        case .boolean: return defaultJSON == "true" ? ("false", "false") : ("true", "true")
        case .secret:
            let text = path == "redis.url" ? "redis://:\(goodSecret)@other.example" : goodSecret
            return (quoted(text), text)
        case .choice(let words) where words.contains("1.3"): return ("\"1.3\"", "1.3")
        case .secrets:
            let other = String(goodSecret.reversed())
            return ("[\(quoted(goodSecret)), \(quoted(other))]", "\(goodSecret),\(other)")
        case .choice(let words): return (quoted(words.last ?? ""), words.last ?? "")
        case .string, .optionalString: return ("\"other-value\"", "other-value")
        case .strings:
            switch path {
            case "jwtAlgorithms": return (#"["HS512", "HS384"]"#, "HS512,HS384")
            case "allowedOrigins": return (#"["https://a.example", "*"]"#, "https://a.example,*")
            default: return (#"["a:1", "b"]"#, "a:1,b")
            }
        }
    }
}
