public import EventLoop
import Glibc

/// A blocking stream socket with deadlines: how tests speak to servers, byte by byte if need be.
public final class TestSocket {
    public private(set) var descriptor: Int32
    private var buffer: [UInt8] = []
    /// What bytes go through over TLS; it owns the descriptor then.
    private var secure: ByteStream?
    /// Bytes that have arrived so far, those included that nobody has read yet.
    public private(set) var receivedBytes = 0

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Connects and completes the TLS handshake with a server whose certificate is for `localhost`.
    public static func connect(
        port: UInt16, receiveBuffer: Int32? = nil, tls: TLSClientContext
    ) throws -> TestSocket {
        let made = try connect(port: port, receiveBuffer: receiveBuffer)
        try made.startTLS(tls)
        return made
    }

    /// Completes the TLS handshake with a server whose certificate is for `localhost`.
    public func startTLS(_ tls: TLSClientContext) throws {
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw Failure("fcntl: errno \(errno)") }
        let stream = ByteStream(owning: Descriptor(owning: descriptor))
        secure = stream
        try stream.startTLS(tls, serverName: "localhost")
        let deadline = Deadline()
        while true {
            switch stream.finishConnecting() {
            case .connected: return
            case .failed(let sentence): throw Failure(sentence)
            case .inProgress(let interest):
                let events = interest.contains(.write) ? POLLOUT : POLLIN
                try wait(for: Int16(events), deadline, "the TLS handshake was not complete")
            }
        }
    }

    /// As the settings of the server have it: over TLS if there is a context for it.
    public static func connect(
        port: UInt16, receiveBuffer: Int32? = nil, tls: TLSClientContext?
    ) throws -> TestSocket {
        if let tls { return try connect(port: port, receiveBuffer: receiveBuffer, tls: tls) }
        return try connect(port: port, receiveBuffer: receiveBuffer)
    }

    /// Over TLS: whether the handshake went on from an earlier session.
    public var isResumed: Bool { secure?.isResumed ?? false }

    deinit { close() }

    /// - Parameter receiveBuffer: `SO_RCVBUF` in bytes, to make a reader that blocks its server soon.
    public static func connect(port: UInt16, receiveBuffer: Int32? = nil) throws -> TestSocket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: errno \(errno)") }
        let made = TestSocket(descriptor)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure("connect to port \(port): errno \(errno)") }
        return made
    }

    public static func connect(path: String) throws -> TestSocket {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: errno \(errno)") }
        let made = TestSocket(descriptor)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw Failure("\(path) is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure("connect to \(path): errno \(errno)") }
        return made
    }

    public func close() {
        guard descriptor >= 0 else { return }
        if let secure { secure.close() } else { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Closes with a reset instead of a FIN.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    public func shutdownWrite() {
        if let secure { secure.shutdownWrite() } else { _ = shutdown(descriptor, Int32(SHUT_WR)) }
    }

    // MARK: Sending

    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    private func send(_ bytes: [UInt8], through secure: ByteStream, _ deadline: Deadline) throws {
        var offset = 0
        while offset < bytes.count || secure.hasUnsentOutput {
            let rest = bytes[offset...]
            switch rest.isEmpty ? secure.flushTaken() : rest.withUnsafeBytes({ secure.write($0) }) {
            case .wrote(let count): offset += count
            case .wouldBlock: try wait(for: Int16(POLLOUT), deadline, "the peer takes no more bytes")
            case .failed(let error): throw Failure("sending failed: \(error)")
            }
        }
    }

    public func send(_ bytes: [UInt8], deadline: Deadline = Deadline()) throws {
        if let secure { return try send(bytes, through: secure, deadline) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + offset, bytes.count - offset,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                offset += count
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLOUT), deadline, "the peer takes no more bytes")
            } else if errno != EINTR {
                throw Failure("sending failed: errno \(errno)")
            }
        }
    }

    private func wait(for events: Int16, _ deadline: Deadline, _ what: String) throws {
        var request = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let ready = poll(&request, 1, deadline.millisecondsLeft)
            if ready > 0 { return }
            if ready == 0 || deadline.isOver { throw Failure("\(what) before the deadline") }
        }
    }

    // MARK: Receiving

    /// Appends what comes to the buffer; false at the end of the stream (or a reset).
    private func fill(_ deadline: Deadline, _ what: String) throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        if let secure {
            while true {
                switch chunk.withUnsafeMutableBytes({ secure.read(into: $0) }) {
                case .bytes(let count):
                    buffer.append(contentsOf: chunk[..<count])
                    return true
                case .endOfStream: return false
                case .failed(let error):
                    guard error.code == ECONNRESET else { throw Failure("receiving failed: \(error)") }
                    return false
                case .wouldBlock: try wait(for: Int16(POLLIN), deadline, what)
                }
            }
        }
        while true {
            let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
            if count > 0 {
                receivedBytes += count
                buffer.append(contentsOf: chunk[..<count])
                return true
            }
            if count == 0 || errno == ECONNRESET { return false }
            if errno == EAGAIN {
                try wait(for: Int16(POLLIN), deadline, what)
            } else if errno != EINTR {
                throw Failure("receiving failed: errno \(errno)")
            }
        }
    }

    public func read(_ count: Int, deadline: Deadline = Deadline()) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill(deadline, "only \(buffer.count) of \(count) bytes came") else {
                throw Failure(
                    "the stream ended after \(buffer.count) of \(count) bytes: \(String(decoding: buffer, as: UTF8.self))"
                )
            }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// What comes next, however much; nothing at the end of the stream.
    public func readSome(deadline: Deadline = Deadline()) throws -> [UInt8] {
        if buffer.isEmpty, try !fill(deadline, "no byte came") { return [] }
        defer { buffer = [] }
        return buffer
    }

    /// Reads through the first occurrence of `end`.
    public func read(through end: String, deadline: Deadline = Deadline()) throws -> String {
        let mark = Array(end.utf8)
        while true {
            if let range = firstRange(of: mark) { return String(decoding: try read(range.upperBound), as: UTF8.self) }
            guard try fill(deadline, "no \(end.debugDescription) came") else {
                throw Failure(
                    "the stream ended before \(end.debugDescription): \(String(decoding: buffer, as: UTF8.self))")
            }
        }
    }

    private func firstRange(of mark: [UInt8]) -> Range<Int>? {
        guard buffer.count >= mark.count else { return nil }
        for start in 0...(buffer.count - mark.count) where buffer[start..<start + mark.count].elementsEqual(mark) {
            return start..<start + mark.count
        }
        return nil
    }

    /// All bytes until the peer closes.
    public func readToEnd(deadline: Deadline = Deadline()) throws -> [UInt8] {
        while try fill(deadline, "the peer did not close") {}
        defer { buffer = [] }
        return buffer
    }

    /// Whether bytes are there without waiting for more than `milliseconds`.
    public func hasInput(within milliseconds: Int32 = 0) -> Bool {
        if !buffer.isEmpty { return true }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, milliseconds) > 0
    }
}
