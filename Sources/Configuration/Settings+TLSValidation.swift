extension Settings {
    /// What is wrong with the keys of TLS among themselves. What is in the files is for the gateway to say.
    func tlsFindings() -> [Finding] {
        var findings: [Finding] = []
        func expect(_ isRight: Bool, _ key: String, _ found: String, _ expected: String) {
            if !isRight { findings.append(Finding(key: key, found: found, expected: expected)) }
        }
        let files = [("tls.certificateFile", tls.certificateFile), ("tls.keyFile", tls.keyFile)]
        for (key, path) in files {
            if let path { expect(isPath(path), key, "is \(shown(path))", "a path") }
        }
        let lists = [
            ("tls.additionalCertificateFiles", tls.additionalCertificateFiles),
            ("tls.additionalKeyFiles", tls.additionalKeyFiles),
        ]
        for (key, paths) in lists {
            for (index, path) in paths.enumerated() {
                expect(isPath(path), "\(key)[\(index)]", "is \(shown(path))", "a path")
            }
        }
        expect(
            tls.certificateFile == nil || tls.keyFile != nil, "tls.keyFile", "is not set",
            "the key to tls.certificateFile")
        expect(
            tls.certificateFile != nil || tls.keyFile == nil && tls.additionalCertificateFiles.isEmpty,
            "tls.certificateFile", "is not set",
            tls.keyFile == nil
                ? "the certificate for names that tls.additionalCertificateFiles has not"
                : "the certificate to tls.keyFile"
        )
        let (certificates, keys) = (tls.additionalCertificateFiles.count, tls.additionalKeyFiles.count)
        expect(
            certificates == keys, "tls.additionalKeyFiles", "has \(keys) \(keys == 1 ? "entry" : "entries")",
            "a key for each of the \(certificates) in tls.additionalCertificateFiles")
        return findings
    }

    /// What of it works and is most likely not meant.
    func tlsRemarks() -> [(kind: Warning.Kind, key: String, message: String)] {
        guard tls.certificateFile == nil, tls.minimumVersion != Settings().tls.minimumVersion else { return [] }
        return [
            (
                .doubtfulValue, "tls.minimumVersion",
                "\"tls.minimumVersion\" has no effect without \"tls.certificateFile\"."
            )
        ]
    }
}
