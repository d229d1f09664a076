import Testing

@testable import RedisStreams

@Suite("The first words on a connection")
struct ConnectionHandshakeTests {
    static let secret = "s3cr3t pass"

    struct Case: Sendable, CustomTestStringConvertible {
        var username = ""
        var password = ""
        var database = 0
        var commands: [Command]
        var testDescription: String {
            "username \(username.debugDescription), password \(!password.isEmpty), database \(database)"
        }
    }

    static let name = Command.setName("sluice")
    static let login = Command.auth(username: "", password: Array(secret.utf8))
    static let namedLogin = Command.auth(username: "bob", password: Array(secret.utf8))

    static let cases: [Case] = [
        Case(commands: [name]),
        Case(username: "bob", commands: [name]),
        Case(database: 3, commands: [.select(3), name]),
        Case(password: secret, commands: [login, name]),
        Case(username: "default", password: secret, commands: [login, name]),
        Case(username: "bob", password: secret, commands: [namedLogin, name]),
        Case(password: secret, database: 3, commands: [login, .select(3), name]),
        Case(username: "bob", password: secret, database: 15, commands: [namedLogin, .select(15), name]),
    ]

    static func handshake(_ example: Case) -> ConnectionHandshake {
        ConnectionHandshake(
            username: example.username, password: Array(example.password.utf8), database: example.database)
    }

    @Test("each combination sends what it needs at once, and is ready after the last answer", arguments: cases)
    func combination(_ example: Case) {
        var handshake = Self.handshake(example)
        #expect(handshake.start() == .send(example.commands))
        for _ in example.commands.dropLast() { #expect(handshake.receive(.status("OK")) == .wait) }
        #expect(handshake.receive(.status("OK")) == .ready)
        #expect(handshake.receive(.status("OK")) == .ready, "more answers than questions change nothing")
    }

    @Test("each answer but the name's may end it", arguments: cases)
    func failures(_ example: Case) {
        for failing in example.commands.indices.dropLast() {
            var handshake = Self.handshake(example)
            for _ in 0..<failing { #expect(handshake.receive(.status("OK")) == .wait) }
            guard case .failed(let text) = handshake.receive(.error("WRONGPASS invalid username-password pair")) else {
                Issue.record("an error was taken for an answer")
                continue
            }
            #expect(text.contains("redis."))
            #expect(!text.contains(Self.secret))
        }
    }

    static let loginErrors = [
        "WRONGPASS invalid username-password pair or user is disabled.",
        "NOAUTH HELLO must be called with the client already authenticated",
        "ERR invalid password",
        "ERR Client sent AUTH, but no password is set",
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        "ERR wrong number of arguments for 'auth' command",
    ]

    @Test("a refused login names the settings", arguments: loginErrors)
    func refusedLogin(error: String) {
        var handshake = Self.handshake(Case(password: Self.secret, commands: []))
        #expect(
            handshake.receive(.error(error))
                == .failed("Redis does not accept the login (redis.username, redis.password): \(error)"))
    }

    @Test("a database that is not there is named")
    func refusedDatabase() {
        var handshake = Self.handshake(Case(database: 99, commands: []))
        #expect(
            handshake.receive(.error("ERR DB index is out of range"))
                == .failed(
                    "the database 99 of redis.db cannot be selected: Redis answered with an error: ERR DB index is out of range"
                ))
    }

    @Test("a missing password is told at once, although only a name was sent")
    func missingPassword() {
        var handshake = Self.handshake(Case(commands: []))
        guard case .failed(let text) = handshake.receive(.error("NOAUTH Authentication required.")) else {
            Issue.record("NOAUTH was passed over")
            return
        }
        #expect(text.contains("redis.password"))
        var loading = Self.handshake(Case(commands: []))
        guard case .failed = loading.receive(.error("LOADING Redis is loading the dataset in memory")) else {
            Issue.record("LOADING was passed over")
            return
        }
    }

    @Test(
        "a server that does not take a name is as good",
        arguments: [
            "ERR unknown command `CLIENT`, with args beginning with: `SETNAME`, `sluice`, ",
            "ERR Unknown subcommand or wrong number of arguments for 'SETNAME'",
            "NOPERM this user has no permissions to run the 'client|setname' command",
        ])
    func refusedName(error: String) {
        var handshake = Self.handshake(Case(commands: []))
        #expect(handshake.receive(.error(error)) == .ready)
    }

    /// What servers and proxies without `AUTH` answer.
    @Test(
        "the password is in no text, even if the server repeats it",
        arguments: [
            "ERR unknown command `AUTH`, with args beginning with: `s3cr3t pass`, ",
            "ERR unknown command 'AUTH', with args beginning with: 's3cr3",
            "ERR unknown command 'AUTH s3cr3t pass'",
            "s3cr3t pass",
            "WRONGPASS s3cr3t pass is wrong",
            "NOPERM s3cr3t pass s3cr3t pass",
        ], [true, false])
    func secrecy(error: String, atLogin: Bool) {
        var handshake = Self.handshake(Case(password: Self.secret, database: 1, commands: []))
        if !atLogin { #expect(handshake.receive(.status("OK")) == .wait) }
        guard case .failed(let text) = handshake.receive(.error(error)) else {
            Issue.record("an error was taken for an answer")
            return
        }
        #expect(!text.contains("s3cr3"))
        #expect(text.count > 20)
    }
}

@Suite("Error replies")
struct ServerErrorTests {
    static let kinds: [(String, ServerError.Kind)] = [
        ("NOAUTH Authentication required.", .authentication),
        ("WRONGPASS invalid username-password pair or user is disabled.", .authentication),
        ("ERR invalid password", .authentication),
        ("ERR Client sent AUTH, but no password is set", .authentication),
        ("ERR AUTH <password> called without any password configured for the default user.", .authentication),
        ("LOADING Redis is loading the dataset in memory", .loading),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .loading),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .loading),
        ("BUSY Redis is busy running a script.", .loading),
        ("READONLY You can't write against a read only replica.", .readOnly),
        ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType),
        ("ERR no such key", .noSuchKey),
        ("NOPERM this user has no permissions to run the 'xread' command", .noPermission),
        ("ERR unknown command 'XREAD', with args beginning with: ", .unknownCommand),
        ("MOVED 3999 127.0.0.1:6381", .moved),
        ("ASK 3999 127.0.0.1:6381", .moved),
        ("CLUSTERDOWN The cluster is down", .loading),
        ("CROSSSLOT Keys in request don't hash to the same slot", .moved),
        ("ERR syntax error", .other),
        ("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", .other),
        ("NOAUTHENTICITY", .other),
        ("", .other),
        (" NOAUTH", .other),
        ("ERR", .other),
    ]

    @Test("each error is known by its first word", arguments: kinds)
    func kind(text: String, kind: ServerError.Kind) {
        let error = ServerError(text)
        #expect(error.kind == kind)
        #expect(error.text == text)
        #expect(error.description.hasSuffix(": " + text))
        #expect(error.description.count > text.count + 20)
    }
}
