import COpenSSL
import Locks

/// The keys that session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1), shared by all contexts and threads of a
/// server, so that a client resumes its session on any loop and across reloads.
///
/// They live in memory only: after a restart, or with another replica, a handshake is a full one. A key seals for one
/// lifetime and opens for another one, after which a stolen key opens nothing any more.
public final class TLSTicketKeys: Sendable {
    /// How long a session may be resumed, in seconds; a key seals for as long.
    public static let lifetimeSeconds: Int64 = 7200

    struct Key: Sendable {
        static let nameBytes = 16
        static let secretBytes = 32

        let name: [UInt8]
        let encryption: [UInt8]
        let authentication: [UInt8]
        let madeAt: MonotonicTime

        init(madeAt: MonotonicTime) {
            func random(_ count: Int) -> [UInt8] {
                var bytes = [UInt8](repeating: 0, count: count)
                // A generator without entropy must not seal anything.
                precondition(RAND_bytes(&bytes, Int32(count)) == 1, "libcrypto has no random numbers")
                return bytes
            }
            name = random(Self.nameBytes)
            encryption = random(Self.secretBytes)
            authentication = random(Self.secretBytes)
            self.madeAt = madeAt
        }
    }

    private struct State {
        var current: Key
        var previous: Key?
    }

    private let state: Mutex<State>
    private let clock: @Sendable () -> MonotonicTime

    /// - Parameter clock: gives the time by which keys are changed; called on any thread.
    public init(clock: @escaping @Sendable () -> MonotonicTime = MonotonicTime.now) {
        self.clock = clock
        state = Mutex(State(current: Key(madeAt: clock())))
    }

    /// The key to seal with now.
    func sealing() -> Key { state.withLock { rotated(&$0).current } }

    /// The key of that name, if it still opens anything.
    func opening(_ name: UnsafeRawBufferPointer) -> Key? {
        state.withLock { state in
            let state = rotated(&state)
            return [state.current, state.previous].compactMap(\.self).first { $0.name.elementsEqual(name) }
        }
    }

    private func rotated(_ state: inout State) -> State {
        let now = clock()
        let lifetime = Self.lifetimeSeconds * 1000
        let age = now.milliseconds(since: state.current.madeAt)
        if age >= lifetime {
            state.previous = age < 2 * lifetime ? state.current : nil
            state.current = Key(madeAt: now)
        }
        if let previous = state.previous, now.milliseconds(since: previous.madeAt) >= 2 * lifetime {
            state.previous = nil
        }
        return state
    }

    // MARK: What OpenSSL calls

    /// Makes a context seal its tickets with these keys, which must outlive it and all its sessions' handshakes.
    func attach(to context: OpaquePointer) {
        SSL_CTX_set_ex_data(context, Self.index, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, Self.callback)
        SSL_CTX_set_timeout(context, Int(Self.lifetimeSeconds))
    }

    /// 0 is the index that OpenSSL keeps for the application (`SSL_CTX_set_app_data`).
    private static let index: Int32 = 0

    /// RFC 5077 section 4 as OpenSSL lays it out: the key's name, the initialisation vector, the state under AES-256-CBC, and
    /// an HMAC over all of that.
    private static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?,
            Int32
        ) -> Int32 = { ssl, name, vector, cipher, mac, seals in
            // Sound: the context holds the pointer that `attach` put there, and the session that is in its handshake
            // retains the context's owner, which retains the keys.
            guard let ssl, let name, let vector, let cipher, let mac,
                let pointer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index)
            else { return -1 }
            let keys = Unmanaged<TLSTicketKeys>.fromOpaque(pointer).takeUnretainedValue()
            if seals == 1 {
                let key = keys.sealing()
                guard RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 else { return -1 }
                for (index, byte) in key.name.enumerated() { name[index] = byte }
                guard EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.encryption, vector) == 1 else { return -1 }
                return use(key, mac) ? 1 : -1
            }
            guard let key = keys.opening(UnsafeRawBufferPointer(start: name, count: Key.nameBytes)) else { return 0 }
            guard EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.encryption, vector) == 1, use(key, mac)
            else { return -1 }
            // 2: with a new ticket. Clients of TLS 1.3 use each one once (RFC 8446 appendix C.4).
            return SSL_version(ssl) == TLS1_3_VERSION || key.name != keys.sealing().name ? 2 : 1
        }

    private static func use(_ key: Key, _ mac: OpaquePointer) -> Bool {
        var secret = key.authentication
        return sluice_EVP_MAC_CTX_set_hmac_sha256(mac, &secret, secret.count) == 1
    }
}
