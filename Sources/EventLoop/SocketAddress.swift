public import Glibc

/// An IPv4 address.
public struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    /// The address in the host's byte order: 127.0.0.1 is 0x7f000001.
    public let bits: UInt32

    public init(bits: UInt32) {
        self.bits = bits
    }

    public var description: String {
        "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
    }
}

/// An IPv6 address.
public struct IPv6Address: Hashable, Sendable, CustomStringConvertible {
    /// The first and the last eight bytes, in the host's byte order: ::1 is (0, 1).
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The IPv4 address inside `::ffff:a.b.c.d`, which is how a dual-stack socket names an IPv4 peer.
    public var mappedIPv4: IPv4Address? {
        high == 0 && low >> 32 == 0xffff ? IPv4Address(bits: UInt32(truncatingIfNeeded: low)) : nil
    }

    /// RFC 5952 text, as `inet_ntop` writes it.
    public var description: String {
        var address = (high.bigEndian, low.bigEndian)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            // Sound: 16 bytes are read from the pair, and the buffer has the length that the call is told.
            let text = inet_ntop(AF_INET6, &address, buffer.baseAddress!, socklen_t(buffer.count))
            return text.map { String(cString: $0) } ?? ""
        }
    }
}

/// The path of a Unix socket, short enough for the kernel.
public struct UnixSocketPath: Hashable, Sendable {
    /// The longest path: `sun_path` has 108 bytes, one of them for the zero at the end.
    public static let maxBytes = 107

    /// No zero inside, but perhaps one in front (the abstract namespace); empty for an unnamed socket.
    let bytes: [UInt8]
}

/// Where a stream socket is or connects to.
public enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    case ipv4(IPv4Address, port: UInt16)
    /// `scope` is the interface's index for link-local addresses, else 0.
    case ipv6(IPv6Address, port: UInt16, scope: UInt32)
    case local(UnixSocketPath)

    /// The address of the Unix socket at `path`. Fails with `EINVAL` when the path is empty or has a zero byte, with
    /// `ENAMETOOLONG` when it has more than 107 bytes.
    public static func unix(path: String) throws(SystemError) -> SocketAddress {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, !bytes.contains(0) else {
            throw SystemError(operation: "Unix socket path", code: EINVAL)
        }
        guard bytes.count <= UnixSocketPath.maxBytes else {
            throw SystemError(operation: "Unix socket path \(path)", code: ENAMETOOLONG)
        }
        return .local(UnixSocketPath(bytes: bytes))
    }

    /// The address of the Unix socket of this name in the abstract namespace (unix(7)), which has no file. Fails with
    /// `ENAMETOOLONG` when the name has more than 107 bytes.
    public static func abstract(name: String) throws(SystemError) -> SocketAddress {
        guard name.utf8.count < UnixSocketPath.maxBytes + 1 else {
            throw SystemError(operation: "abstract Unix socket \(name)", code: ENAMETOOLONG)
        }
        return .local(UnixSocketPath(bytes: [0] + name.utf8))
    }

    /// The address written as an IPv4 or IPv6 literal, without brackets or scope; `nil` for everything else.
    public init?(literal: String, port: UInt16) {
        var four = in_addr()
        var six = (UInt64(0), UInt64(0))
        if inet_pton(AF_INET, literal, &four) == 1 {
            self = .ipv4(IPv4Address(bits: UInt32(bigEndian: four.s_addr)), port: port)
        } else if inet_pton(AF_INET6, literal, &six) == 1 {
            let address = IPv6Address(high: UInt64(bigEndian: six.0), low: UInt64(bigEndian: six.1))
            self = .ipv6(address, port: port, scope: 0)
        } else {
            return nil
        }
    }

    /// The address that a system call filled in; `nil` for a family that is none of the three.
    public init?(_ storage: sockaddr_storage, length: socklen_t) {
        let length = min(Int(length), MemoryLayout<sockaddr_storage>.size)
        let address: SocketAddress? = withUnsafeBytes(of: storage) { raw in
            // Sound: sockaddr_storage is at least as large as each of the three, and any bytes are a valid value.
            switch Int32(storage.ss_family) {
            case AF_INET:
                let value = raw.loadUnaligned(as: sockaddr_in.self)
                let bits = UInt32(bigEndian: value.sin_addr.s_addr)
                return .ipv4(IPv4Address(bits: bits), port: UInt16(bigEndian: value.sin_port))
            case AF_INET6:
                let value = raw.loadUnaligned(as: sockaddr_in6.self)
                let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
                let high = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let low = raw.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                return .ipv6(
                    IPv6Address(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)),
                    port: UInt16(bigEndian: value.sin6_port), scope: value.sin6_scope_id)
            case AF_UNIX:
                let path = raw[min(MemoryLayout<sa_family_t>.size, length)..<length].prefix(UnixSocketPath.maxBytes + 1)
                // A path ends at its zero; an abstract name begins with one and ends with the length.
                let bytes = path.first == 0 ? Array(path) : Array(path.prefix { $0 != 0 })
                return .local(UnixSocketPath(bytes: bytes))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// Calls `body` with the address as the system calls want it. The pointer is valid during the call only.
    public func withSockAddr<Result, Failure: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var storage = sockaddr_storage()
        let length = fill(&storage)
        return try withUnsafePointer(to: &storage) { (pointer) throws(Failure) in
            // Sound: `sockaddr` is the common head of every socket address; the calls cast it back by its family.
            try body(UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), length)
        }
    }

    private func fill(_ storage: inout sockaddr_storage) -> socklen_t {
        withUnsafeMutableBytes(of: &storage) { raw in
            switch self {
            case .ipv4(let address, let port):
                var value = sockaddr_in()
                value.sin_family = sa_family_t(AF_INET)
                value.sin_port = port.bigEndian
                value.sin_addr.s_addr = address.bits.bigEndian
                raw.storeBytes(of: value, as: sockaddr_in.self)
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            case .ipv6(let address, let port, let scope):
                var value = sockaddr_in6()
                value.sin6_family = sa_family_t(AF_INET6)
                value.sin6_port = port.bigEndian
                value.sin6_scope_id = scope
                raw.storeBytes(of: value, as: sockaddr_in6.self)
                let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
                raw.storeBytes(of: address.high.bigEndian, toByteOffset: offset, as: UInt64.self)
                raw.storeBytes(of: address.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
                return socklen_t(MemoryLayout<sockaddr_in6>.size)
            case .local(let path):
                raw.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
                let offset = MemoryLayout<sa_family_t>.size
                raw[offset...].copyBytes(from: path.bytes)
                let abstract = path.bytes.first == 0
                return socklen_t(offset + path.bytes.count + (abstract || path.bytes.isEmpty ? 0 : 1))
            }
        }
    }

    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    public var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .local: AF_UNIX
        }
    }

    /// The port; `nil` for a Unix socket.
    public var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .local: nil
        }
    }

    /// The IPv4 address in place of the IPv6 one that stands for it (`::ffff:a.b.c.d`); all others as they are.
    public var unmapped: SocketAddress {
        guard case .ipv6(let address, let port, _) = self, let four = address.mappedIPv4 else { return self }
        return .ipv4(four, port: port)
    }

    /// `127.0.0.1:8080`, `[::1]:8080`, `[fe80::1%2]:8080`, `unix:/path`, `unix:@abstract`, `unix:(unnamed)`.
    public var description: String {
        switch self {
        case .ipv4(let address, let port): return "\(address):\(port)"
        case .ipv6(let address, let port, let scope):
            return scope == 0 ? "[\(address)]:\(port)" : "[\(address)%\(scope)]:\(port)"
        case .local(let path):
            if path.bytes.isEmpty { return "unix:(unnamed)" }
            if path.bytes[0] == 0 { return "unix:@" + String(decoding: path.bytes.dropFirst(), as: UTF8.self) }
            return "unix:" + String(decoding: path.bytes, as: UTF8.self)
        }
    }
}
