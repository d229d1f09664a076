/// A primary with its replicas and the sentinels that watch them, all on 127.0.0.1.
public final class SentinelGroup {
    /// What the sentinels call the primary.
    public static let name = "events"

    /// All servers, whatever their role is now. The first began as the primary.
    public let servers: [RedisProcess]
    public let sentinels: [RedisProcess]

    /// Returns when every sentinel knows the replicas and the other sentinels, so that a failover can begin.
    /// - Parameters:
    ///   - sentinelPassword: what the sentinels want of whoever asks them.
    ///   - password: what the servers want.
    ///   - arguments: further ones of every `redis-server`, sentinels too; given its port.
    public init(
        replicas: Int = 1, sentinels count: Int = 3, sentinelPassword: String? = nil, password: String? = nil,
        _ arguments: (UInt16) -> [String] = { _ in [] }
    ) throws {
        // Without these a replica waits seconds for others that might want to be synchronised together.
        let common = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
        let primary = try RedisProcess.onPort(password: password) { common + arguments($0) }
        guard let port = primary.port else { throw Failure("the primary has no port") }
        var servers = [primary]
        for _ in 0..<replicas {
            servers.append(
                try RedisProcess.onPort(password: password) {
                    common + ["--replicaof", "127.0.0.1", "\(port)"] + arguments($0)
                })
        }
        self.servers = servers
        try eventually("the replicas are there") {
            let facts = try primary.command("INFO", "replication").text
            return facts.split(separator: "\r\n").count { $0.contains("state=online") } == replicas
        }
        var lines = [
            "sentinel monitor \(Self.name) 127.0.0.1 \(port) \(count / 2 + 1)",
            "sentinel down-after-milliseconds \(Self.name) 1000",
            "sentinel failover-timeout \(Self.name) 5000",
        ]
        if let password { lines.append("sentinel auth-pass \(Self.name) \(password)") }
        if let sentinelPassword { lines.append("sentinel sentinel-pass \(sentinelPassword)") }
        sentinels = try (0..<count).map { _ in try RedisProcess.sentinel(lines, arguments) }
        if let sentinelPassword {
            for sentinel in sentinels {
                try sentinel.command("ACL", "SETUSER", "default", "resetpass", ">\(sentinelPassword)")
            }
        }
        for sentinel in sentinels {
            try eventually("the sentinels know each other and the replicas") {
                let facts = try Self.facts(of: sentinel)
                return facts["num-other-sentinels"] == "\(count - 1)" && facts["num-slaves"] == "\(replicas)"
            }
        }
    }

    /// What a sentinel knows of the primary.
    private static func facts(of sentinel: RedisProcess) throws -> [String: String] {
        Self.facts(try sentinel.command("SENTINEL", "MASTER", name))
    }

    private static func facts(_ reply: RESPValue) -> [String: String] {
        guard case .array(let parts) = reply else { return [:] }
        var facts: [String: String] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) { facts[parts[index].text] = parts[index + 1].text }
        return facts
    }

    /// The server that is the primary now: all living sentinels say so, and so does it.
    public func primary() throws -> RedisProcess {
        var found: RedisProcess?
        try eventually("there is one primary that all agree upon", within: 40) {
            guard let server = try agreedPrimary(), Self.saysItIsPrimary(server) else { return false }
            found = server
            return true
        }
        guard let found else { throw Failure("there is no primary") }
        return found
    }

    /// Of which all living sentinels say that it is the primary.
    private func agreedPrimary() throws -> RedisProcess? {
        let ports = try sentinels.filter { $0.processID != 0 }.map { sentinel in
            guard case .array(let parts) = try sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.name),
                parts.count == 2
            else { return UInt16(0) }
            return UInt16(parts[1].text) ?? 0
        }
        guard Set(ports).count == 1 else { return nil }
        return servers.first { $0.port == ports[0] && $0.processID != 0 }
    }

    private static func saysItIsPrimary(_ server: RedisProcess) -> Bool {
        // Whose role was just changed has dropped its clients.
        guard (try? server.command("PING")) != nil || (try? server.reconnect()) != nil,
            case .array(let role)? = try? server.command("ROLE")
        else { return false }
        return role.first?.text == "master"
    }

    /// Asks a sentinel to make a replica the primary, and waits until it is. Returns the new primary.
    @discardableResult
    public func failOver() throws -> RedisProcess {
        let old = try primary()
        try eventually("a sentinel takes on the failover", within: 40) { beginFailover() }
        return try otherPrimary(than: old, asking: true)
    }

    /// Kills the primary as a crash would, and waits until there is another. Returns both.
    @discardableResult
    public func killPrimary() throws -> (old: RedisProcess, new: RedisProcess) {
        let old = try primary()
        old.kill()
        return (old, try otherPrimary(than: old))
    }

    /// Whether the first living sentinel takes on a failover. It refuses for as long as it has not seen how the replicas stand,
    /// and while it has one in hand; another one would begin a second beside it.
    public func beginFailover() -> Bool {
        guard let sentinel = sentinels.first(where: { $0.processID != 0 }) else { return false }
        return (try? sentinel.command("SENTINEL", "FAILOVER", Self.name)) != nil
    }

    /// Waits until another server is the primary.
    /// - Parameter asking: whether to ask for a failover again, as one that a sentinel took on and then gave up is not tried
    ///   anew while the primary lives.
    public func otherPrimary(than old: RedisProcess, asking: Bool = false) throws -> RedisProcess {
        var found = old
        // Long after it must have come to something: asked for a moment too late, there would be another failover.
        var askAt = ContinuousClock.now + .seconds(15)
        try eventually("another server is the primary", within: 60) {
            // The old one is not asked: it may be stopped, and would never answer.
            guard let server = try agreedPrimary() else { return false }
            if server !== old {
                found = server
                return Self.saysItIsPrimary(server)
            }
            if asking, ContinuousClock.now > askAt {
                _ = beginFailover()
                askAt = .now + .seconds(15)
            }
            return false
        }
        return found
    }

    /// Makes replicas of all servers but the primary, those that are down and those that were left as primaries, and waits until
    /// they have its data and the sentinels see one that they may choose.
    ///
    /// Sentinel does the same to former primaries after some ten seconds. Until then they may be chosen, without what was
    /// written since.
    public func restore() throws {
        do {
            try eventually("the primary has its replicas", within: 60) {
                let primary = try primary()
                for server in servers where server !== primary { try follow(primary, server) }
                let facts = try primary.command("INFO", "replication").text.split(separator: "\r\n")
                guard facts.count(where: { $0.contains("state=online") }) == servers.count - 1 else { return false }
                return try sentinels.filter { $0.processID != 0 }.allSatisfy(Self.knowsReplica)
            }
        } catch {
            throw Failure("\(error)\n\(account())")
        }
    }

    private func follow(_ primary: RedisProcess, _ server: RedisProcess) throws {
        try server.start()
        guard Self.saysItIsPrimary(server) else { return }
        try server.command("REPLICAOF", "127.0.0.1", "\(primary.port ?? 0)")
    }

    /// What the servers and the sentinels say of themselves and each other, for a failure.
    private func account() -> String {
        let servers = servers.map { server in
            let role = server.processID == 0 ? "down" : (try? server.command("ROLE").text) ?? "no answer"
            return "server \(server.port ?? 0): \(role)"
        }
        let sentinels = sentinels.flatMap { sentinel in
            ["MASTER", "REPLICAS"].map { question in
                "sentinel \(sentinel.port ?? 0): \((try? sentinel.command("SENTINEL", question, Self.name).text) ?? "no answer")"
            }
        }
        return (servers + sentinels).joined(separator: "\n")
    }

    private static func knowsReplica(_ sentinel: RedisProcess) throws -> Bool {
        guard case .array(let replicas) = try sentinel.command("SENTINEL", "REPLICAS", name) else { return false }
        return replicas.contains { replica in
            let facts = facts(replica)
            return facts["flags"] == "slave" && facts["master-link-status"] == "ok"
        }
    }
}
