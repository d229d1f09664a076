public import Glibc

/// One non-blocking stream socket, connected or connecting: TCP or Unix, plain or over TLS, as a client or as a server.
///
/// Owns its descriptor: `close()`, or the last release, closes it (deregister it from its loop first). Confined to one
/// thread.
///
/// Using one over TLS is the same, with one rule more: watch `interest.union(stream.interestNeeded)`, and on any
/// readiness read until `.wouldBlock` before writing. (A TLS read may have to wait until the socket is writable, and
/// the last record written may still have to be sent; reading and writing both see to that.)
public final class ByteStream {
    /// How far connecting has come.
    public enum ConnectProgress: Equatable, Sendable {
        /// Call `finishConnecting` again when the descriptor is ready for this.
        case inProgress(interest: Interest)
        case connected
        /// A sentence that says with whom and why.
        case failed(String)
    }

    enum Phase {
        case connecting
        case handshaking(Interest)
        case connected
        /// ``Particulars/failure`` says why.
        case failed
        case closed
    }

    /// What only some streams have. One of ten thousand accepted plain ones costs no more than the reference to none.
    final class Particulars {
        var tls: TLSSession?
        /// Where it connects to, for sentences.
        let target: SocketAddress?
        /// Why connecting failed: a sentence.
        var failure = ""

        init(tls: TLSSession?, target: SocketAddress?) {
            self.tls = tls
            self.target = target
        }
    }

    /// The most slices that one call of the kernel takes (`IOV_MAX`, `UIO_MAXIOV`).
    public static let maxSlices = 1024

    /// The descriptor, to register it with a loop; -1 after `close()`.
    public private(set) var descriptor: Int32
    var phase: Phase
    var particulars: Particulars?

    var tls: TLSSession? {
        get { particulars?.tls }
        set {
            if let particulars {
                particulars.tls = newValue
            } else if let newValue {
                particulars = Particulars(tls: newValue, target: nil)
            }
        }
    }

    /// Takes over a plain socket that is connected. It must be non-blocking.
    public init(owning descriptor: consuming Descriptor) {
        self.descriptor = descriptor.release()
        phase = .connected
        particulars = nil
    }

    init(connecting descriptor: consuming Descriptor, to target: SocketAddress, phase: Phase, tls: TLSSession?) {
        self.descriptor = descriptor.release()
        self.phase = phase
        particulars = Particulars(tls: tls, target: target)
    }

    deinit {
        close()
    }

    /// Two connected Unix sockets.
    public static func pair() throws(SystemError) -> (ByteStream, ByteStream) {
        var numbers: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &numbers) { raw in
            socketpair(
                AF_UNIX, SocketOptions.newStream, 0,
                raw.assumingMemoryBound(to: Int32.self).baseAddress)
        }
        guard result == 0 else { throw .last("socketpair") }
        return (
            ByteStream(owning: Descriptor(owning: numbers.0)), ByteStream(owning: Descriptor(owning: numbers.1))
        )
    }

    /// The address of the other end, an IPv4 one as such even on a dual-stack socket; `nil` when there is none (not
    /// connected, or gone).
    public var peerAddress: SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            getpeername(
                descriptor, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &length)
        }
        return result == 0 ? SocketAddress(storage, length: length)?.unmapped : nil
    }

    /// Sets how long, in milliseconds (1 up to `Int32.max`; more counts as that), written bytes may stay unacknowledged, or
    /// a window closed, before the kernel gives the connection up with `ETIMEDOUT` (RFC 5482; `TCP_USER_TIMEOUT`). Finds
    /// peers that are gone or do not read where the protocol asks for no answer. Without effect on a Unix socket; failing
    /// leaves the system's own time, about a quarter of an hour.
    public func setUserTimeout(milliseconds: Int) {
        let value = Int32(clamping: max(milliseconds, 1))
        _ = SocketOptions.set(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, value)
    }

    // MARK: Reading and writing

    /// What the stream has to wait for by itself: to be added to the interest that its user has. Empty for a connected
    /// plain socket.
    public var interestNeeded: Interest {
        switch phase {
        case .connecting: .write
        case .handshaking(let interest): interest
        case .connected: tls?.interestNeeded ?? []
        case .failed, .closed: []
        }
    }

    /// A read would give something, bytes or the end, that readiness will not announce (TLS decrypts a whole record at
    /// once). Never true after `.wouldBlock`; whoever reads until then need not ask.
    public var hasBufferedInput: Bool { tls?.hasBufferedInput ?? false }

    /// Reads what is there, at most the buffer's size.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard case .connected = phase else { return unusable("read").map { .failed($0) } ?? .wouldBlock }
        guard buffer.count > 0 else { return .bytes(0) }
        if let tls { return tls.read(into: buffer) }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .endOfStream }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(SystemError(operation: "read", code: code))
        }
    }

    /// Writes what the socket takes.
    public func write(_ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
        if case .connected = phase, tls == nil { return writePlain(bytes.baseAddress, bytes.count) }
        var slice = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        // Sound: the pointer is used during the call only, and what it points to is only read.
        return withUnsafePointer(to: &slice) { write(gathering: UnsafeBufferPointer(start: $0, count: 1)) }
    }

    /// One slice takes the shorter way through the kernel, without a list to copy and check.
    private func writePlain(_ start: UnsafeRawPointer?, _ length: Int) -> WriteOutcome {
        while true {
            let count = send(descriptor, start, length, SocketOptions.noSignal)
            if count >= 0 { return .wrote(count) }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(SystemError(operation: "write", code: code))
        }
    }

    /// Writes the slices one after the other, what the socket takes, in one call of the kernel. Of more than
    /// `maxSlices` the first are written: a short write like any other.
    public func write(gathering slices: UnsafeBufferPointer<iovec>) -> WriteOutcome {
        guard case .connected = phase else { return unusable("write").map { .failed($0) } ?? .wouldBlock }
        if let tls {
            guard tls.isKernelSending else { return tls.write(slices) }
            if let refusal = tls.refusalOfPlainWrite() { return .failed(refusal) }
        }
        if slices.count == 1 { return writePlain(slices[0].iov_base, slices[0].iov_len) }
        var message = msghdr()
        // Sound: sendmsg only reads the list and what it points to.
        message.msg_iov = UnsafeMutablePointer(mutating: slices.baseAddress)
        message.msg_iovlen = min(slices.count, Self.maxSlices)
        while true {
            let count = sendmsg(descriptor, &message, SocketOptions.noSignal)
            if count >= 0 { return .wrote(count) }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(SystemError(operation: "write", code: code))
        }
    }

    /// Why there is no reading and writing; `nil` while it is only too early for it.
    private func unusable(_ operation: String) -> SystemError? {
        switch phase {
        case .connected, .connecting, .handshaking: nil
        case .failed: SystemError(operation: operation, code: ENOTCONN)
        case .closed: SystemError(operation: operation, code: EBADF)
        }
    }

    // MARK: Ending

    /// Tells the peer that nothing more comes (over TLS with a `close_notify` first). Reading goes on. What a TLS
    /// stream has not sent yet (`interestNeeded` has `.write`) is lost: call it when that is empty.
    public func shutdownWrite() {
        guard descriptor >= 0 else { return }
        tls?.shutdownWrite()
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes the descriptor. Nothing happens the second time.
    public func close() {
        guard descriptor >= 0 else { return }
        particulars?.tls = nil
        Descriptor(owning: descriptor).close()
        descriptor = -1
        phase = .closed
    }
}
