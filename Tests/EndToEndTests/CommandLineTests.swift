import Foundation
import TestSupport
import Testing

/// The commands, as a user types them.
@Suite("The command line")
struct CommandLineTests {
    private func run(
        _ arguments: [String], environment: [String: String] = [:], status: Int32 = 0
    ) throws -> (output: String, errors: String) {
        let process = try SluiceProcess(arguments, environment: environment)
        #expect(try process.exitStatus() == status, "\(process.standardError)")
        return (process.standardOutput, process.standardError)
    }

    @Test("dev brings up all that is needed; the commands it prints work as they stand; it leaves nothing behind")
    func dev() throws {
        let port = try freePort()
        let dev = try SluiceProcess(["dev", "--port", "\(port)"])
        try eventually("dev prints what to try") { dev.standardOutput.contains("Ctrl-C") }
        let printed = dev.standardOutput.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let tail = try #require(printed.first { $0.contains(" tail ") })
        let publish = try #require(printed.first { $0.contains(" publish ") })

        let health = try #require(printed.first { $0.hasPrefix("curl ") && $0.hasSuffix("/health") })
        let events = try #require(printed.first { $0.hasPrefix("curl ") && $0.hasSuffix("/events") })
        #expect(printed.count { $0.hasPrefix("curl ") } == 2, "a line is not tried here")

        #expect(try ShellLine(health, in: dev.workingDirectory).outputAtEnd() == "OK")
        let stream = try ShellLine(events, in: dev.workingDirectory)
        try eventually("the stream is open") { stream.output.contains("\nid: ") }
        let watcher = try ShellLine("\(tail) --count 1", in: dev.workingDirectory)
        // Published until it is seen: when the watcher is connected is its own affair.
        try eventually("the watcher has seen an event") {
            guard watcher.isRunning else { return true }
            _ = try ShellLine(publish, in: dev.workingDirectory).outputAtEnd()
            return !watcher.isRunning
        }
        let seen = try watcher.outputAtEnd()
        #expect(seen.hasPrefix("{\"id\":\"") && seen.contains("channel_id"))
        try eventually("the stream has seen it") { stream.output.contains("\ndata: {\"id\":\"") }

        let children = try Self.children(of: dev.processID)
        #expect(children.count == 1)
        dev.kill(SIGTERM)
        #expect(try dev.exitStatus() == 0)
        // The gateway leaves, and ends it as streams are ended.
        _ = try stream.outputAtEnd()
        for child in children { #expect(kill(child, 0) != 0, "redis-server is still there") }
        let directory = try #require(tail.range(of: #"/\S+/config\.json"#, options: .regularExpression))
        #expect(!FileManager.default.fileExists(atPath: String(tail[directory])))
    }

    @Test("SIGUSR1 turns dev's log level to debug and back, as it does with serve, and ends nothing")
    func devDebug() throws {
        let dev = try SluiceProcess(["dev", "--port", "\(try freePort())"])
        try eventually("dev prints what to try") { dev.standardOutput.contains("Ctrl-C") }
        dev.kill(SIGUSR1)
        try eventually("it says so") { dev.standardError.contains("debug until the next one") }
        dev.kill(SIGUSR1)
        try eventually("it says so") { dev.standardError.contains("the configured one again") }
        #expect(dev.isRunning)
        dev.kill(SIGTERM)
        #expect(try dev.exitStatus() == 0)
    }

    /// The processes whose parent is `parent`.
    private static func children(of parent: Int32) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
            guard let number = Int32(name),
                let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return nil }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            return fields.count > 1 && Int32(fields[1]) == parent ? number : nil
        }
    }

    @Test("tail prints each event once, across a restart of the gateway", arguments: [[], ["--sse"], ["--compress"]])
    func tailAcrossRestart(flags: [String]) throws {
        let redis = try RedisProcess(persistent: true)
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        if flags == ["--compress"] { environment["COMPRESSION"] = "true" }
        var gateway = try SluiceProcess(["serve"], environment: environment)
        try gateway.waitUntilReady(port: port)
        let tail = try SluiceProcess(["tail", "--channel", "alpha", "--count", "6"] + flags, environment: environment)
        try eventually("tail is connected") { tail.standardError.contains("Connected") }
        for number in 0..<3 { try redis.publish("alpha", sampleEvent("alpha", "job-\(number)")) }
        try eventually("tail has seen them") { tail.lines.count == 3 }
        #expect(tail.standardError.contains("with compression") == (flags == ["--compress"]))
        gateway.kill(SIGKILL)
        _ = try gateway.exitStatus()
        for number in 3..<6 { try redis.publish("alpha", sampleEvent("alpha", "job-\(number)")) }
        gateway = try SluiceProcess(["serve"], environment: environment)
        #expect(try tail.exitStatus() == 0)
        #expect(
            tail.lines.map { $0.contains("job-") ? $0.components(separatedBy: "\"job_id\": \"job-")[1].prefix(1) : "" }
                == ["0", "1", "2", "3", "4", "5"])
    }

    @Test("publish writes both streams as a producer does, and a socket gets the event")
    func publish() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let environment = RestartTests.environment(redis, port)
        let gateway = try SluiceProcess(["serve"], environment: environment)
        try gateway.waitUntilReady(port: port)
        let client = try WebSocketClient(port: port, channel: "alpha")
        let (output, _) = try run(
            ["publish", "--channel", "alpha", #"{"status": "done", "n": 12345678901234567890}"#],
            environment: environment)
        let text = try client.event()
        #expect(text.contains(#""n": 12345678901234567890"#))
        #expect(output.contains(eventID(text)))
        #expect(try redis.command("XLEN", "async-events-alpha") == .integer(1))
        #expect(try redis.command("XLEN", "async-events-full") == .integer(1))
        let (_, complaint) = try run(
            ["publish", "--channel", "alpha", #"{"channel_id": "beta"}"#], environment: environment, status: 1)
        #expect(complaint.contains("beta"))
    }

    @Test("check says what it found, and fails on an unknown key and on a Redis that is away")
    func check() throws {
        let redis = try RedisProcess()
        try redis.publish("alpha", sampleEvent("alpha", "1"))
        let environment = RestartTests.environment(redis, 8080)
        let (output, _) = try run(["check"], environment: environment)
        #expect(output.contains("async-events-full"))
        #expect(!output.contains(WebSocketClient.secret))

        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).json")
        try Data(#"{"redis": {"hots": "a"}}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let unknown = try run(["check", "--config", file.path], environment: environment, status: 1)
        #expect((unknown.output + unknown.errors).contains("redis.host"))

        let keys = try TemporaryFile(SignedTokens.set(SignedTokens.es256Key, SignedTokens.edDSAKey))
        let listed = try run(
            ["check", "--jwt-algorithms", "HS256,ES256", "--jwt-public-key-files", keys.path], environment: environment)
        #expect(listed.output.contains("Key for tokens: jwtSecret, for HS256."))
        #expect(
            listed.output.contains("Key for tokens: an EC key on P-256, kid \"p\", for ES256 (\(keys.path), entry 1)."))
        #expect(listed.output.contains("entry 2 is an Ed25519 key, which none of jwtAlgorithms uses."))
        try keys.write(SignedTokens.es256Key.replacing("P-256", with: "P-384"))
        let broken = try run(
            ["check", "--jwt-algorithms", "ES256", "--jwt-public-key-files", keys.path], environment: environment,
            status: 1)
        #expect(broken.errors.contains("\(keys.path) has a \"x\" that cannot be read"))

        redis.kill()
        let away = try run(["check"], environment: environment, status: 1)
        #expect((away.output + away.errors).contains(redis.socketPath))
    }

    @Test("a token made by the command line opens a socket")
    func token() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let environment = RestartTests.environment(redis, port)
        let gateway = try SluiceProcess(["serve"], environment: environment)
        try gateway.waitUntilReady(port: port)
        let (output, _) = try run(["token", "--channel", "alpha"], environment: environment)
        let socket = try TestSocket.connect(port: port)
        let token = output.trimmingCharacters(in: .whitespacesAndNewlines)
        try socket.send(WebSocketClient.request(channel: "", token: token))
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        _ = try run(["token", "--channel", "full"], environment: environment, status: 1)
    }

    @Test("completions know every command and setting", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let script = try run(["--generate-completion-script", shell]).output
        // fish writes an option without its dashes.
        for word in ["publish", "check", "health", "redis-sentinel-name", "log-level"] {
            #expect(script.contains(word), "\(word)")
        }
        guard shell == "bash" else { return }
        let bash = Process()
        bash.executableURL = URL(fileURLWithPath: "/bin/bash")
        bash.arguments = ["-n", "-c", script]
        try bash.run()
        bash.waitUntilExit()
        #expect(bash.terminationStatus == 0)
    }

    @Test("help and version", arguments: ["serve", "dev", "check", "token", "tail", "publish"])
    func help(_ command: String) throws {
        let help = try run([command, "--help"]).output
        #expect(help.contains("OVERVIEW: ") && help.contains("USAGE: sluice"))
        #expect(try run(["--version"]).output.contains("."))
    }
}
