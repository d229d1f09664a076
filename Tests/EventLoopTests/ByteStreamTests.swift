import Glibc
import Testing

@testable import EventLoop

@Suite("Byte stream")
struct ByteStreamTests {
    @Test("bytes arrive, an empty socket would block, a closed one is at its end")
    func basics() throws {
        let (near, far) = try ByteStream.pair()
        #expect(near.readOnce().outcome == .wouldBlock)
        #expect(far.write("hello") == .wrote(5))
        #expect(near.readOnce().bytes == Array("hello".utf8))
        #expect(near.interestNeeded == [] && !near.hasBufferedInput)
        far.shutdownWrite()
        #expect(near.readOnce().outcome == .endOfStream)
        #expect(near.write("still") == .wrote(5))
        #expect(far.readOnce().bytes.count == 5)
    }

    @Test("the kernel is told how long a peer may be silent; a Unix socket is left as it is")
    func userTimeout() throws {
        let (near, _) = try tcpPair()
        for (given, set) in [(1500, 1500), (0, 1), (-7, 1), (Int.max, Int32.max)] as [(Int, Int32)] {
            near.setUserTimeout(milliseconds: given)
            var value: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            #expect(getsockopt(near.descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &length) == 0)
            #expect(value == set)
        }
        let (unix, other) = try ByteStream.pair()
        unix.setUserTimeout(milliseconds: 1500)
        #expect(unix.write("still") == .wrote(5))
        #expect(other.readOnce().bytes.count == 5)
    }

    @Test("empty buffers are neither the end nor an error")
    func empty() throws {
        let (near, far) = try ByteStream.pair()
        #expect(near.write([UInt8]()) == .wrote(0))
        #expect(near.write(gathering: UnsafeBufferPointer(start: nil, count: 0)) == .wrote(0))
        #expect(near.read(into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) == .bytes(0))
        #expect(far.readOnce().outcome == .wouldBlock)
    }

    @Test("a write is cut short when the socket is full, then blocks, and goes on without loss when it is read")
    func shortWrites() throws {
        let (near, far) = try ByteStream.pair()
        var random = SeededGenerator(state: 1)
        let sent = (0..<3_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        var offset = 0
        var received: [UInt8] = []
        var short = false
        var blocked = false
        while received.count < sent.count {
            let left = sent.count - offset
            let outcome = sent.withUnsafeBytes { near.write(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
            switch outcome {
            case .wrote(let count):
                short = short || count < left
                offset += count
            case .wouldBlock: blocked = true
            case .failed(let error): throw error
            }
            if blocked || offset == sent.count { received += far.readOnce(atMost: 100_000).bytes }
        }
        #expect(short && blocked)
        #expect(received == sent)
    }

    @Test("slices are gathered in order; empty ones and more than the kernel takes are no error")
    func gathering() throws {
        let (near, far) = try ByteStream.pair()
        let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let outcomes = bytes.withUnsafeBytes { raw -> [WriteOutcome] in
            let base = UnsafeMutableRawPointer(mutating: raw.baseAddress!)
            // Every third slice is empty, the others hold one byte.
            var slices: [iovec] = []
            for index in 0..<3_000 {
                if index % 2 == 0 { slices.append(iovec(iov_base: nil, iov_len: 0)) }
                slices.append(iovec(iov_base: base + index, iov_len: 1))
            }
            var outcomes: [WriteOutcome] = []
            var start = 0
            while start < slices.count {
                let rest = Array(slices[start...])
                outcomes.append(rest.withUnsafeBufferPointer { near.write(gathering: $0) })
                start += ByteStream.maxSlices
            }
            return outcomes
        }
        #expect(outcomes.count == 5)
        #expect(!outcomes.contains { if case .wrote = $0 { false } else { true } })
        #expect(far.readAll(atMost: 3_000).bytes == bytes)
        #expect(far.readOnce().outcome == .wouldBlock)
    }

    @Test("a reset by the peer is a failure of reading and of writing, with its reason")
    func reset() throws {
        let (client, server) = try tcpPair()
        client.setLingerZero()
        client.close()
        #expect(waitUntilReady(server.descriptor, for: .read))
        #expect(server.readOnce().outcome == .failed(SystemError(operation: "read", code: ECONNRESET)))
        #expect(server.write("x") == .failed(SystemError(operation: "write", code: EPIPE)))
    }

    @Test("writing to a peer that is gone raises no signal")
    func noBrokenPipeSignal() throws {
        // A signal for a bad write goes to the thread that writes: there it is blocked and would stay pending.
        let (outcome, pending) = try onThreadWithOwnDescriptors { () -> (WriteOutcome, Int32) in
            try Signals.block([SIGPIPE])
            let (near, far) = try ByteStream.pair()
            far.close()
            let outcome = near.write("x")
            var set = sigset_t()
            sigpending(&set)
            return (outcome, sigismember(&set, SIGPIPE))
        }
        #expect(outcome == .failed(SystemError(operation: "write", code: EPIPE)))
        #expect(pending == 0)
    }

    @Test("closing twice closes once, and a closed stream says so")
    func closing() throws {
        let (near, far) = try ByteStream.pair()
        near.close()
        near.close()
        near.shutdownWrite()
        #expect(near.descriptor == -1)
        #expect(near.readOnce().outcome == .failed(SystemError(operation: "read", code: EBADF)))
        #expect(near.write("x") == .failed(SystemError(operation: "write", code: EBADF)))
        #expect(near.finishConnecting() == .failed("The connection to the peer was closed."))
        #expect(near.peerAddress == nil)
        #expect(far.readOnce().outcome == .endOfStream)
    }

    @Test("an accepted stream does not wait to collect small writes, and does not outlive an exec")
    func acceptedOptions() throws {
        let (client, server) = try tcpPair()
        for stream in [client, server] {
            var value: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            #expect(getsockopt(stream.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length) == 0)
            #expect(value != 0)
            #expect(fcntl(stream.descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(fcntl(stream.descriptor, F_GETFL) & O_NONBLOCK != 0)
        }
    }

    @Test("errors read as a person would want them")
    func errorText() {
        let error = SystemError(operation: "connect", code: ECONNREFUSED)
        #expect("\(error)" == "connect: Connection refused (errno 111)")
        #expect("\(SystemError(operation: "x", code: 4_095))".contains("4095"))
    }
}

@Suite("Connecting")
struct ConnectTests {
    @Test("a TCP connection is made without blocking, and both ends know each other")
    func tcp() throws {
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
        let client = try ByteStream.connect(to: listener.localAddress)
        #expect(finishConnecting(client) == .connected)
        #expect(client.finishConnecting() == .connected)
        #expect(client.interestNeeded == [])
        #expect(client.peerAddress == listener.localAddress)
        #expect(waitUntilReady(listener.descriptor, for: .read))
        guard case .accepted(let server, let address) = listener.accept() else {
            Issue.record("nothing was accepted")
            return
        }
        #expect(server.peerAddress == address)
        #expect("\(address)".hasPrefix("127.0.0.1:"))
    }

    @Test("a refused connection says who refused, and says it again")
    func refused() throws {
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
        let address = listener.localAddress
        // Bound, not listening: the port is ours and yet refuses.
        let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(bound) }
        let free = SocketAddress(literal: "127.0.0.1", port: 0)!
        #expect(free.withSockAddr { bind(bound, $0, $1) } == 0)
        var storage = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(bound, $0, &length) }
        }
        #expect(named == 0)
        let port = UInt16(bigEndian: storage.sin_port)
        #expect(port != address.port)
        let client = try ByteStream.connect(to: SocketAddress(literal: "127.0.0.1", port: port)!)
        let sentence = "Connecting to 127.0.0.1:\(port) failed: Connection refused (errno 111)."
        #expect(finishConnecting(client) == .failed(sentence))
        #expect(client.finishConnecting() == .failed(sentence))
        #expect(client.readOnce().outcome == .failed(SystemError(operation: "read", code: ENOTCONN)))
        #expect(client.write("x") == .failed(SystemError(operation: "write", code: ENOTCONN)))
    }

    @Test("asking too early is no answer: neither connected nor failed, and nothing is read or written")
    func tooEarly() throws {
        // A full backlog leaves further connections unanswered.
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 0)
        let clients = try (0..<4).map { _ in try ByteStream.connect(to: listener.localAddress) }
        let waiting = try #require(clients.last)
        #expect(waiting.interestNeeded == .write)
        #expect(waiting.finishConnecting() == .inProgress(interest: .write))
        #expect(waiting.finishConnecting() == .inProgress(interest: .write))
        #expect(waiting.readOnce().outcome == .wouldBlock)
        #expect(waiting.write("x") == .wouldBlock)
    }

    @Test("a Unix socket is connected to at once; one that is not there is an error")
    func unix() throws {
        let path = "/tmp/eventloop-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let address = try SocketAddress.unix(path: path)
        #expect(throws: SystemError(operation: "connect", code: ENOENT)) { _ = try ByteStream.connect(to: address) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            close(listener)
            unlink(path)
        }
        #expect(address.withSockAddr { bind(listener, $0, $1) } == 0)
        #expect(listen(listener, 4) == 0)
        let client = try ByteStream.connect(to: address)
        #expect(client.finishConnecting() == .connected)
        #expect(client.peerAddress == address)
        #expect("\(address)" == "unix:\(path)")
        let accepted = ByteStream(owning: Descriptor(owning: accept(listener, nil, nil)))
        #expect(client.write("x") == .wrote(1))
        #expect(accepted.readOnce().bytes == [0x78])
        #expect(accepted.peerAddress.map { "\($0)" } == "unix:(unnamed)")
    }
}
