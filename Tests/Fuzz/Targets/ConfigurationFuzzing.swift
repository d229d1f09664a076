import Configuration

/// A configuration file: it gives settings or problems, never neither; what is taken is JSON; no message shows a secret.
enum ConfigurationFuzzing {
    static func finding(in input: [UInt8]) -> String? {
        let text = String(decoding: input, as: UTF8.self)
        let result = Settings.load(file: .text(text, name: "config.json"), environment: [:])
        guard (result.settings == nil) == !result.problems.isEmpty else {
            return "\(result.problems.count) problems, and settings: \(result.settings != nil)"
        }
        guard let settings = result.settings else { return nil }
        let bytes = Array(text.utf8)
        if !JSONOracle.mayDiffer(on: bytes), JSONOracle.object(bytes) == nil {
            return "taken, though no JSON object: \(text.debugDescription)"
        }
        let secret = String(decoding: settings.jwtSecret.reveal(), as: UTF8.self)
        for warning in result.warnings where secret.utf8.count >= 32 && "\(warning)".contains(secret) {
            return "a warning shows the secret: \(warning)"
        }
        return nil
    }
}
