import Testing

@testable import Configuration

@Suite("Secrets")
struct SecretTests {
    @Test("no way to print a secret shows it")
    func printing() {
        var settings = Settings()
        settings.jwtSecret = Secret(goodSecret)
        settings.redis.password = Secret(goodSecret)
        var dumped = ""
        dump(settings, to: &dumped)
        dump(settings.jwtSecret, to: &dumped)
        dump([settings.jwtSecret], to: &dumped)
        var printed = ""
        print(settings, settings.jwtSecret, Optional(settings.jwtSecret) as Any, to: &printed)
        debugPrint(settings, settings.jwtSecret, [settings.jwtSecret], to: &printed)
        for text in [dumped, printed, "\(settings)", String(reflecting: settings), "\(settings.jwtSecret)"] {
            #expect(!text.contains(goodSecret))
            #expect(!text.contains("97, 45, 115"))
            #expect(text.contains("<redacted>"))
        }
        #expect(Mirror(reflecting: settings.jwtSecret).children.isEmpty)
    }

    @Test("an override does not show its value")
    func override() {
        var dumped = ""
        dump([Override(key: "jwtSecret", value: goodSecret, name: "sluice dev")], to: &dumped)
        #expect(!dumped.contains(goodSecret))
        #expect("\(Override(key: "port", value: goodSecret))" == "override of port by --port")
    }

    @Test("an empty secret shows that it is empty")
    func empty() {
        #expect("\(Secret(""))" == "<empty>")
        #expect(String(reflecting: Secret("")) == "<empty>")
    }

    @Test("the bytes are given when asked for")
    func reveal() {
        #expect(Secret("é").reveal() == [0xC3, 0xA9])
        #expect(Secret("é").count == 2)
        #expect(Secret([0xC3, 0xA9]) == Secret("é"))
        #expect(Secret("").isEmpty)
    }

    @Test(
        "no problem or warning shows a secret, whatever is wrong with it and from whatever source",
        arguments: [
            "\"s3cr3t\"", "[\"s3cr3t\"]", "{\"s3cr3t\": 1}", "5318008", "[5318008]", "\"CHANGE-ME-s3cr3t\"", "\"s3cr3t",
            "s3cr3t", "\"s3cr3t\" s3cr3t", "\"s3cr\n3t\"", "\"s3cr\\x3t\"",
        ])
    func neverInMessages(value: String) {
        for path in ["jwtSecret", "redis.password", "previousJwtSecrets"] {
            let key = Key.all.filter { $0.path == path }
            #expect(key.first?.isSecret == true)
            for result in [
                load(key.first?.file(value), secret: nil),
                load(
                    environment: [
                        key.first?.environmentVariable ?? "": value, "GAQ_JWT_SECRET": "s3cr3t",
                    ],
                    secret: nil),
                load(flags: [Override(key: path, value: value)], secret: nil),
            ] {
                let text = (result.problemTexts + result.warningTexts).joined(separator: "\n")
                #expect(!text.contains("s3cr") && !text.contains("3t") && !text.contains("5318008"))
                var dumped = ""
                dump(result, to: &dumped)
                #expect(!dumped.contains("s3cr") && !dumped.contains("5318008"))
            }
        }
    }

    @Test("the documents show no secret but the placeholder")
    func documents() {
        #expect(Key.exampleJSON().contains(#""jwtSecret": "CHANGE-ME""#))
        #expect(!Key.flagsHelp().contains("--jwt-secret"))
    }
}
