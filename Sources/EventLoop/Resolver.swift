import Glibc

/// A name that could not be turned into addresses.
public struct ResolverError: Error, Equatable, Sendable, CustomStringConvertible {
    public let host: String
    /// For example `Name or service not known`.
    public let reason: String

    public init(host: String, reason: String) {
        self.host = host
        self.reason = reason
    }

    public var description: String {
        "The host name \"\(host)\" could not be looked up: \(reason)."
    }
}

/// The answer to a lookup.
public struct Resolution: Sendable {
    /// What was asked.
    public let host: String
    public let port: UInt16
    /// At least one address, in the order to try them (RFC 6724).
    public let result: Result<[SocketAddress], ResolverError>
}

/// Host names to addresses, without holding up a loop.
public enum Resolver {
    /// Looks a name up on a thread of its own (`getaddrinfo`, which may take as long as the name servers do and cannot
    /// be interrupted) and posts the answer to the mailbox. The answer for an IP literal is posted before the call
    /// returns, without a thread.
    public static func resolve(host: String, port: UInt16, to mailbox: Mailbox<Resolution>) {
        resolve(host: host, port: port) { mailbox.post($0) }
    }

    /// As above; `deliver` is called once, on any thread, and is best a `post` to a mailbox of the caller's own type.
    public static func resolve(
        host: String, port: UInt16, deliver: @escaping @Sendable (Resolution) -> Void
    ) {
        if let address = SocketAddress(literal: host, port: port) {
            deliver(Resolution(host: host, port: port, result: .success([address])))
            return
        }
        do {
            _ = try LoopThread.start(name: "resolver") {
                deliver(Resolution(host: host, port: port, result: lookUp(host: host, port: port)))
            }
        } catch {
            let reason = "no thread could be started for it: \(error)"
            deliver(Resolution(host: host, port: port, result: .failure(ResolverError(host: host, reason: reason))))
        }
    }

    /// Looks a name up here and now; blocks.
    static func lookUp(host: String, port: UInt16) -> Result<[SocketAddress], ResolverError> {
        if let address = SocketAddress(literal: host, port: port) { return .success([address]) }
        guard !host.isEmpty, !host.utf8.contains(0) else {
            return .failure(ResolverError(host: host, reason: "it is not a host name"))
        }
        var hints = addrinfo()
        hints.ai_socktype = SocketOptions.stream
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            let systemCode = errno
            let reason =
                code == EAI_SYSTEM
                ? SystemError(operation: "", code: systemCode).reason : String(cString: gai_strerror(code))
            return .failure(ResolverError(host: host, reason: reason))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = socketAddress(entry), !addresses.contains(address) else { continue }
            addresses.append(address)
        }
        if addresses.isEmpty { return .failure(ResolverError(host: host, reason: "it has no address")) }
        return .success(addresses)
    }

    private static func socketAddress(_ entry: addrinfo) -> SocketAddress? {
        var storage = sockaddr_storage()
        let length = Int(entry.ai_addrlen)
        guard let source = entry.ai_addr, length <= MemoryLayout<sockaddr_storage>.size else { return nil }
        // Sound: getaddrinfo gave `ai_addrlen` bytes at `ai_addr`, and they fit as just checked.
        withUnsafeMutableBytes(of: &storage) { raw in
            raw.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
        }
        return SocketAddress(storage, length: entry.ai_addrlen)
    }
}
