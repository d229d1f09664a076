/// Which pages may open a connection: the defence against cross-site WebSocket hijacking (RFC 6455 section 10.2).
///
/// A browser sends the user's cookie along with any page's handshake, but always with that page's `Origin`. A client that
/// sends none is not a browser, and its token alone decides.
struct OriginPolicy: Sendable {
    private enum Rule: Equatable {
        case any
        /// Scheme, host and port as in an `Origin` header, in lower case.
        case exact(String)
        /// `https://*.example.com`: any host below it, not itself. Scheme may be empty (any).
        case subdomains(scheme: String, suffix: String)
    }

    private let rules: [Rule]

    /// - Parameter allowed: `allowedOrigins`; empty: only pages from the gateway's own host name.
    init(allowed: [String]) {
        rules = allowed.map { entry in
            let entry = Self.withoutDefaultPort(entry.lowercased())
            if entry == "*" { return .any }
            let parts = Self.split(entry)
            if parts.rest.hasPrefix("*.") {
                return .subdomains(scheme: parts.scheme, suffix: String(parts.rest.dropFirst()))
            }
            return .exact(entry)
        }
    }

    /// - Parameters:
    ///   - origins: the values of all `Origin` headers.
    ///   - host: the value of the `Host` header.
    func allows(origins: [String], host: String) -> Bool {
        guard let first = origins.first else { return true }
        guard origins.count == 1 else { return false }
        let origin = first.lowercased()
        guard !rules.isEmpty else {
            // Ports are ignored: page and gateway of a usual deployment share the host, not the port, and so the cookie.
            guard origin != "null" else { return false }
            let parts = Self.split(origin)
            guard !parts.scheme.isEmpty, let name = Self.hostName(parts.rest) else { return false }
            return name == Self.hostName(host.lowercased())
        }
        return rules.contains { rule in
            switch rule {
            case .any:
                return origin != "null"
            case .exact(let allowed):
                return allowed == Self.withoutDefaultPort(origin)
            case .subdomains(let scheme, let suffix):
                let parts = Self.split(Self.withoutDefaultPort(origin))
                return (scheme.isEmpty || scheme == parts.scheme) && parts.rest.hasSuffix(suffix)
                    && parts.rest.count > suffix.count
            }
        }
    }

    private static func split(_ origin: String) -> (scheme: String, rest: String) {
        var marker = origin.startIndex
        while marker < origin.endIndex {
            if origin[marker...].hasPrefix("://") {
                let rest = origin.index(marker, offsetBy: 3)
                return (String(origin[..<marker]), String(origin[rest...]))
            }
            marker = origin.index(after: marker)
        }
        return ("", origin)
    }

    private static func withoutDefaultPort(_ origin: String) -> String {
        let parts = split(origin)
        if parts.scheme == "https", parts.rest.hasSuffix(":443") { return String(origin.dropLast(4)) }
        if parts.scheme == "http", parts.rest.hasSuffix(":80") { return String(origin.dropLast(3)) }
        return origin
    }

    /// The host of `host[:port]` or `[v6][:port]`; nil for anything else.
    private static func hostName(_ authority: String) -> Substring? {
        var end = authority.startIndex
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]") else { return nil }
            end = bracket
        }
        let colon = authority[end...].firstIndex(of: ":") ?? authority.endIndex
        let port = authority[colon...].dropFirst()
        guard port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return authority[..<colon]
    }
}
