import Testing

@testable import Configuration

@Suite("TLS settings")
struct TLSValidationTests {
    @Test("a certificate and its key go together, further ones too")
    func pairs() {
        func keys(_ json: String) -> [String?] { load("{\"tls\": \(json)}").problems.map(\.key) }
        #expect(keys(#"{"certificateFile": "a.pem", "keyFile": "a.key"}"#) == [])
        #expect(keys(#"{"certificateFile": "a.pem"}"#) == ["tls.keyFile"])
        #expect(keys(#"{"keyFile": "a.key"}"#) == ["tls.certificateFile"])
        let first = #""certificateFile": "a.pem", "keyFile": "a.key""#
        #expect(
            keys("{\(first), \"additionalCertificateFiles\": [\"b.pem\"], \"additionalKeyFiles\": [\"b.key\"]}") == [])
        #expect(keys("{\(first), \"additionalCertificateFiles\": [\"b.pem\"]}") == ["tls.additionalKeyFiles"])
        #expect(
            keys(#"{"additionalCertificateFiles": ["b.pem"], "additionalKeyFiles": ["b.key"]}"#)
                == ["tls.certificateFile"])
        #expect(
            keys("{\(first), \"additionalCertificateFiles\": [\"\"], \"additionalKeyFiles\": [\"b.key\"]}")
                == ["tls.additionalCertificateFiles[0]"])
    }

    @Test("what is missing is said in a sentence")
    func sentences() {
        let result = load(#"{"tls": {"certificateFile": "a.pem", "additionalCertificateFiles": ["b.pem", "c.pem"]}}"#)
        #expect(
            result.problemTexts == [
                "\"tls.keyFile\" is not set; the key to tls.certificateFile was expected.",
                "\"tls.additionalKeyFiles\" has 0 entries; a key for each of the 2 in tls.additionalCertificateFiles was expected.",
            ])
    }

    @Test("the oldest version is 1.2 or 1.3, as a string or as a number")
    func versions() {
        for value in ["\"1.3\"", "1.3", "\" 1.3 \""] {
            #expect(load("{\"tls\": {\"minimumVersion\": \(value)}}").settings?.tls.minimumVersion == .tls13)
        }
        for value in ["\"1.1\"", "1.0", "13", "\"TLSv1.3\"", "true", "[]"] {
            let result = load("{\"tls\": {\"minimumVersion\": \(value)}}")
            #expect(result.problems.map(\.key) == ["tls.minimumVersion"])
            #expect(result.problems.first?.expected == #"one of "1.2", "1.3""#)
        }
    }

    @Test("an oldest version without a certificate draws a warning")
    func withoutEffect() {
        let without = load(#"{"tls": {"minimumVersion": "1.3"}}"#)
        #expect(without.warnings.map(\.key) == ["tls.minimumVersion"])
        let with = load(#"{"tls": {"minimumVersion": "1.3", "certificateFile": "a", "keyFile": "b"}}"#)
        #expect(with.warnings.isEmpty)
    }
}
