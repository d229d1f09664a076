/// A host and a port as people write them: `redis.internal:6379`, `10.0.0.1`, `[::1]:26379`.
public struct HostAndPort: Sendable, Equatable {
    /// Host name or IP address, never empty; an IPv6 address stands without brackets.
    public let host: String
    /// TCP port, 1 to 65535.
    public let port: UInt16

    /// Reads `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; nil for everything else.
    public init?(_ text: some StringProtocol, defaultPort: UInt16) {
        let name: Substring
        let rest: Substring
        let text = Substring(text)
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            name = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard name.contains(":") else { return nil }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            name = text[..<colon]
            rest = text[colon...]
        }
        guard isHost(String(name)) else { return nil }
        host = String(name)
        if rest.isEmpty {
            port = defaultPort
        } else {
            let digits = rest.dropFirst()
            guard rest.hasPrefix(":"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(digits), number > 0
            else { return nil }
            port = number
        }
    }
}
