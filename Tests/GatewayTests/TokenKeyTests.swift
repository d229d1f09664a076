import Configuration
import Metrics
import TestSupport
import Testing

@testable import Gateway

/// Keys out of files, and how they change while the gateway runs.
@Suite("Keys of tokens")
struct TokenKeyTests {
    private func status(_ gateway: TestGateway, _ token: String, _ request: RequestText? = nil) throws -> Int {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send((request ?? RequestText(upgradeTo: "", token: token)).bytes)
        return try HTTPAnswer.read(from: socket).status
    }

    private func gateway(
        _ redis: RedisProcess, _ files: [TemporaryFile], _ algorithms: [String] = ["ES256", "EdDSA"],
        _ configure: (inout Settings) -> Void = { _ in }
    ) throws -> TestGateway {
        try TestGateway.quiet(redis) {
            $0.jwtAlgorithms = algorithms
            $0.jwtPublicKeyFiles = files.map(\.path)
            configure(&$0)
        }.ready()
    }

    @Test("tokens of private keys open WebSockets and event streams, and an HMAC that is not listed opens nothing")
    func publicKeys() throws {
        let redis = try RedisProcess()
        let file = try TemporaryFile(SignedTokens.set(SignedTokens.es256Key, SignedTokens.edDSAKey))
        let gateway = try gateway(redis, [file])
        let sockets = try [SignedTokens.es256, SignedTokens.edDSA].map { token in
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText(upgradeTo: "", token: token).bytes)
            #expect(try HTTPAnswer.read(from: socket).status == 101)
            #expect(try status(gateway, token, EventStreamClient.request(channel: "", token: token)) == 200)
            return socket
        }
        #expect(try status(gateway, WebSocketClient.token(SignedTokens.channel)) == 401)
        let (_, id) = try redis.publish(SignedTokens.channel, sampleEvent(SignedTokens.channel, "job"))
        for socket in sockets { #expect(eventID(try socket.frame().text) == id) }
        #expect(gateway.log.contains("an EC key on P-256, kid \"p\", for ES256 (\(file.path), entry 1)"))
        #expect(gateway.log.contains("an Ed25519 key, for EdDSA (\(file.path), entry 2)"))
    }

    @Test("all that is wrong with all files is said before the port is opened")
    func badFiles() throws {
        let files = try [
            TemporaryFile(#"{"keys":[{"kty":"RSA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#),
            TemporaryFile("no key", extension: "pem"), TemporaryFile(SignedTokens.es256Key),
        ]
        try files[2].remove()
        let other = try TestGateway(redis: RedisProcess())
        var settings = TestGateway.settings
        settings.jwtAlgorithms = ["HS256", "ES256"]
        settings.jwtPublicKeyFiles = files.map(\.path)
        // Taken: whoever opens the port first would complain of it.
        settings.port = other.port
        do {
            _ = try Gateway(settings: settings, logger: CapturedLog().logger)
            Issue.record("it started")
        } catch {
            #expect(!error.isAboutPort)
            let lines = error.description.split(separator: "\n")
            let beginnings = [
                "\(files[0].path), entry 1 has no \"n\";", "\(files[0].path), entry 2 has a \"x\" that cannot be read;",
                "\(files[1].path) holds no key;",
                "\(files[2].path) cannot be read (No such file or directory); a file of jwtPublicKeyFiles was expected.",
            ]
            #expect(lines.count == beginnings.count)
            for (line, beginning) in zip(lines, beginnings) { #expect(line.hasPrefix(beginning), "\(line)") }
        }
    }

    @Test("keys without a use and algorithms without a key are told in the log")
    func notes() throws {
        let redis = try RedisProcess()
        let file = try TemporaryFile(
            SignedTokens.set(SignedTokens.es256Key, SignedTokens.edDSAKey, #"{"kty":"RSA","use":"enc"}"#))
        let gateway = try gateway(redis, [file], ["ES256", "ES384"])
        #expect(gateway.log.contains("jwtAlgorithms lists ES384, and no file has a key for it."))
        #expect(gateway.log.contains("entry 2 is an Ed25519 key, which none of jwtAlgorithms uses."))
        #expect(gateway.log.contains("entry 3 is not for signatures"))
    }

    @Test("reload: new keys count for new handshakes on each loop, and open sockets stay")
    func reload() throws {
        let redis = try RedisProcess()
        let file = try TemporaryFile(SignedTokens.es256Key)
        let gateway = try gateway(redis, [file])
        let open = try TestSocket.connect(port: gateway.port)
        try open.send(RequestText(upgradeTo: "", token: SignedTokens.es256).bytes)
        #expect(try HTTPAnswer.read(from: open).status == 101)
        #expect(try status(gateway, SignedTokens.edDSA) == 401)

        try file.write(SignedTokens.edDSAKey)
        #expect(gateway.gateway.reload())
        // Messages to a loop arrive in order: when the figures are there, so are the keys.
        _ = try gateway.figures()
        // The kernel spreads connections over the loops.
        for _ in 0..<16 {
            #expect(try status(gateway, SignedTokens.es256) == 401)
            #expect(try status(gateway, SignedTokens.edDSA) == 101)
        }
        let (_, id) = try redis.publish(SignedTokens.channel, sampleEvent(SignedTokens.channel, "job"))
        #expect(eventID(try open.frame().text) == id)
    }

    @Test("reload: a file that is bad or gone changes nothing, and the log says what is wrong with it")
    func badReload() throws {
        let redis = try RedisProcess()
        let files = try [TemporaryFile(SignedTokens.es256Key), TemporaryFile(SignedTokens.edDSAKey)]
        let gateway = try gateway(redis, files)
        try files[0].write(#"{"kty":"EC","crv":"P-256"}"#)
        #expect(!gateway.gateway.reload())
        _ = try gateway.figures()
        #expect(try status(gateway, SignedTokens.es256) == 101)
        #expect(try status(gateway, SignedTokens.edDSA) == 101)
        let line = try #require(gateway.log.lines.first { $0.hasPrefix("error ") })
        #expect(line.contains("could not be loaded again, what was there before stays"))
        #expect(line.contains("\(files[0].path) has no \"x\""))

        try files[0].remove()
        #expect(!gateway.gateway.reload())
        #expect(gateway.log.contains("No such file or directory"))
        #expect(try status(gateway, SignedTokens.es256) == 101)
        // Put right, it counts again.
        try files[0].write(SignedTokens.edDSAKey)
        #expect(gateway.gateway.reload())
        _ = try gateway.figures()
        #expect(try status(gateway, SignedTokens.es256) == 401)
        // An optimised build would let go of the file once it is written.
        withExtendedLifetime(files) {}
    }

    @Test("a previous secret's tokens are still good, a secret's that is not listed are not")
    func previousSecrets() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.jwtSecret = Secret("the secret of today, of more than 32 bytes")
            $0.previousJwtSecrets = [
                Secret("the secret of yesterday, of more than 32 bytes"), Secret(WebSocketClient.secret),
            ]
        }.ready()
        #expect(try status(gateway, WebSocketClient.token("alpha")) == 101)
        let without = try TestGateway.quiet(redis) {
            $0.jwtSecret = Secret("the secret of today, of more than 32 bytes")
        }.ready()
        #expect(try status(without, WebSocketClient.token("alpha")) == 401)
        #expect(!gateway.log.contains(WebSocketClient.secret))
        #expect(gateway.log.contains("previousJwtSecrets[1], for HS256"))
    }
}
