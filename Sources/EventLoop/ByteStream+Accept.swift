import CLinux
import Glibc

/// A connected stream that becomes a TLS connection.
///
/// The rules are those of a client's (see ``ByteStream``), and one more: a write that is complete may still have a record on
/// its way. Then ``hasUnsentOutput`` is true, and when the stream is ready for ``writeInterest``, ``flushTaken()`` goes on.
extension ByteStream {
    /// What a peer has begun with.
    public enum FirstByte: Equatable, Sendable {
        case byte(UInt8)
        /// Nothing has come yet.
        case wouldBlock
        case endOfStream
        case failed(SystemError)
    }

    /// Every TLS connection begins with this byte: a record of the handshake (RFC 8446 section 5.1).
    public static let firstByteOfTLS: UInt8 = 0x16

    /// Looks at the first byte and leaves it where it is. For a stream that was not read from.
    public func peekFirstByte() -> FirstByte {
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &byte) { buffer in
            switch peek(into: buffer) {
            case .bytes: .byte(buffer[0])
            case .wouldBlock: .wouldBlock
            case .endOfStream: .endOfStream
            case .failed(let error): .failed(error)
            }
        }
    }

    /// Looks at what has come, at most the buffer's size, and leaves it where it is. For a plain stream.
    public func peek(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK))
            if count > 0 { return .bytes(count) }
            if count == 0 { return .endOfStream }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(SystemError(operation: "read", code: code))
        }
    }

    /// How many bytes must be there before the stream counts as readable (`SO_RCVLOWAT`; 1 at first): for who has peeked at too
    /// few and waits for more. The peer's end is told in any case.
    public func setLowWaterMark(_ count: Int) {
        _ = SocketOptions.set(descriptor, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: count))
    }

    /// Begins the server's side of a TLS handshake on a connected plain stream; `finishConnecting` goes on with it.
    ///
    /// - Parameter buffer: one for all streams of the thread.
    public func startTLS(_ context: TLSServerContext, buffer: TLSRecordBuffer) throws(SystemError) {
        tls = try TLSSession(accepting: context, descriptor: descriptor, buffer: buffer)
        phase = .handshaking(.read)
    }

    /// Begins the client's side of a TLS handshake on a connected plain stream; `finishConnecting` goes on with it.
    ///
    /// - Parameter serverName: whom the certificate must be for.
    public func startTLS(_ context: TLSClientContext, serverName: String) throws(SystemError) {
        tls = try TLSSession(context, descriptor: descriptor, serverName: serverName)
        phase = .handshaking(.write)
    }

    /// After a handshake that failed: what still comes can be read as it is, up to the peer's end, so that the alert that was
    /// sent is not lost in a reset.
    public func leaveTLS() {
        guard descriptor >= 0 else { return }
        tls = nil
        phase = .connected
    }

    /// Whether bytes are encrypted on their way.
    public var isSecure: Bool { tls != nil }

    /// Over TLS: whether the kernel encrypts what is written.
    public var isEncryptedByKernel: Bool { tls?.isKernelSending ?? false }

    /// Over TLS: whether the handshake went on from an earlier session.
    public var isResumed: Bool { tls?.isResumed ?? false }

    /// Whether something that a write has taken has not been given to the socket yet.
    public var hasUnsentOutput: Bool { (tls?.unsent ?? 0) > 0 }

    /// What a stream that does not take a write is to be watched for.
    public var writeInterest: Interest { tls?.writeInterest ?? .write }

    /// Gives the socket what writes have taken: `.wrote(0)` when that is done, or there was nothing.
    public func flushTaken() -> WriteOutcome { tls?.flushTaken() ?? .wrote(0) }
}
