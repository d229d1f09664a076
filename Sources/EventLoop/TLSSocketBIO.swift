import CKernelTLS
import CLinux
import COpenSSL
import Glibc

/// What OpenSSL reads from and writes to: our own BIO over a non-blocking socket, because OpenSSL's own raises SIGPIPE
/// and lets `errno` be overwritten on the way up.
///
/// Its state lives on the heap at a fixed address: the BIO's callbacks get a pointer to it. Whoever makes one frees it,
/// after the `SSL` that uses it.
struct TLSSocketBIO {
    struct State {
        var descriptor: Int32
        /// `errno` of the last call that failed for good.
        var error: Int32 = 0
        /// The peer has closed its side of the socket.
        var ended = false
        /// The kernel encrypts what is written: records are made of plain bytes.
        var kernelSends = false
        /// With that: what kind of record the next write is, where it is not data (RFC 8446 section 5.1).
        var recordType: UInt8?
    }

    let state: UnsafeMutablePointer<State>

    init(descriptor: Int32) {
        state = .allocate(capacity: 1)
        state.initialize(to: State(descriptor: descriptor))
    }

    func free() {
        state.deallocate()
    }

    /// A new BIO on this state; `nil` if memory is short.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, state)
        BIO_set_init(bio, 1)
        return bio
    }

    /// `nonisolated(unsafe)` is sound: made once, under Swift's lazy initialisation, and only read afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(type, "socket without SIGPIPE") else { return nil }
        BIO_meth_set_write_ex(method, writeCallback)
        BIO_meth_set_read_ex(method, readCallback)
        BIO_meth_set_ctrl(method, controlCallback)
        return method
    }()

    /// Sound: OpenSSL calls back only during a call of the session that owns the state, on its thread.
    private static func state(of bio: OpaquePointer?) -> UnsafeMutablePointer<State>? {
        BIO_get_data(bio)?.assumingMemoryBound(to: State.self)
    }

    private static let writeCallback:
        @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, Int, UnsafeMutablePointer<Int>?) -> Int32 = {
            bio, bytes, count, written in
            guard let state = state(of: bio) else { return 0 }
            sluice_BIO_clear_retry_flags(bio)
            while true {
                let sent =
                    if let type = state.pointee.recordType {
                        sluice_ktls_send_record(
                            state.pointee.descriptor, type, bytes, count, SocketOptions.noSignal)
                    } else {
                        send(state.pointee.descriptor, bytes, count, SocketOptions.noSignal)
                    }
                if sent >= 0 {
                    state.pointee.recordType = nil
                    written?.pointee = sent
                    return 1
                }
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN { sluice_BIO_set_retry_write(bio) } else { state.pointee.error = code }
                return 0
            }
        }

    private static let readCallback:
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int, UnsafeMutablePointer<Int>?) -> Int32 = {
            bio, bytes, count, taken in
            guard let state = state(of: bio) else { return 0 }
            sluice_BIO_clear_retry_flags(bio)
            while true {
                let received = recv(state.pointee.descriptor, bytes, count, 0)
                if received > 0 {
                    taken?.pointee = received
                    return 1
                }
                let code = errno
                if received == 0 {
                    state.pointee.ended = true
                } else if code == EINTR {
                    continue
                } else if code == EAGAIN {
                    sluice_BIO_set_retry_read(bio)
                } else {
                    state.pointee.error = code
                }
                return 0
            }
        }

    private static let controlCallback: @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int =
        { bio, command, number, pointer in
            guard let state = state(of: bio) else { return 0 }
            switch command {
            case BIO_CTRL_FLUSH:
                return 1
            case BIO_CTRL_EOF:
                return state.pointee.ended ? 1 : 0
            case Int32(sluice_BIO_CTRL_SET_KTLS):
                // For what is sent only: OpenSSL 3.0 cannot have the kernel decrypt TLS 1.3.
                guard number != 0, let pointer, sluice_ktls_attach(state.pointee.descriptor) == 0,
                    sluice_ktls_start_sending(state.pointee.descriptor, pointer) == 0
                else { return 0 }
                state.pointee.kernelSends = true
                return 1
            case BIO_CTRL_GET_KTLS_SEND:
                return state.pointee.kernelSends ? 1 : 0
            case Int32(sluice_BIO_CTRL_SET_KTLS_RECORD_TYPE):
                state.pointee.recordType = UInt8(truncatingIfNeeded: number)
                return 0
            case Int32(sluice_BIO_CTRL_CLEAR_KTLS_RECORD_TYPE):
                state.pointee.recordType = nil
                return 0
            default:
                return 0
            }
        }
}
