/// Where a gateway listens, and what is spoken there: `ws://host[:port][/path][?query]` or `wss://` (RFC 6455, section 3)
/// for a WebSocket, `http://` or `https://` for an event stream.
struct GatewayURL: Equatable {
    enum Transport: Equatable {
        case webSocket
        case eventStream

        fileprivate var plainScheme: String {
            switch self {
            case .webSocket: "ws"
            case .eventStream: "http"
            }
        }

        fileprivate var secureScheme: String { plainScheme + "s" }

        /// Where it is when the address names no path.
        fileprivate var defaultPath: String {
            switch self {
            case .webSocket: "/"
            case .eventStream: "/events"
            }
        }

        fileprivate var example: String {
            switch self {
            case .webSocket: "wss://push.example or ws://127.0.0.1:8080"
            case .eventStream: "https://push.example or http://127.0.0.1:8080"
            }
        }
    }

    let transport: Transport
    let isSecure: Bool
    /// A name or an address, an IPv6 one without its brackets.
    let host: String
    let port: UInt16
    /// Path and query, beginning with a slash.
    let target: String

    init(
        _ transport: Transport = .webSocket, isSecure: Bool = false, host: String, port: UInt16, target: String? = nil
    ) {
        self.transport = transport
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.target = target ?? transport.defaultPath
    }

    /// - Parameters:
    ///   - option: what the user wrote it behind.
    ///   - defaultPath: where it is when the address names no path; nil: the transport's own.
    /// - Throws: a sentence that says what is wrong.
    init(
        _ text: String, _ transport: Transport = .webSocket, option: String = "--url", defaultPath: String? = nil
    ) throws(CommandFailure) {
        self.transport = transport
        let defaultPath = defaultPath ?? transport.defaultPath
        func wrong(_ what: String) -> CommandFailure {
            let example = transport.example + defaultPath
            return CommandFailure(
                "\(option) is \"\(text)\", \(what); an address such as \(example) was expected."
            )
        }
        let scheme = text.prefix { $0 != ":" }.lowercased()
        isSecure = scheme == transport.secureScheme
        guard isSecure || scheme == transport.plainScheme, text.dropFirst(scheme.count).hasPrefix("://") else {
            throw wrong("which does not begin with \(transport.plainScheme):// or \(transport.secureScheme)://")
        }
        let rest = text.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw wrong("which has a user in it") }
        guard !tail.contains("#") else { throw wrong("which has a fragment") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw wrong("which has spaces or other characters that must be percent-encoded")
        }

        let portText: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else {
                throw wrong("which has a bracket without its other half")
            }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            portText = authority[authority.index(after: end)...]
        } else {
            host = String(authority.prefix { $0 != ":" })
            portText = authority.dropFirst(host.count)
        }
        guard !host.isEmpty else { throw wrong("which has no host") }
        if portText.isEmpty {
            port = isSecure ? 443 : 80
        } else {
            guard portText.hasPrefix(":"), let number = UInt16(portText.dropFirst()), number > 0 else {
                throw wrong("whose port is not one")
            }
            port = number
        }
        target = tail.hasPrefix("/") ? String(tail) : defaultPath + tail
    }

    /// For the `Host` field: without the port that the scheme implies.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The target of a request that resumes after an event.
    func target(lastID: String?) -> String {
        guard let lastID else { return target }
        return target + (target.contains("?") ? "&" : "?") + "last_id=" + lastID
    }

    var text: String {
        (isSecure ? transport.secureScheme : transport.plainScheme) + "://" + authority + target
    }
}
