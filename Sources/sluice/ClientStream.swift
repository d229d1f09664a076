import EventLoop

/// A connection of a command to a server: reads and writes that wait. Confined to its waiter's thread.
final class ClientStream {
    private let waiter: Waiter
    private let stream: ByteStream
    private let registration: Registration
    private let readiness = Readiness()
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    /// What came in while a write was waiting.
    private var pending: [UInt8] = []

    private final class Readiness: ReadinessHandler {
        var isReady = false
        func handle(_ ready: Ready) { isReady = true }
    }

    /// How to speak TLS to a server.
    struct TLS {
        let context: TLSClientContext
        /// The host name that was asked for.
        let serverName: String
    }

    /// Connects to the first of the addresses that answers.
    static func connect(
        to addresses: [SocketAddress], tls: TLS? = nil, waiter: Waiter, until deadline: MonotonicTime
    ) throws(WaitError) -> ClientStream {
        var last = WaitError.failed("There is no address to connect to.")
        for address in addresses {
            do {
                return try connect(to: address, tls: tls, waiter: waiter, until: deadline)
            } catch {
                guard case .failed = error else { throw error }
                last = error
            }
        }
        throw last
    }

    private static func connect(
        to address: SocketAddress, tls: TLS?, waiter: Waiter, until deadline: MonotonicTime
    ) throws(WaitError) -> ClientStream {
        let client: ClientStream
        do {
            let stream =
                if let tls {
                    try ByteStream.connect(to: address, tls: tls.context, serverName: tls.serverName)
                } else {
                    try ByteStream.connect(to: address)
                }
            client = try ClientStream(stream, waiter)
        } catch {
            throw .failed("Connecting to \(address) failed: \(error.reason).")
        }
        while true {
            switch client.stream.finishConnecting() {
            case .connected: return client
            case .failed(let sentence): throw .failed(sentence)
            case .inProgress(let interest): try client.wait(for: interest, until: deadline)
            }
        }
    }

    private init(_ stream: ByteStream, _ waiter: Waiter) throws(SystemError) {
        self.stream = stream
        self.waiter = waiter
        registration = try waiter.loop.register(stream.descriptor, interest: [], handler: readiness)
    }

    deinit {
        waiter.loop.deregister(registration)
        stream.close()
    }

    private func wait(for interest: Interest, until deadline: MonotonicTime) throws(WaitError) {
        readiness.isReady = false
        waiter.loop.modify(registration, interest: interest.union(stream.interestNeeded))
        // Nobody looks at the stream between two waits: it must not keep the loop busy.
        defer { waiter.loop.modify(registration, interest: []) }
        try waiter.wait(until: deadline) { readiness.isReady }
    }

    /// The next bytes; none when the peer has finished sending.
    func read(until deadline: MonotonicTime) throws(WaitError) -> [UInt8] {
        if !pending.isEmpty {
            defer { pending = [] }
            return pending
        }
        while true {
            switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            case .bytes(let count): return Array(buffer[..<count])
            case .endOfStream: return []
            case .failed(let error): throw .failed("Reading failed: \(error).")
            case .wouldBlock: try wait(for: .read, until: deadline)
            }
        }
    }

    /// Writes all of the bytes.
    func write(_ bytes: [UInt8], until deadline: MonotonicTime) throws(WaitError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch rest.withUnsafeBytes({ stream.write($0) }) {
            case .wrote(let count):
                rest = rest.dropFirst(count)
            case .failed(let error):
                throw .failed("Writing failed: \(error).")
            case .wouldBlock:
                try wait(for: [.read, .write], until: deadline)
                try takeInput()
            }
        }
    }

    /// Reads what is there: over TLS a write may not get on before that, and a peer may not read before it has written.
    private func takeInput() throws(WaitError) {
        while true {
            switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            case .bytes(let count): pending += buffer[..<count]
            case .wouldBlock, .endOfStream: return
            case .failed(let error): throw .failed("Reading failed: \(error).")
            }
        }
    }
}
