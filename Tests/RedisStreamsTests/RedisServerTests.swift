import EventLog
import Testing

@testable import RedisStreams

@Suite("Against a real redis-server")
struct RedisServerTests {
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("what is written by XADD comes back by XREAD, XRANGE, XREVRANGE and XINFO")
    func roundTrip() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let stream: [UInt8] = Self.text("s\r\n") + [0, 0xFF]
        let payloads = [Self.text(EventJSONTests.superset), [], Array(0...255), Self.text("\r\n*1\r\n")]
        var ids: [String] = []
        for payload in payloads {
            guard case .string(let id) = try redis.command(.xadd(stream: stream, maximumLength: 1000, data: payload))
            else {
                throw TestFailure(description: "XADD was not answered with an ID")
            }
            ids.append(String(decoding: id, as: UTF8.self))
        }
        let expected = zip(ids, payloads).map { Decoded.entry($0, $1) }

        try redis.send(.xread(count: 100, blockMilliseconds: 1, stream: stream, after: .zero))
        #expect(try redis.entries().decoded == expected + [.end])
        try redis.send(.xread(count: 2, blockMilliseconds: 1, stream: stream, after: .zero))
        #expect(try redis.entries().decoded == expected.prefix(2) + [.end])

        let parsed = try ids.map { id in
            guard let parsed = Array(id.utf8).withUnsafeBytes({ StreamID(text: $0) }) else {
                throw TestFailure(description: id)
            }
            return parsed
        }
        #expect(parsed.map(\.description) == ids)
        try redis.send(.xread(count: 100, blockMilliseconds: 1, stream: stream, after: parsed[2]))
        #expect(try redis.entries().decoded == expected.suffix(1) + [.end])
        try redis.send(.xread(count: 100, blockMilliseconds: 1, stream: stream, after: parsed[3]))
        #expect(try redis.entries().decoded == [.empty])

        func range(_ command: Command) throws -> [Decoded] {
            var seen: [Decoded] = []
            try redis.command(command).forEachEntry { seen.append(.entry($0.description, $1.map { Array($0) })) }
            return seen
        }
        #expect(try range(.xrange(stream: stream, from: .zero, to: .max, count: 100)) == expected)
        #expect(
            try range(.xrange(stream: stream, from: parsed[1], to: parsed[2], count: 100)) == Array(expected[1...2]))
        #expect(
            try range(.xrange(stream: stream, from: parsed[0].successor, to: parsed[3].predecessor, count: 9))
                == Array(expected[1...2]))
        #expect(
            try range(.xrevrange(stream: stream, from: .max, to: .zero, count: 3))
                == Array(expected.reversed().prefix(3)))
        #expect(try range(.xrange(stream: stream, from: .max, to: .zero, count: 3)) == [])

        let info = StreamInfo.parse(try redis.command(.xinfoStream(stream)))
        guard case .info(let info) = info else { throw TestFailure(description: "\(info)") }
        #expect(info.length == 4)
        #expect(info.lastGeneratedID == parsed[3])
        #expect(info.firstEntryID == parsed[0])
        #expect(info.lastEntryID == parsed[3])
        #expect(info.lastEntryData == payloads[3])
        #expect(info.entriesAdded == 4)

        let time = try #require(try redis.command(.time).serverMilliseconds)
        #expect(time >= parsed[3].milliseconds)
        #expect(time - parsed[3].milliseconds < 3_600_000)
        #expect(try redis.command(.ping) == .status("PONG"))
        guard case .string(let facts) = try redis.command(.info("server")) else {
            throw TestFailure(description: "INFO")
        }
        #expect(String(decoding: facts, as: UTF8.self).contains("redis_version:"))
    }

    @Test("entries of 1 MiB come through XREAD one by one, and through XRANGE")
    func large() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let data = (0..<1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        for index in 0..<8 {
            _ = try redis.command(
                Command([Self.text("XADD"), Self.text("s"), Self.text("1-\(index + 1)"), Self.text("data"), data]))
        }
        try redis.send(.xread(count: 100, blockMilliseconds: 1, stream: Self.text("s"), after: .zero))
        let (decoded, reads) = try redis.entries()
        #expect(decoded.count == 9)
        for (index, entry) in decoded.dropLast().enumerated() { #expect(entry == .entry("1-\(index + 1)", data)) }
        #expect(decoded.last == .end)
        #expect(reads >= 8 * 16)
        #expect(redis.reader.footprint <= 512 * 1024)

        var count = 0
        let range = try redis.command(.xrange(stream: Self.text("s"), from: .zero, to: .max, count: 100))
        range.forEachEntry { _, bytes in
            count += 1
            #expect(bytes?.elementsEqual(data) == true)
        }
        #expect(count == 8)
    }

    @Test("a blocking read is answered by the next event")
    func blocking() throws {
        let server = try RedisServer()
        let reading = try server.connect()
        let writing = try server.connect()
        try reading.send(
            .setName("reading"), .xread(count: 10, blockMilliseconds: 60_000, stream: Self.text("s"), after: .zero))
        #expect(try reading.reply() == .status("OK"))
        _ = try writing.command("XADD", "s", "5-1", "other", "x", "data", "y")
        #expect(try reading.entries().decoded == [.entry("5-1", data: "y"), .end])
        // Several answers behind one another over the same connection.
        _ = try writing.command("XADD", "s", "5-2", "data", "z")
        try reading.send(
            .xread(count: 1, blockMilliseconds: 1, stream: Self.text("s"), after: .zero),
            .xread(
                count: 1, blockMilliseconds: 1, stream: Self.text("s"), after: StreamID(milliseconds: 5, sequence: 1)),
            .xread(
                count: 1, blockMilliseconds: 1, stream: Self.text("s"), after: StreamID(milliseconds: 5, sequence: 2)))
        #expect(try reading.entries().decoded == [.entry("5-1", data: "y"), .end])
        #expect(try reading.entries().decoded == [.entry("5-2", data: "z"), .end])
        #expect(try reading.entries().decoded == [.empty])
    }

    @Test("streams that are missing, trimmed, emptied or none")
    func oddStreams() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        #expect(StreamInfo.parse(try redis.command(.xinfoStream(Self.text("missing")))) == .missing)
        #expect(try redis.command(.xrange(stream: Self.text("missing"), from: .zero, to: .max, count: 5)) == .array([]))
        try redis.send(.xread(count: 5, blockMilliseconds: 1, stream: Self.text("missing"), after: .zero))
        #expect(try redis.entries().decoded == [.empty])

        for index in 1...5 { _ = try redis.command("XADD", "s", "7-\(index)", "data", "\(index)") }
        #expect(try redis.command("XTRIM", "s", "MAXLEN", "=", "2") == .integer(3))
        guard case .info(let trimmed) = StreamInfo.parse(try redis.command(.xinfoStream(Self.text("s")))) else {
            throw TestFailure(description: "no facts of a trimmed stream")
        }
        #expect(trimmed.length == 2)
        #expect(trimmed.entriesAdded == 5)
        #expect(trimmed.firstEntryID == StreamID(milliseconds: 7, sequence: 4))
        try redis.send(.xread(count: 5, blockMilliseconds: 1, stream: Self.text("s"), after: .zero))
        #expect(try redis.entries().decoded == [.entry("7-4", data: "4"), .entry("7-5", data: "5"), .end])

        #expect(try redis.command("XTRIM", "s", "MAXLEN", "=", "0") == .integer(2))
        guard case .info(let emptied) = StreamInfo.parse(try redis.command(.xinfoStream(Self.text("s")))) else {
            throw TestFailure(description: "no facts of an emptied stream")
        }
        #expect(emptied.length == 0)
        #expect(emptied.firstEntryID == nil)
        #expect(emptied.lastEntryID == nil)
        #expect(emptied.lastGeneratedID == StreamID(milliseconds: 7, sequence: 5))

        #expect(try redis.command("SET", "s", "no stream") == .status("OK"))
        guard case .failed(let error) = StreamInfo.parse(try redis.command(.xinfoStream(Self.text("s")))) else {
            throw TestFailure(description: "a string was taken for a stream")
        }
        #expect(error.kind == .wrongType)
        try redis.send(.xread(count: 5, blockMilliseconds: 1, stream: Self.text("s"), after: .zero))
        guard case .error(let text)? = try redis.entries().decoded.first else {
            throw TestFailure(description: "no error")
        }
        #expect(ServerError(text).kind == .wrongType)
        // The connection is as good as before.
        #expect(try redis.command(.ping) == .status("PONG"))
    }

    @Test("databases are kept apart, and one that is not there is named")
    func databases() throws {
        let server = try RedisServer("--databases", "4")
        let third = try server.connect()
        #expect(try third.shake(ConnectionHandshake(username: "", password: [], database: 3)) == .ready)
        _ = try third.command("XADD", "s", "1-1", "data", "x")
        guard case .string(let name) = try third.command("CLIENT", "GETNAME") else {
            throw TestFailure(description: "no name")
        }
        #expect(name == Self.text("sluice"))
        let first = try server.connect()
        #expect(try first.shake(ConnectionHandshake(username: "", password: [], database: 0)) == .ready)
        #expect(StreamInfo.parse(try first.command(.xinfoStream(Self.text("s")))) == .missing)
        let fourth = try server.connect()
        guard case .failed(let text) = try fourth.shake(ConnectionHandshake(username: "", password: [], database: 4))
        else {
            throw TestFailure(description: "a database that is not there was selected")
        }
        #expect(text.contains("redis.db"))
        #expect(text.contains("4"))
    }

    @Test("a password is needed, refused and taken")
    func passwords() throws {
        let secret = "p\u{1}w \"é"
        let server = try RedisServer("--requirepass", "placeholder")
        let admin = try server.connect()
        #expect(
            try admin.shake(ConnectionHandshake(username: "", password: Self.text("placeholder"), database: 0))
                == .ready)
        #expect(try admin.command("CONFIG", "SET", "requirepass", secret) == .status("OK"))
        #expect(
            try admin.command("ACL", "SETUSER", "reader", "on", ">" + secret, "~*", "+client", "+select", "+xrange")
                == .status("OK"))

        func shake(_ username: String, _ password: String, _ database: Int = 0) throws -> ConnectionHandshake.Step {
            try server.connect().shake(
                ConnectionHandshake(username: username, password: Self.text(password), database: database))
        }
        #expect(try shake("", secret) == .ready)
        #expect(try shake("default", secret, 2) == .ready)
        #expect(try shake("reader", secret, 2) == .ready)
        for (username, password) in [
            ("", ""), ("", "wrong"), ("default", secret + "x"), ("reader", "wrong"), ("nobody", secret),
        ] {
            guard case .failed(let text) = try shake(username, password, 1) else {
                Issue.record("\(username) was let in with a wrong password")
                continue
            }
            // Without a password it is the database that is refused, for the same reason.
            #expect(text.contains("redis.username, redis.password"))
            #expect(password.isEmpty || !text.contains(password))
        }

        let bare = try server.connect()
        try bare.send(.xread(count: 1, blockMilliseconds: 1, stream: Self.text("s"), after: .zero))
        guard case .error(let text)? = try bare.entries().decoded.first else {
            throw TestFailure(description: "no error")
        }
        #expect(ServerError(text).kind == .authentication)

        let reader = try server.connect()
        #expect(
            try reader.shake(ConnectionHandshake(username: "reader", password: Self.text(secret), database: 0))
                == .ready)
        guard case .failed(let error) = StreamInfo.parse(try reader.command(.xinfoStream(Self.text("s")))) else {
            throw TestFailure(description: "XINFO was allowed")
        }
        #expect(error.kind == .noPermission)
    }

    @Test("a server that wants no password, or does not know AUTH, is told of without the password")
    func unwantedPasswords() throws {
        let open = try RedisServer()
        guard
            case .failed(let unwanted) = try open.connect().shake(
                ConnectionHandshake(username: "", password: Self.text("hunter2"), database: 0))
        else { throw TestFailure(description: "a password that nobody wants was taken") }
        #expect(unwanted.contains("redis.username, redis.password"))
        #expect(!unwanted.contains("hunter2"))

        let renamed = try RedisServer("--rename-command", "AUTH", "LOGIN")
        let echo = try renamed.connect().command(.auth(username: "", password: Self.text("hunter2")))
        #expect(echo.errorText?.contains("hunter2") == true, "Redis repeats the arguments of what it does not know")
        guard
            case .failed(let unknown) = try renamed.connect().shake(
                ConnectionHandshake(username: "", password: Self.text("hunter2"), database: 0))
        else { throw TestFailure(description: "an unknown command was taken for a login") }
        #expect(unknown.contains("unknown command"))
        #expect(!unknown.contains("hunter2"))
    }
}
