/// What a URL says of the way to Redis: `redis://[user[:password]@]host[:port][/db]`, the same with `rediss://` (TLS), or
/// `unix://[user[:password]@]/path[?db=number]`.
///
/// The forms are those of the schemes `redis` and `rediss` as registered with IANA, and of redis-py for Unix sockets. A
/// user, a password, a path and a host may hold percent escapes (RFC 3986, section 2.1).
struct RedisURL: Equatable {
    enum Place: Equatable {
        case network(HostAndPort, tls: Bool)
        case socket(String)
    }

    var place: Place
    /// nil: the URL names no user.
    var username: String?
    /// nil: the URL holds no password.
    var password: Secret?
    /// nil: the URL names no database.
    var database: Int?

    /// What is wrong with a URL: a verb phrase that repeats nothing of it, since any part of it may be the password.
    struct Malformed: Error, Equatable {
        let found: String
        init(_ found: String) { self.found = found }
    }

    init(_ secret: Secret) throws(Malformed) {
        guard let text = String(validating: secret.reveal(), as: UTF8.self) else { throw Malformed("is not UTF-8") }
        let url = trimmed(text)
        guard let separator = url.firstRange(of: "://") else { throw Malformed("has no scheme") }
        let scheme = url[..<separator.lowerBound].lowercased()
        var rest = url[separator.upperBound...]
        guard !rest.contains("#") else {
            throw Malformed("holds a \"#\" (in a password it is written %23)")
        }

        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        let authority = rest[..<(rest.firstIndex(of: "/") ?? rest.endIndex)]
        let path = rest[authority.endIndex...]
        // The last one, so that a password with an @ in it, which should have been escaped, does not end up as a host.
        let at = authority.lastIndex(of: "@")
        let host = at.map { authority[authority.index(after: $0)...] } ?? authority
        if let at { (username, password) = try Self.user(authority[..<at]) }
        database = try Self.database(inQuery: query)

        switch scheme {
        case "redis", "rediss":
            guard let place = HostAndPort(try Self.decoded(host, "host"), defaultPort: 6379) else {
                throw Malformed("has no host, or a port that is not a number from 1 to 65535")
            }
            self.place = .network(place, tls: scheme == "rediss")
            let number = path.dropFirst()
            if !number.isEmpty {
                guard database == nil else { throw Malformed("names the database twice") }
                database = try Self.database(number)
            }
        case "unix":
            guard host.isEmpty, path.count > 1 else {
                throw Malformed("has no absolute path after \"unix://\"")
            }
            place = .socket(try Self.decoded(path, "path"))
        default:
            throw Malformed("has another scheme")
        }
    }

    private static func user(_ part: Substring) throws(Malformed) -> (name: String?, password: Secret?) {
        guard let colon = part.firstIndex(of: ":") else { return (try decoded(part, "user"), nil) }
        let name = try decoded(part[..<colon], "user")
        let password = Secret(try decodedBytes(part[part.index(after: colon)...], "password"))
        return (name.isEmpty ? nil : name, password)
    }

    private static func database(inQuery query: Substring) throws(Malformed) -> Int? {
        var database: Int?
        for part in query.split(separator: "&") {
            guard part.hasPrefix("db=") else { throw Malformed("has a parameter other than \"db\"") }
            guard database == nil else { throw Malformed("names the database twice") }
            database = try Self.database(part.dropFirst(3))
        }
        return database
    }

    private static func database(_ text: Substring) throws(Malformed) -> Int {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int32(text) else {
            throw Malformed("names a database that is not a number from 0 to \(Int32.max)")
        }
        return Int(number)
    }

    private static func decoded(_ part: Substring, _ what: String) throws(Malformed) -> String {
        guard let text = String(validating: try decodedBytes(part, what), as: UTF8.self) else {
            throw Malformed("has a \(what) that is not UTF-8")
        }
        return text
    }

    private static func decodedBytes(_ part: Substring, _ what: String) throws(Malformed) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = part.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            // Both must be digits: `UInt8("+1", radix: 16)` is a number too.
            guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
                let value = UInt8(String(Substring(digits)), radix: 16)
            else {
                throw Malformed(
                    "has a \"%\" in its \(what) that no two hexadecimal digits follow (\"%\" itself is %25)")
            }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        return bytes
    }
}

extension Settings {
    /// Lets ``Redis/url`` fill the keys that its parts stand for.
    /// - Parameter yields: whether the key at this path gives way to the URL.
    /// - Returns: the keys that were filled.
    mutating func applyRedisURL(where yields: (String) -> Bool) throws(RedisURL.Malformed) -> [String] {
        guard !redis.url.isEmpty else { return [] }
        let url = try RedisURL(redis.url)
        var filled: [String] = []
        func fill<Value>(_ key: String, _ place: WritableKeyPath<Settings, Value>, _ value: Value) {
            guard yields(key) else { return }
            self[keyPath: place] = value
            filled.append(key)
        }
        switch url.place {
        case .network(let place, let tls):
            fill("redis.host", \.redis.host, place.host)
            fill("redis.port", \.redis.port, place.port)
            fill("redis.ssl", \.redis.ssl, tls)
            fill("redis.socketPath", \.redis.socketPath, nil)
        case .socket(let path):
            // Who names a host later does not mean the socket.
            if yields("redis.host"), yields("redis.port") { fill("redis.socketPath", \.redis.socketPath, path) }
            fill("redis.ssl", \.redis.ssl, false)
        }
        if let username = url.username {
            fill("redis.username", \.redis.username, username)
        } else if url.password != nil {
            fill("redis.username", \.redis.username, Redis().username)
        }
        if let password = url.password { fill("redis.password", \.redis.password, password) }
        if let database = url.database { fill("redis.db", \.redis.db, database) }
        return filled
    }
}
