extension Settings {
    private var listsSecretAlgorithm: Bool { jwtAlgorithms.contains { Self.secretAlgorithms.contains($0) } }
    private var listsPublicKeyAlgorithm: Bool { jwtAlgorithms.contains { Self.publicKeyAlgorithms.contains($0) } }

    /// What is wrong with what tokens are checked with. What stands in the key files is not looked at here.
    func tokenFindings() -> [Finding] {
        var findings: [Finding] = []
        func find(_ key: String, _ found: String, _ expected: String) {
            findings.append(Finding(key: key, found: found, expected: expected))
        }
        let expected = oneOf(Self.supportedAlgorithms)
        if jwtAlgorithms.isEmpty { find("jwtAlgorithms", "is empty", "at least " + expected) }
        for (index, algorithm) in jwtAlgorithms.enumerated() where !Self.supportedAlgorithms.contains(algorithm) {
            let isNone = algorithm.lowercased() == "none"
            find(
                "jwtAlgorithms[\(index)]",
                "is \(shown(algorithm))" + (isNone ? ", which would let anybody in" : ""), expected)
        }
        // Who lists nothing that is known most likely forgot the secret too.
        if listsSecretAlgorithm || !listsPublicKeyAlgorithm, jwtSecret.count < Self.minimumSecretBytes {
            find(
                "jwtSecret", jwtSecret.isEmpty ? "is not set" : "is \(jwtSecret.count) bytes long",
                "a secret of at least \(Self.minimumSecretBytes) bytes (environment variable JWT_SECRET or the file)")
        }
        for (index, secret) in previousJwtSecrets.enumerated() where secret.count < Self.minimumSecretBytes {
            find(
                "previousJwtSecrets[\(index)]", "is \(secret.count) bytes long",
                "a secret of at least \(Self.minimumSecretBytes) bytes")
        }
        if previousJwtSecrets.count > Self.maximumPreviousSecrets {
            find(
                "previousJwtSecrets", "has \(previousJwtSecrets.count) secrets",
                "at most \(Self.maximumPreviousSecrets)")
        }
        for (index, path) in jwtPublicKeyFiles.enumerated() where !isPath(path) {
            find("jwtPublicKeyFiles[\(index)]", "is \(shown(path))", "a path")
        }
        if listsPublicKeyAlgorithm, jwtPublicKeyFiles.isEmpty {
            let named = jwtAlgorithms.filter { Self.publicKeyAlgorithms.contains($0) }
            find("jwtPublicKeyFiles", "is empty", "a file with the public keys for \(named.joined(separator: ", "))")
        }
        return findings
    }

    /// What of it works and is most likely not meant.
    func tokenRemarks() -> [(kind: Warning.Kind, key: String, message: String)] {
        var remarks: [(kind: Warning.Kind, key: String, message: String)] = []
        func warnOfPlaceholder(_ secret: Secret, _ key: String) {
            guard secret.begins(with: "CHANGE-ME") else { return }
            let message = "\"\(key)\" begins with CHANGE-ME: anybody can guess it. Do not use it in production."
            remarks.append((.placeholderSecret, key, message))
        }
        warnOfPlaceholder(jwtSecret, "jwtSecret")
        for (index, secret) in previousJwtSecrets.enumerated() {
            warnOfPlaceholder(secret, "previousJwtSecrets[\(index)]")
        }
        func warnOfIdle(_ key: String, _ isSet: Bool, _ what: String) {
            guard isSet else { return }
            let message = "\"\(key)\" has no effect: \"jwtAlgorithms\" lists no algorithm with \(what)."
            remarks.append((.doubtfulValue, key, message))
        }
        if !listsSecretAlgorithm, listsPublicKeyAlgorithm {
            warnOfIdle("jwtSecret", !jwtSecret.isEmpty, "a secret")
            warnOfIdle("previousJwtSecrets", !previousJwtSecrets.isEmpty, "a secret")
        }
        if listsSecretAlgorithm, !listsPublicKeyAlgorithm {
            warnOfIdle("jwtPublicKeyFiles", !jwtPublicKeyFiles.isEmpty, "public keys")
        }
        return remarks
    }
}
