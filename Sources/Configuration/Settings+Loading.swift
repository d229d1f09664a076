extension Settings {
    /// Puts the settings together: defaults, then `file`, then `environment`, then `overrides`; the later wins, key
    /// by key (so objects are merged deeply; arrays are replaced).
    ///
    /// Everything that is wrong in any source is reported, a value that a later source replaces included.
    ///
    /// - A null in the file counts as not set, a variable that is empty or blank too (as in the Node server, for
    ///   every type). An empty string in the file or a flag is a value.
    /// - A variable with the prefix `GAQ_` counts as the one without it. If both are set, the one with it counts.
    /// - Parameter ignoring: paths of keys whose problems are left out, for commands that have no use for them
    ///   (`sluice publish` needs no `jwtSecret`). Their values may then be outside what ``Settings`` promises.
    public static func load(
        file: FileSource, environment: [String: String], overrides: [Override] = [], ignoring: Set<String> = []
    ) -> LoadResult {
        var loader = Loader()
        loader.read(file)
        loader.read(environment)
        loader.read(overrides)
        loader.validate()
        let problems = loader.problems.filter { problem in
            !ignoring.contains(problem.key.map(Loader.path) ?? "")
        }
        return LoadResult(
            settings: problems.isEmpty ? loader.settings : nil, problems: problems, warnings: loader.warnings,
            fileMembers: loader.fileMembers, sources: loader.sources)
    }
}

/// The state of one load.
private struct Loader {
    var settings = Settings()
    var problems: [Problem] = []
    var warnings: [Warning] = []
    var sources: [String: Source] = [:]
    private var members: [ReadMember] = []

    /// The file's members, judged now that all is read.
    var fileMembers: [FileMember] {
        members.map { $0.member(in: settings, source: source(of: $0.path), problems: problems) }
    }

    /// The key's path of `jwtAlgorithms[1]`: what stands before the bracket.
    static func path(_ key: String) -> String {
        String(key.prefix { $0 != "[" })
    }

    mutating func read(_ file: FileSource) {
        switch file.read() {
        case .absent: return
        case .unreadable(let problem): problems.append(problem)
        case .bytes(let bytes, let name):
            let source = Source.file(name)
            do {
                let value = try JSONReader.read(bytes)
                guard case .object(let members) = value else {
                    let found = "the file holds \(value.kindName)"
                    problems.append(Problem(key: nil, source: source, found: found, expected: "an object"))
                    return
                }
                read(members, under: "", from: source)
            } catch {
                let found = "line \(error.line), column \(error.column): \(error.found)"
                problems.append(Problem(key: nil, source: source, found: found, expected: error.expected))
            }
        }
    }

    private mutating func read(_ members: [JSONValue.Member], under prefix: String, from source: Source) {
        var seen: Set<String> = []
        for member in members {
            let path = prefix + member.name
            // The dot divides levels in paths only: {"redis.host": …} is a name of its own, and unknown.
            let isPlain = !member.name.contains(".")
            if !seen.insert(member.name).inserted {
                let message = "\(quoted(shortened(path))) is given more than once; the last one counts."
                warnings.append(Warning(.repeatedKey, path, source, message))
            }
            if isPlain, let key = Key.named(path) {
                read(member.value, of: key, from: source)
            } else if isPlain, let names = Key.groups[path] {
                switch member.value {
                case .object(let members): read(members, under: path + ".", from: source)
                case .null: break
                case .boolean, .number, .string, .array:
                    record(path, .refused)
                    // The value is not shown: a Redis URL put here may hold a password.
                    problems.append(
                        Problem(
                            key: path, source: source, found: "is \(member.value.kindName)",
                            expected: "an object with " + names.map(quoted).joined(separator: ", ")))
                }
            } else {
                let advice =
                    switch (isPlain, Key.named(path)) {
                    case (false, .some): "write it as an object within an object."
                    default: nearestKey(to: path).map { "did you mean \(quoted($0))?" }
                    }
                record(path, .unknown(nearest: isPlain ? nearestKey(to: path) : nil))
                warnUnknown(.unknownKey, path, source, "\(quoted(shortened(path))) is not a known key", advice)
            }
        }
    }

    private mutating func read(_ value: JSONValue, of key: Key, from source: Source) {
        guard value != .null else { return record(key.path, .null) }
        let isGood = assign(.json(value), to: key, from: source)
        record(key.path, isGood ? .assigned(key.shownValue(in: settings)) : .refused)
    }

    /// Of two members with one name the later counts.
    private mutating func record(_ path: String, _ outcome: ReadMember.Outcome) {
        members.removeAll { $0.path == path }
        members.append(ReadMember(path: path, outcome: outcome))
    }

    private mutating func warnUnknown(
        _ kind: Warning.Kind, _ key: String, _ source: Source, _ message: String, _ advice: String?
    ) {
        warnings.append(Warning(kind, key, source, advice.map { "\(message); \($0)" } ?? message + "."))
    }

    mutating func read(_ environment: [String: String]) {
        func value(_ name: String) -> String? {
            environment[name].flatMap { trimmed($0).isEmpty ? nil : $0 }
        }
        var known: Set<String> = []
        for key in Key.all {
            let plain = key.environmentVariable
            let prefixed = Key.variablePrefix + plain
            known.insert(prefixed)
            // In the order of precedence: the Node server's container writes the prefixed one over the other, which is
            // how its users get rid of a REDIS_PORT=tcp://… that Kubernetes sets for a service named redis.
            let given = [prefixed, plain].compactMap { name in value(name).map { (name: name, value: $0) } }
            guard let winner = given.first else { continue }
            let source = Source.environment(winner.name)
            assign(.text(winner.value), to: key, from: source)
            if let loser = given.dropFirst().first, loser.value != winner.value {
                let message = "\(loser.name) is set too, to another value; \(winner.name) counts."
                warnings.append(Warning(.shadowedVariable, key.path, source, message))
            }
        }
        for name in environment.keys.sorted() where name.hasPrefix(Key.variablePrefix) && !known.contains(name) {
            let advice = nearestVariable(to: name).map { "did you mean \(Key.variablePrefix)\($0)?" }
            warnUnknown(.unknownVariable, name, .environment(name), "this is not a known variable", advice)
        }
    }

    mutating func read(_ overrides: [Override]) {
        for override in overrides {
            guard let key = Key.named(override.key) else {
                problems.append(
                    Problem(
                        key: override.key, source: override.source, found: "is not a known key",
                        expected: nearestKey(to: override.key).map(quoted) ?? "one of the README's table"))
                continue
            }
            assign(.text(override.value), to: key, from: override.source)
        }
    }

    /// False when the value was not taken; a problem says why.
    @discardableResult
    private mutating func assign(_ raw: RawValue, to key: Key, from source: Source) -> Bool {
        sources[key.path] = source
        let findings = key.assign(raw, to: &settings)
        for finding in findings {
            problems.append(
                Problem(key: finding.key, source: source, found: finding.found, expected: finding.expected))
        }
        return findings.isEmpty
    }

    /// The URL of Redis goes before the single keys of its own source and of those before it: whoever sets one later
    /// (`REDIS_DB` beside a file with a URL) means it.
    private mutating func applyRedisURL() {
        let source = source(of: "redis.url")
        do {
            let rank = source.rank
            let filled = try settings.applyRedisURL { [sources] in (sources[$0] ?? .defaults).rank <= rank }
            for key in filled { sources[key] = source }
        } catch {
            problems.append(
                Problem(
                    key: "redis.url", source: source, found: error.found,
                    expected: "redis://[user[:password]@]host[:port][/db], rediss://… or unix:///path[?db=number]"))
        }
    }

    /// Judges the values that won. A key that already has a problem is not judged again.
    mutating func validate() {
        applyRedisURL()
        let broken = Set(problems.compactMap { $0.key.map(Self.path) })
        settings.normalise()
        for finding in settings.validate() where !broken.contains(Self.path(finding.key)) {
            problems.append(
                Problem(
                    key: finding.key, source: source(of: finding.key), found: finding.found, expected: finding.expected)
            )
        }
        for remark in settings.remarks() {
            let source = source(of: remark.key)
            // What nobody set needs no remark.
            guard source != .defaults else { continue }
            warnings.append(Warning(remark.kind, remark.key, source, remark.message))
        }
        for key in Key.all where key.isWithoutEffect {
            guard let source = sources[key.path] else { continue }
            let help = key.help.prefix(1).lowercased() + key.help.dropFirst()
            warnings.append(Warning(.withoutEffect, key.path, source, "\(quoted(key.path)) is \(help)."))
        }
    }

    private func source(of key: String) -> Source { sources[Self.path(key)] ?? .defaults }
}
