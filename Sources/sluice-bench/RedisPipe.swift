import EventLoop
import Glibc
import RedisStreams

/// A connection to Redis that waits: commands are written one after the other without waiting for their replies, as a
/// pipelining producer does. Confined to one thread.
final class RedisPipe {
    private let stream: ByteStream
    private let place: SocketAddress
    private let replies = ReplyReader()
    private var awaited = 0
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// A Redis that answers nothing for so long is taken for dead.
    private static let patienceMilliseconds: Int32 = 10_000

    init(_ place: SocketAddress) throws(BenchFailure) {
        self.place = place
        do {
            stream = try ByteStream.connect(to: place)
        } catch {
            throw BenchFailure("Redis at \(place) cannot be reached: \(error.reason).")
        }
        while true {
            switch stream.finishConnecting() {
            case .connected: return
            case .failed(let sentence): throw BenchFailure("Redis cannot be reached. \(sentence)")
            case .inProgress: try wait(Int16(POLLOUT))
            }
        }
    }

    /// Sends commands that have so many replies, and takes those that are there.
    func send(_ commands: [UInt8], replies count: Int) throws(BenchFailure) {
        awaited += count
        var start = 0
        while start < commands.count {
            switch commands.withUnsafeBytes({ stream.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }) {
            case .wrote(let count): start += count
            case .wouldBlock:
                // Redis reads on only while it can write its replies.
                try wait(Int16(POLLIN | POLLOUT))
                try takeReplies()
            case .failed(let error): throw BenchFailure("Redis at \(place) broke off: \(error).")
            }
        }
        try takeReplies()
    }

    /// Waits for the replies to all that was sent.
    func finish() throws(BenchFailure) {
        while awaited > 0 {
            try wait(Int16(POLLIN))
            try takeReplies()
        }
    }

    private func takeReplies() throws(BenchFailure) {
        while true {
            switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            case .wouldBlock: return
            case .endOfStream: throw BenchFailure("Redis at \(place) closed the connection.")
            case .failed(let error): throw BenchFailure("Redis at \(place) broke off: \(error).")
            case .bytes(let count):
                buffer.withUnsafeBytes { replies.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                try countReplies()
            }
        }
    }

    private func countReplies() throws(BenchFailure) {
        while true {
            switch replies.nextReply() {
            case .needMore: return
            case .protocolError(let text): throw BenchFailure("\(text) (\(place)).")
            case .reply(let reply):
                if let text = reply.errorText { throw BenchFailure("Redis at \(place) refused an event: \(text).") }
                awaited -= 1
            }
        }
    }

    private func wait(_ events: Int16) throws(BenchFailure) {
        var descriptor = pollfd(fd: stream.descriptor, events: events, revents: 0)
        while true {
            let ready = poll(&descriptor, 1, Self.patienceMilliseconds)
            if ready > 0 { return }
            guard ready < 0, errno == EINTR else {
                throw BenchFailure("Redis at \(place) did not answer within \(Self.patienceMilliseconds / 1000) s.")
            }
        }
    }
}
