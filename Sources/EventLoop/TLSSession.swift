import CLinux
import COpenSSL
import Glibc

/// The TLS half of a `ByteStream`: an OpenSSL session over the stream's socket, which it does not own, a client's or a
/// server's.
///
/// Confined to the stream's thread. Each failure is kept: OpenSSL must not be called again after one.
final class TLSSession {
    enum HandshakeProgress: Equatable {
        case waiting(Interest)
        case done
        /// The reason, as a part of a sentence.
        case failed(String)
    }

    private enum Step {
        case done(Int)
        case wait(Interest)
        case end
        case failed(SystemError)
    }

    private enum Role {
        /// The name, without a final dot, is that of whom it wants to speak to. The context is held because OpenSSL calls it
        /// when it is given a session.
        case client(TLSClientContext, serverName: String)
        /// Held because OpenSSL calls it during the handshake.
        case server(TLSServerContext)
    }

    /// `RELEASE_BUFFERS`: a session that is at rest has no buffers. The other two: see `flush()`.
    static let modes = Int(
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

    private let ssl: OpaquePointer
    private let bio: TLSSocketBIO
    private let role: Role
    /// Where slices are put together for a record; nothing stays in it from one call to the next.
    private let buffer: TLSRecordBuffer
    /// Bytes that OpenSSL has taken, and encrypted, but the socket not yet: one record.
    private(set) var unsent = 0
    private var readNeeds: Interest = []
    private var writeNeeds: Interest = []
    private var failure: SystemError?
    private var ended = false
    /// The end, or the failure, was met behind bytes that were returned first: no readiness will announce it.
    private var endUntold = false

    init(_ context: TLSClientContext, descriptor: Int32, serverName: String) throws(SystemError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.context) else { throw SystemError(operation: "SSL_new", code: ENOMEM) }
        bio = TLSSocketBIO(descriptor: descriptor)
        guard let socketBIO = bio.makeBIO() else {
            SSL_free(ssl)
            bio.free()
            throw SystemError(operation: "BIO_new", code: ENOMEM)
        }
        self.ssl = ssl
        buffer = TLSRecordBuffer()
        // A final dot makes a name absolute for the resolver; certificates and SNI have none (RFC 6066 section 3).
        let name = serverName.hasSuffix(".") ? String(serverName.dropLast()) : serverName
        role = .client(context, serverName: name)
        SSL_set_bio(ssl, socketBIO, socketBIO)
        SSL_set_connect_state(ssl)
        guard setName(name, verify: context.verifyHostname) else {
            let reason = takeOpenSSLReason() ?? "it is not a host name"
            throw SystemError(operation: "TLS server name \(serverName) (\(reason))", code: EINVAL)
        }
        context.offerSession(to: ssl)
    }

    /// The server's side of a connection.
    /// - Parameter buffer: one for all sessions of a thread.
    init(accepting context: TLSServerContext, descriptor: Int32, buffer: TLSRecordBuffer) throws(SystemError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.context) else { throw SystemError(operation: "SSL_new", code: ENOMEM) }
        bio = TLSSocketBIO(descriptor: descriptor)
        guard let socketBIO = bio.makeBIO() else {
            SSL_free(ssl)
            bio.free()
            throw SystemError(operation: "BIO_new", code: ENOMEM)
        }
        self.ssl = ssl
        self.buffer = buffer
        role = .server(context)
        SSL_set_bio(ssl, socketBIO, socketBIO)
        SSL_set_accept_state(ssl)
    }

    deinit {
        // OpenSSL would forbid to resume the session of a connection that ended without close_notify; TLS 1.1 gave that up (RFC
        // 4346 section 7.2.1), since it is how networks end connections.
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN)
        SSL_free(ssl)
        bio.free()
    }

    private func setName(_ serverName: String, verify: Bool) -> Bool {
        guard !serverName.isEmpty, !serverName.utf8.contains(0) else { return false }
        if SocketAddress(literal: serverName, port: 0) != nil {
            // RFC 6066 section 3: no literal addresses in SNI.
            return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), serverName) == 1
        }
        guard sluice_SSL_set_tlsext_host_name(ssl, serverName) == 1 else { return false }
        guard verify else { return true }
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return SSL_set1_host(ssl, serverName) == 1
    }

    /// What must be watched beside what the user waits for.
    var interestNeeded: Interest { readNeeds.union(writeNeeds) }

    /// What a write that was not possible waits for: nearly always to write.
    var writeInterest: Interest { writeNeeds.isEmpty ? .write : writeNeeds }

    /// Whether the handshake went on from an earlier session.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// What is spoken, such as `TLSv1.3`.
    var version: String { String(cString: SSL_get_version(ssl)) }

    /// A read would give something, of which the socket will not tell.
    var hasBufferedInput: Bool { endUntold || (failure == nil && SSL_pending(ssl) > 0) }

    /// The kernel encrypts: what is to be sent is written to the socket itself, after ``refusalOfPlainWrite()``.
    var isKernelSending: Bool { bio.state.pointee.kernelSends }

    // MARK: Handshake

    func handshake() -> HandshakeProgress {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .done }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .waiting(.read)
        case SSL_ERROR_WANT_WRITE: return .waiting(.write)
        default: return .failed(handshakeFailure())
        }
    }

    private func handshakeFailure() -> String {
        let verdict = SSL_get_verify_result(ssl)
        let code = ERR_peek_last_error()
        let reason = takeOpenSSLReason()
        guard case .client(_, let serverName) = role else {
            if let reason { return reason }
            if bio.state.pointee.error != 0 { return SystemError(operation: "", code: bio.state.pointee.error).reason }
            return bio.state.pointee.ended ? "the client closed the connection" : "OpenSSL gave no reason"
        }
        if verdict == Int(X509_V_ERR_HOSTNAME_MISMATCH) || verdict == Int(X509_V_ERR_IP_ADDRESS_MISMATCH) {
            return "the server's certificate is not for \(serverName) (\(verdictText(verdict)))"
        }
        if verdict != Int(X509_V_OK) {
            return "the server's certificate was not accepted: \(verdictText(verdict))"
        }
        if bio.state.pointee.ended { return "the server closed the connection" }
        if bio.state.pointee.error != 0 {
            return SystemError(operation: "", code: bio.state.pointee.error).reason
        }
        guard let reason else { return "OpenSSL gave no reason" }
        if ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER {
            return "\(reason) (does the server speak TLS on this port?)"
        }
        return reason
    }

    private func verdictText(_ verdict: Int) -> String {
        String(cString: X509_verify_cert_error_string(verdict))
    }

    // MARK: Data

    /// Fills the buffer as far as there is something to read.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        // A write that waited may be possible now, and the caller may have nothing to write that would repeat it.
        if unsent > 0 { _ = flush() }
        var total = 0
        while total < buffer.count {
            switch readStep(UnsafeMutableRawBufferPointer(rebasing: buffer[total...])) {
            case .done(let count):
                total += count
                continue
            case .wait(let interest):
                readNeeds = interest.subtracting(.read)
                return total > 0 ? .bytes(total) : .wouldBlock
            case .end:
                endUntold = total > 0
                return total > 0 ? .bytes(total) : .endOfStream
            case .failed(let error):
                endUntold = total > 0
                return total > 0 ? .bytes(total) : .failed(error)
            }
        }
        return .bytes(total)
    }

    private func readStep(_ buffer: UnsafeMutableRawBufferPointer) -> Step {
        if let failure { return .failed(failure) }
        if ended { return .end }
        ERR_clear_error()
        var count = 0
        let result = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        readNeeds = []
        return result == 1 ? .done(count) : step(after: result, "TLS read")
    }

    /// Takes what it can, a record at a time. The last record may be taken without having been sent: then
    /// `interestNeeded` says what to wait for.
    func write(_ slices: UnsafeBufferPointer<iovec>) -> WriteOutcome {
        switch prepare() {
        case .done: break
        case .wait: return .wouldBlock
        case .end: return .failed(SystemError(operation: "TLS write", code: EPIPE))
        case .failed(let error): return .failed(error)
        }
        var source = SliceReader(slices)
        let record = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<recordBytes])
        var total = 0
        while true {
            let count = source.read(into: record)
            if count == 0 { return .wrote(total) }
            unsent = count
            switch flush() {
            case .done: total += count
            case .wait:
                // An answer to a KeyUpdate goes before it and did not get through: OpenSSL has not looked at the bytes, and
                // must not find others in their place later, which may be of another session.
                if sluice_SSL_in_init(ssl) != 0 {
                    unsent = 0
                    return total > 0 ? .wrote(total) : .wouldBlock
                }
                return .wrote(total + count)
            case .end, .failed:
                // Told by the next call if something was taken before.
                guard total == 0 else { return .wrote(total) }
                return .failed(failure ?? SystemError(operation: "TLS write", code: EPIPE))
            }
        }
    }

    /// Why nothing may be written any more, where the kernel encrypts.
    ///
    /// A peer that asks for new keys (KeyUpdate) must be sent nothing under the old ones (RFC 8446 section 4.6.3), and OpenSSL
    /// has no means to give the kernel others: who asks is disconnected, and comes back.
    func refusalOfPlainWrite() -> SystemError? {
        if failure == nil, SSL_get_key_update_type(ssl) != SSL_KEY_UPDATE_NONE {
            failure = SystemError(
                operation:
                    "TLS write (the peer asks for new keys, which kernel TLS cannot take: set tls.kernel to false where peers do)",
                code: EPROTO)
        }
        return failure
    }

    /// Sends the record that was taken, as far as the socket takes it now.
    func flushTaken() -> WriteOutcome {
        switch flush() {
        case .done: .wrote(0)
        case .wait: .wouldBlock
        case .end: .failed(SystemError(operation: "TLS write", code: EPIPE))
        case .failed(let error): .failed(error)
        }
    }

    /// The most that goes into one record: a client may have asked for less than is usual (RFC 6066 section 4).
    private var recordBytes: Int {
        let code = Int(SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)))
        return code == 0 ? TLSRecordBuffer.byteCount : 256 << code
    }

    /// Gets everything out that lies before a new record, so that OpenSSL encrypts that at once when it is given it: the last
    /// record, and the answer to a peer's KeyUpdate, which `SSL_write` would send first and then return without having looked
    /// at the bytes.
    private func prepare() -> Step {
        let step = flush()
        guard case .done = step, sluice_SSL_in_init(ssl) != 0 else { return step }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result != 1 else {
            writeNeeds = []
            return .done(0)
        }
        let waiting = self.step(after: result, "TLS write")
        if case .wait(let interest) = waiting { writeNeeds = interest }
        return waiting
    }

    /// Sends the record that was taken, if there is one.
    ///
    /// OpenSSL wants a write that did not get through repeated with the same bytes, but looks only at their number: what goes
    /// out is the record it has encrypted. So the buffer may hold other bytes by then, of another session too (the test:
    /// `TLSServerTests.sharedBuffer`). It holds for one record at a time. Where the kernel encrypts,
    /// nothing comes this way.
    private func flush() -> Step {
        if let failure { return .failed(failure) }
        guard unsent > 0 else { return .done(0) }
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(ssl, buffer.bytes.baseAddress, unsent, &count)
        guard result != 1 else {
            unsent = 0
            writeNeeds = []
            return .done(count)
        }
        let step = step(after: result, "TLS write")
        switch step {
        case .wait(let interest): writeNeeds = interest
        case .done, .end, .failed:
            unsent = 0
            writeNeeds = []
        }
        return step
    }

    /// Tells the peer that nothing more comes (`close_notify`), as far as the socket takes it now.
    func shutdownWrite() {
        _ = flush()
        guard failure == nil, unsent == 0, SSL_is_init_finished(ssl) == 1 else { return }
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    private func step(after result: Int32, _ operation: String) -> Step {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wait(.read)
        case SSL_ERROR_WANT_WRITE: return .wait(.write)
        case SSL_ERROR_ZERO_RETURN:
            ended = true
            return .end
        default: break
        }
        let reason = takeOpenSSLReason()
        let error: SystemError
        if bio.state.pointee.error != 0 {
            error = SystemError(operation: operation, code: bio.state.pointee.error)
        } else if bio.state.pointee.ended {
            // Not an end of stream: without close_notify anyone on the way may have cut it (RFC 8446 section 6.1).
            error = SystemError(operation: "\(operation) (the peer ended without close_notify)", code: ECONNRESET)
        } else {
            error = SystemError(operation: "\(operation) (\(reason ?? "OpenSSL gave no reason"))", code: EPROTO)
        }
        failure = error
        return .failed(error)
    }
}

/// The bytes that TLS sessions of one thread put their records together in. Owns them; confined to that thread.
public final class TLSRecordBuffer {
    /// The most that a TLS record holds (RFC 8446 section 5.1).
    static let byteCount = 16_384

    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)

    public init() {}

    deinit { bytes.deallocate() }
}

/// Reads a list of slices as one run of bytes.
private struct SliceReader {
    private let slices: UnsafeBufferPointer<iovec>
    private var index = 0
    private var offset = 0

    init(_ slices: UnsafeBufferPointer<iovec>) {
        self.slices = slices
    }

    /// Copies as much as fits; 0 at the end.
    mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count, index < slices.count {
            // Sound: the caller vouches for its slices during the call.
            let slice = UnsafeRawBufferPointer(start: slices[index].iov_base, count: slices[index].iov_len)
            let count = min(slice.count - offset, target.count - filled)
            let part = UnsafeRawBufferPointer(rebasing: slice[offset..<offset + count])
            UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count]).copyMemory(from: part)
            filled += count
            offset += count
            if offset == slice.count {
                index += 1
                offset = 0
            }
        }
        return filled
    }
}
