import Glibc

/// The constants of sockets as the calls take them (glibc's are enumerators), and options set on one.
enum SocketOptions {
    static var stream: Int32 { Int32(SOCK_STREAM.rawValue) }
    /// Non-blocking and close-on-exec, for `accept4`.
    static var acceptFlags: Int32 { Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue) }
    /// The same for `socket` and `socketpair`.
    static var newStream: Int32 { stream | acceptFlags }
    /// A write to a connection that is gone is an error, not a SIGPIPE.
    static var noSignal: Int32 { Int32(MSG_NOSIGNAL) }

    /// Small writes leave at once: what belongs together is gathered before it is written. Failing costs only latency.
    static func disableNagle(_ descriptor: Int32) {
        _ = set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
    }

    /// Sets an option that is an integer; `errno` says why it failed.
    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32 = 1) -> Bool {
        var value = value
        return setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }
}
