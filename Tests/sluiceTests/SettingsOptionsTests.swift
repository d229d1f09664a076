import ArgumentParser
import Configuration
import Testing

@testable import sluice

@Suite("Flags")
struct SettingsOptionsTests {
    @Test("every key that has an effect and is no secret has its flag, and the flag sets that key")
    func everyKey() throws {
        for key in Key.all where !key.isWithoutEffect {
            guard let flag = key.flag else { continue }
            let options = try AllSettingsOptions.parse([flag, "value of it"])
            #expect(options.overrides.map(\.key) == [key.path])
            #expect(options.overrides.map(\.value) == ["value of it"])
            #expect(options.overrides.map(\.source) == [.flag(flag)])
        }
    }

    @Test("secrets have no flag", arguments: ["--jwt-secret", "--redis-password"])
    func secrets(flag: String) {
        #expect(throws: (any Error).self) { try AllSettingsOptions.parse([flag, "x"]) }
    }

    @Test("without flags nothing is set")
    func none() throws {
        #expect(try AllSettingsOptions.parse([]).overrides.isEmpty)
    }

    @Test("what a flag says is judged with everything else, so that all problems come at once")
    func problems() throws {
        let command = try Serve.parse(["--port", "eighty", "--drain-ms=-1", "--redis-host", "", "--log-level", "loud"])
        let result = Settings.load(file: .none, environment: [:], overrides: command.options.overrides)
        let keys = Set(result.problems.compactMap(\.key))
        #expect(keys == ["port", "drainMs", "redis.host", "logLevel", "jwtSecret"])
    }

    @Test("flags given without a command are those of serve")
    func defaultCommand() throws {
        let command = try Sluice.parseAsRoot(["--port", "9000"])
        #expect((command as? Serve)?.options.overrides.map(\.value) == ["9000"])
    }
}
