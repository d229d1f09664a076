import CLinux
import Glibc

/// Why a listener could not be opened.
public enum ListenError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host is no address and no name that the resolver knows.
    case unknownHost(String, reason: String)
    /// Another socket listens there.
    case portTaken(SocketAddress)
    /// Any other failure; `address` is what was tried last.
    case failed(SocketAddress, SystemError)

    /// A sentence that names the address and the reason.
    public var description: String {
        switch self {
        case .unknownHost(let host, let reason):
            "Cannot listen on host \"\(host)\": \(reason)."
        case .portTaken(let address):
            "Cannot listen on \(address): the port is taken by another process (or another listener of this one)."
        case .failed(let address, let error):
            error.code == EACCES
                ? "Cannot listen on \(address): ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)."
                : "Cannot listen on \(address): \(error)."
        }
    }
}

/// What became of an accept.
public enum AcceptOutcome {
    /// A connected stream (non-blocking, close-on-exec, TCP_NODELAY), and where it comes from.
    case accepted(ByteStream, SocketAddress)
    /// Nobody waits any more.
    case wouldBlock
    /// The process, the system or its memory has no room for another descriptor. The connection stays in the queue
    /// and the listener stays readable: take its interest away for a while (a second, say) instead of trying on.
    case outOfDescriptors
    /// The listener is broken.
    case failed(SystemError)
}

/// A listening TCP socket; owns its descriptor. Confined to one thread at a time.
public final class Listener {
    /// What it is bound to, the port that was chosen included.
    public let localAddress: SocketAddress
    private let socket: Descriptor

    /// The descriptor, to register it with a loop for `.read`.
    public var descriptor: Int32 { socket.rawValue }

    /// The port it is bound to.
    public var localPort: UInt16 { localAddress.port ?? 0 }

    private init(_ socket: consuming Descriptor, _ address: SocketAddress) {
        self.socket = socket
        localAddress = address
    }

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - host: an address; or a name, which is looked up there and then (this may block: at start only) and whose
    ///     first address that can be bound counts; or empty for all addresses, IPv6 and IPv4 on one socket, where there
    ///     is no IPv6 all of IPv4.
    ///   - port: 0 for one that the system chooses, see `localPort`.
    ///   - reusePort: share the port with other listeners opened likewise (`SO_REUSEPORT`); the system spreads the
    ///     connections. It is blind to another process of the same user that shares it too: open the first one with
    ///     `openGroup`, or without this, to find out that a port is taken.
    ///   - backlog: connections that may wait to be accepted, at most the system's `somaxconn`.
    public static func open(
        host: String, port: UInt16, reusePort: Bool, backlog: Int32
    ) throws(ListenError) -> Listener {
        let first: Sharing = reusePort ? .shared : .alone
        return try open(candidates: candidates(host: host, port: port), sharing: first, backlog: backlog)
    }

    /// Opens `count` listeners on one port, one for each loop; the port (also one chosen by the system) is theirs
    /// alone: if any other socket is bound to it, even one that shares, this fails with `.portTaken`.
    public static func openGroup(
        host: String, port: UInt16, count: Int, backlog: Int32
    ) throws(ListenError) -> [Listener] {
        precondition(count >= 1)
        let first = try open(
            candidates: candidates(host: host, port: port), sharing: .sharedOnceBound, backlog: backlog)
        var group = [first]
        while group.count < count {
            group.append(try open(candidates: [first.localAddress], sharing: .shared, backlog: backlog))
        }
        return group
    }

    enum Sharing {
        case alone, shared
        /// Bound without SO_REUSEPORT, so that a port in use is refused; then with it, so that others can join.
        case sharedOnceBound
    }

    private static func candidates(host: String, port: UInt16) throws(ListenError) -> [SocketAddress] {
        if host.isEmpty {
            return [
                .ipv6(IPv6Address(high: 0, low: 0), port: port, scope: 0), .ipv4(IPv4Address(bits: 0), port: port),
            ]
        }
        switch Resolver.lookUp(host: host, port: port) {
        case .success(let addresses): return addresses
        case .failure(let error): throw .unknownHost(host, reason: error.reason)
        }
    }

    /// The first of the candidates that can be bound. A port that is taken ends the search: listening on what is left
    /// would serve a part of the clients only, and the other process the rest.
    static func open(
        candidates: [SocketAddress], sharing: Sharing, backlog: Int32
    ) throws(ListenError) -> Listener {
        var last = ListenError.unknownHost("", reason: "it has no address")
        for address in candidates {
            do {
                return try open(address, sharing, backlog)
            } catch {
                guard error.code != EADDRINUSE else { throw .portTaken(address) }
                last = .failed(address, error)
            }
        }
        throw last
    }

    private static func open(
        _ address: SocketAddress, _ sharing: Sharing, _ backlog: Int32
    ) throws(SystemError) -> Listener {
        let number = Glibc.socket(address.family, SocketOptions.newStream, 0)
        guard number >= 0 else { throw .last("socket") }
        let socket = Descriptor(owning: number)
        // A restart must not wait for the old connections' TIME_WAIT; a port that is listened on stays refused.
        guard SocketOptions.set(number, SOL_SOCKET, SO_REUSEADDR) else { throw .last("setsockopt(SO_REUSEADDR)") }
        if address.family == AF_INET6 {
            guard SocketOptions.set(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) else {
                throw .last("setsockopt(IPV6_V6ONLY)")
            }
        }
        if sharing == .shared { try sharePort(number) }
        let bound = address.withSockAddr { pointer, length in bind(number, pointer, length) == 0 ? 0 : errno }
        guard bound == 0 else { throw SystemError(operation: "bind", code: bound) }
        if sharing == .sharedOnceBound { try sharePort(number) }
        // Accepted sockets inherit it, which saves a system call for each.
        SocketOptions.disableNagle(number)
        guard listen(number, backlog) == 0 else { throw .last("listen") }
        return Listener(socket, try boundAddress(number))
    }

    private static func sharePort(_ number: Int32) throws(SystemError) {
        guard SocketOptions.set(number, SOL_SOCKET, SO_REUSEPORT) else { throw .last("setsockopt(SO_REUSEPORT)") }
    }

    private static func boundAddress(_ number: Int32) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            getsockname(number, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard result == 0 else { throw .last("getsockname") }
        guard let address = SocketAddress(storage, length: length) else {
            throw SystemError(operation: "getsockname", code: EAFNOSUPPORT)
        }
        return address
    }

    /// Takes the next connection. Those that were given up before they were accepted are skipped.
    public func accept() -> AcceptOutcome {
        // A limit only so that a system that refuses every connection cannot hold the loop up.
        for _ in 0..<64 {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let number = withUnsafeMutablePointer(to: &storage) { pointer in
                accept4(
                    socket.rawValue, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &length,
                    SocketOptions.acceptFlags)
            }
            if number >= 0 {
                let stream = ByteStream(owning: Descriptor(owning: number))
                guard let address = SocketAddress(storage, length: length) else { continue }
                return .accepted(stream, address.unmapped)
            }
            let code = errno
            switch code {
            case EAGAIN: return .wouldBlock
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .outOfDescriptors
            // accept(2): on Linux, errors that a new connection has already had are reported here and count as
            // EAGAIN; EPERM is a firewall's word.
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
                ENETUNREACH, EPERM, ETIMEDOUT:
                continue
            default: return .failed(SystemError(operation: "accept", code: code))
            }
        }
        return .wouldBlock
    }
}
