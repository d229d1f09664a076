import Glibc

extension ByteStream {
    /// Starts to connect. Then call `finishConnecting`, at once and on each readiness for `interestNeeded`.
    ///
    /// A failure that is known at once is thrown (a Unix socket that is not there, or whose backlog is full:
    /// `EAGAIN`); others come from `finishConnecting`.
    ///
    /// - Parameter source: this end's address, of the same family; port 0 leaves the port to the kernel. An address has
    ///   about 28,000 ports towards one server, so whoever opens more connections than that gives several. nil: the
    ///   kernel chooses.
    public static func connect(
        to address: SocketAddress, from source: SocketAddress? = nil
    ) throws(SystemError) -> ByteStream {
        let attempt = try Attempt(address, from: source)
        return ByteStream(connecting: attempt.descriptor, to: address, phase: attempt.phase, tls: nil)
    }

    /// Starts to connect as a TLS client; the handshake is part of `finishConnecting`.
    ///
    /// - Parameters:
    ///   - source: as without TLS.
    ///   - serverName: the host name (or IP literal) that was asked for: for SNI, and the one that the certificate must have.
    public static func connect(
        to address: SocketAddress, from source: SocketAddress? = nil, tls context: TLSClientContext, serverName: String
    ) throws(SystemError) -> ByteStream {
        let attempt = try Attempt(address, from: source)
        let tls = try TLSSession(context, descriptor: attempt.descriptor.rawValue, serverName: serverName)
        let phase: Phase =
            switch attempt.phase {
            case .connected: .handshaking(.write)
            case .connecting, .handshaking, .failed, .closed: attempt.phase
            }
        return ByteStream(connecting: attempt.descriptor, to: address, phase: phase, tls: tls)
    }

    private struct Attempt: ~Copyable {
        var descriptor: Descriptor
        var phase: Phase

        init(_ address: SocketAddress, from source: SocketAddress? = nil) throws(SystemError) {
            let number = Glibc.socket(address.family, SocketOptions.newStream, 0)
            guard number >= 0 else { throw .last("socket") }
            let socket = Descriptor(owning: number)
            if address.family != AF_UNIX { SocketOptions.disableNagle(number) }
            if let source {
                // Chosen together with the other end: bound alone, a port would be taken for all of them.
                _ = SocketOptions.set(number, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT)
                let bound = source.withSockAddr { pointer, length in
                    Glibc.bind(number, pointer, length) == 0 ? 0 : errno
                }
                guard bound == 0 else { throw SystemError(operation: "bind", code: bound) }
            }
            let code = address.withSockAddr { pointer, length in
                Glibc.connect(number, pointer, length) == 0 ? 0 : errno
            }
            // An interrupted connect goes on by itself, like one that was started without blocking.
            guard code == 0 || code == EINPROGRESS || code == EINTR else {
                throw SystemError(operation: "connect", code: code)
            }
            phase = code == 0 ? .connected : .connecting
            descriptor = socket
        }
    }

    /// Finds out how far connecting has come, and goes on with it. Once it has said `.connected` or `.failed` it says
    /// so again.
    public func finishConnecting() -> ConnectProgress {
        switch phase {
        case .connecting:
            switch checkConnected() {
            case .some(0):
                guard tls != nil else {
                    phase = .connected
                    return .connected
                }
                phase = .handshaking(.write)
                return handshake()
            case .some(let code):
                return fail("Connecting to \(targetName) failed: \(SystemError(operation: "", code: code).reason).")
            case .none:
                return .inProgress(interest: .write)
            }
        case .handshaking: return handshake()
        case .connected: return .connected
        case .failed: return .failed(particulars?.failure ?? "")
        case .closed: return .failed("The connection to \(targetName) was closed.")
        }
    }

    /// 0 when connected, the error's number when that failed, `nil` when it is not decided.
    private func checkConnected() -> Int32? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
        if code != 0 { return code }
        // SO_ERROR is 0 also while the connection is still being made: only then there is no peer yet.
        return peerAddress == nil ? nil : 0
    }

    private func handshake() -> ConnectProgress {
        guard let tls else { return .connected }
        switch tls.handshake() {
        case .done:
            phase = .connected
            return .connected
        case .waiting(let interest):
            phase = .handshaking(interest)
            return .inProgress(interest: interest)
        case .failed(let reason):
            return fail("The TLS handshake with \(targetName) failed: \(reason).")
        }
    }

    private func fail(_ sentence: String) -> ConnectProgress {
        phase = .failed
        particulars?.failure = sentence
        return .failed(sentence)
    }

    private var targetName: String { particulars?.target.map { $0.description } ?? "the peer" }
}
