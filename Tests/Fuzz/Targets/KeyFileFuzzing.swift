import JSONWebToken

/// Files of public keys, as an operator or an issuer may have written them.
enum KeyFileFuzzing {
    /// What comes of a file is keys that can be used or sentences that say why not, and no key is a weak one.
    static func finding(in input: [UInt8]) -> String? {
        let file = PublicKeyFile(input, name: "keys")
        guard !file.keys.isEmpty || !file.problems.isEmpty else { return "neither a key nor a problem" }
        for sentence in file.problems + file.notes {
            guard sentence.hasPrefix("keys"), sentence.hasSuffix(".") else { return "no sentence: \(sentence)" }
        }
        for located in file.keys {
            if case .rsa(let bits) = located.key.kind, bits < PublicKey.minimumRSABits { return "\(bits) bits passed" }
            let fitting = Algorithm.allCases.filter(located.key.fits)
            guard !fitting.isEmpty, fitting.allSatisfy({ !$0.usesSecret }) else { return "fits \(fitting)" }
            guard (try? VerificationKeys(secrets: [], publicKeys: [located.key], algorithms: fitting)) != nil else {
                return "a key that passed cannot be used: \(located.key.kind)"
            }
        }
        return nil
    }
}
