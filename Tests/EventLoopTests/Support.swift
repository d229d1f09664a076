import CLinux
import Glibc
import Locks

@testable import EventLoop

/// Keeps what a handler was told, and does what a test wants at each call.
final class Recorder: ReadinessHandler {
    var calls: [Ready] = []
    var action: (Ready) -> Void

    init(_ action: @escaping (Ready) -> Void = { _ in }) {
        self.action = action
    }

    func handle(_ ready: Ready) {
        calls.append(ready)
        action(ready)
    }
}

/// A clock that moves when told.
final class FakeClock {
    var time = MonotonicTime(nanoseconds: 1_000_000_000)

    func advance(milliseconds: Int64) {
        time = time.advanced(byMilliseconds: milliseconds)
    }
}

/// How long a condition may take before a test gives up.
let patience: Int64 = 20_000

/// Takes turns until the condition holds; false when it does not come true.
func turns(_ loop: EventLoop, until condition: () -> Bool) -> Bool {
    let end = MonotonicTime.now().advanced(byMilliseconds: patience)
    while !condition() {
        if MonotonicTime.now() > end { return false }
        loop.turn(timeoutMilliseconds: 50)
    }
    return true
}

/// Waits until a descriptor is ready; false when it does not become so.
func waitUntilReady(_ descriptor: Int32, for interest: Interest) -> Bool {
    var entry = pollfd(fd: descriptor, events: 0, revents: 0)
    if interest.contains(.read) { entry.events |= Int16(POLLIN) }
    if interest.contains(.write) { entry.events |= Int16(POLLOUT) }
    return poll(&entry, 1, Int32(patience)) == 1
}

/// Goes on connecting until it is decided.
func finishConnecting(_ stream: ByteStream) -> ByteStream.ConnectProgress {
    while true {
        let progress = stream.finishConnecting()
        guard case .inProgress(let interest) = progress, waitUntilReady(stream.descriptor, for: interest) else {
            return progress
        }
    }
}

extension ByteStream {
    func write(_ text: String) -> WriteOutcome {
        var text = text
        return text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    func write(_ bytes: [UInt8]) -> WriteOutcome {
        bytes.withUnsafeBytes { write($0) }
    }

    /// One read.
    func readOnce(atMost count: Int = 65_536) -> (outcome: ReadOutcome, bytes: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: count)
        let outcome = buffer.withUnsafeMutableBytes { read(into: $0) }
        guard case .bytes(let count) = outcome else { return (outcome, []) }
        return (outcome, Array(buffer.prefix(count)))
    }

    /// Reads, waiting as needed, until so many bytes have come or the stream ends, however that is.
    func readAll(atMost limit: Int = .max) -> (end: ReadOutcome, bytes: [UInt8]) {
        var all: [UInt8] = []
        while all.count < limit {
            let (outcome, bytes) = readOnce()
            all += bytes
            switch outcome {
            case .bytes: continue
            case .wouldBlock:
                guard waitUntilReady(descriptor, for: interestNeeded.union(.read)) else { return (outcome, all) }
            case .endOfStream, .failed: return (outcome, all)
            }
        }
        return (.bytes(all.count), all)
    }

    /// Writes until the socket takes no more; says how much it took.
    func fill() -> Int {
        let block = [UInt8](repeating: 0x61, count: 10_000)
        var total = 0
        while case .wrote(let count) = write(block), count > 0 { total += count }
        return total
    }

    /// Makes closing a TCP socket a reset.
    func setLingerZero() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

/// Two connected TCP sockets on the loopback: (client, server).
func tcpPair() throws -> (ByteStream, ByteStream) {
    let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 4)
    let client = try ByteStream.connect(to: listener.localAddress)
    guard finishConnecting(client) == .connected, waitUntilReady(listener.descriptor, for: .read),
        case .accepted(let server, _) = listener.accept()
    else { throw SystemError(operation: "tcpPair", code: ECONNABORTED) }
    return (client, server)
}

/// SplitMix64: random numbers that are the same in each run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Runs a closure on a thread with a descriptor table of its own, which holds nothing but 0, 1 and 2: there a test can
/// count descriptors or use them up whatever other tests do at the same time.
func onThreadWithOwnDescriptors<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) throws -> Value {
    let box = ResultBox<Value>()
    let thread = try LoopThread.start(name: "own descriptors") {
        box.set(
            Result {
                guard sluice_unshare_descriptors(3) == 0 else { throw SystemError.last("close_range") }
                return try body()
            })
    }
    thread.join()
    return try box.get()
}

/// Carries a result from one thread to another.
final class ResultBox<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)

    func set(_ new: Result<Value, any Error>) {
        result.withLock { $0 = new }
    }

    func get() throws -> Value {
        guard let result = result.withLock({ $0 }) else { throw SystemError(operation: "ResultBox", code: ENODATA) }
        return try result.get()
    }
}

/// How many descriptors the calling thread's table holds.
func countDescriptors() -> Int {
    guard let directory = opendir("/proc/thread-self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
        if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // Without the directory's own.
    return count - 1
}
