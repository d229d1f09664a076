public import Configuration
import JSONWebToken

/// Why the settings, or files that they name, cannot be used: a sentence for each thing that is wrong.
public struct SettingsProblems: Error, Equatable, Sendable {
    /// Whole sentences, for the person who can put it right.
    public let sentences: [String]

    /// At least one sentence.
    public init(_ sentences: [String]) { self.sentences = sentences }
}

/// What tokens are checked with, made of the settings and of the files they name. Immutable.
public struct TokenKeys: Sendable {
    let verifier: Verifier
    /// What there is, a line for each key, without anything of a secret:
    /// `an RSA key of 2048 bits, kid "a", for RS256 (keys.json, entry 1)`.
    public let descriptions: [String]
    /// What is passed over or has no use, a sentence each.
    public let notes: [String]

    /// Far above any sensible file.
    private static let maxFileBytes = 1 << 20

    /// Makes the keys. Reads files, so it blocks for as long as their file systems do: not for a loop's thread.
    /// - Parameter settings: validated ones.
    /// - Throws: everything that is wrong with any of the files.
    public static func load(_ settings: Settings) throws(SettingsProblems) -> TokenKeys {
        let algorithms = settings.jwtAlgorithms.compactMap { Algorithm(name: $0) }
        var problems: [String] = []
        var notes: [String] = []
        var keys: [PublicKeyFile.Located] = []
        // Files that no algorithm needs are not read: a validation's warning tells of them.
        let paths = algorithms.contains { !$0.usesSecret } ? settings.jwtPublicKeyFiles : []
        for path in paths {
            do throws(FileBytes.Failure) {
                let file = PublicKeyFile(try FileBytes.read(path, atMost: maxFileBytes), name: path)
                keys += file.keys
                problems += file.problems
                notes += file.notes
            } catch {
                problems.append("\(path) cannot be read (\(error.reason)); a file of jwtPublicKeyFiles was expected.")
            }
        }
        guard problems.isEmpty else { throw SettingsProblems(problems) }

        let verificationKeys: VerificationKeys
        do throws(CryptographyError) {
            verificationKeys = try VerificationKeys(
                secrets: ([settings.jwtSecret] + settings.previousJwtSecrets).map { $0.reveal() },
                publicKeys: keys.map(\.key), algorithms: algorithms)
        } catch {
            throw SettingsProblems(["Tokens cannot be checked: \(error)"])
        }
        notes += Self.notes(on: verificationKeys, keys)
        return TokenKeys(
            verifier: Verifier(keys: verificationKeys, channelClaim: settings.jwtChannelIdKey),
            descriptions: Self.descriptions(settings, keys, algorithms), notes: notes)
    }

    /// What works and is most likely not meant.
    private static func notes(on all: VerificationKeys, _ located: [PublicKeyFile.Located]) -> [String] {
        var notes: [String] = []
        for algorithm in all.algorithms where !algorithm.usesSecret {
            let count = all.count(for: algorithm)
            if count == 0 {
                notes.append("jwtAlgorithms lists \(algorithm.rawValue), and no file has a key for it.")
            } else if count > VerificationKeys.maxTriedKeys {
                notes.append(
                    "\(count) keys fit \(algorithm.rawValue): a token without a kid is checked with the first "
                        + "\(VerificationKeys.maxTriedKeys) of them only.")
            }
        }
        for key in located where !all.algorithms.contains(where: key.key.fits) {
            notes.append("\(key.place) is \(key.key.kind), which none of jwtAlgorithms uses.")
        }
        return notes
    }

    private static func descriptions(
        _ settings: Settings, _ located: [PublicKeyFile.Located], _ algorithms: [Algorithm]
    ) -> [String] {
        func list(_ algorithms: [Algorithm]) -> String { algorithms.map(\.rawValue).joined(separator: ", ") }
        var descriptions: [String] = []
        let withSecret = algorithms.filter(\.usesSecret)
        if !withSecret.isEmpty {
            descriptions.append("jwtSecret, for \(list(withSecret))")
            for index in settings.previousJwtSecrets.indices {
                descriptions.append("previousJwtSecrets[\(index)], for \(list(withSecret))")
            }
        }
        for located in located {
            let uses = algorithms.filter(located.key.fits)
            guard !uses.isEmpty else { continue }
            let name = located.key.id.map { ", kid \"\(shown($0))\"" } ?? ""
            descriptions.append("\(located.key.kind)\(name), for \(list(uses)) (\(located.place))")
        }
        return descriptions
    }

    /// A name out of a file, as it may stand in a log line.
    private static func shown(_ name: [UInt8]) -> String {
        let characters = name.prefix(80).map { (0x20..<0x7F).contains($0) && $0 != 0x22 ? $0 : UInt8(ascii: "?") }
        return String(decoding: characters, as: UTF8.self) + (name.count > 80 ? "…" : "")
    }
}
