import EventLoop
import Glibc
import HTTP1
import Metrics

/// One accepted socket from its first byte to its last: input and output.
///
/// What is spoken on it lives beside this file: `Connection+HTTP.swift`, `Connection+WebSocket.swift`,
/// `Connection+EventStream.swift`; how a request becomes a session, in `Connection+Session.swift`; how it ends, in
/// `Connection+Ending.swift`. Confined to its loop's thread; owned by the loop's table.
final class Connection: ReadinessHandler {
    enum Phase: Equatable {
        /// Reading heads of plain requests, or of the one that opens a session.
        case http
        /// An open WebSocket or event stream.
        case open
        /// No event is sent any more: we sent a close frame and wait for the peer's, or an event stream's end goes out.
        case closing
        /// All is said: our side is shut down, what still comes is thrown away until the peer closes.
        case lingering
        case closed
    }

    /// The beginning of a request's head, and how far it was looked through.
    final class PartialHead {
        var bytes: [UInt8]
        var parser: RequestHeadParser
        /// There may be whole requests in it.
        let isPutAside: Bool

        init(_ bytes: UnsafeMutableRawBufferPointer, _ parser: RequestHeadParser, isPutAside: Bool) {
            self.bytes = [UInt8](bytes)
            self.parser = parser
            self.isPutAside = isPutAside
        }
    }

    /// What it is there for, once a request has said so.
    private enum Purpose {
        case unknown
        case session(Subscriber)
        case publication(PublishRequest)
    }

    // In an order that leaves no gaps: there may be very many of them. `IdleMemoryTests` counts the bytes.

    /// Unchecked, since it is asked for at every step. Sound: only its loop's table and its loop's epoll hold a connection,
    /// and it does nothing when it is let go of.
    unowned(unsafe) let loop: GatewayLoop
    let stream: ByteStream
    var output = PendingOutput()
    /// A head that has not arrived whole, or requests that were put aside; nil otherwise.
    var partialHead: PartialHead?
    private var purpose = Purpose.unknown
    var registration = Registration.void
    /// Whom it comes from, as far as proxies that are believed have said so.
    var peer: SocketAddress
    var phase = Phase.http
    var security: Security
    /// The peer is one of `trustedProxies`, or they have said that it is.
    var isFromTrustedProxy: Bool
    /// Close once the output is flushed: after the last answer, or after both close frames.
    var endsWhenFlushed = false
    private(set) var isReadingPaused = false
    private(set) var isAwaitingWritable = false
    /// It waits for its turn: it has sent more than is taken at a time, or wants a TLS handshake.
    private(set) var isQueued = false
    /// Something was asked for that others have to answer first: other loops, or Redis.
    var isAwaitingAnswer = false
    /// Which listener it came from.
    let port: Port
    /// What was written so far, for the log.
    private(set) var traffic = Traffic()

    var subscriber: Subscriber? {
        get { if case .session(let subscriber) = purpose { subscriber } else { nil } }
        set {
            if let newValue { purpose = .session(newValue) } else if subscriber != nil { purpose = .unknown }
        }
    }

    /// An event that it is publishing; nil otherwise.
    var publishing: PublishRequest? {
        get { if case .publication(let request) = purpose { request } else { nil } }
        set {
            if let newValue { purpose = .publication(newValue) } else if publishing != nil { purpose = .unknown }
        }
    }

    struct Traffic {
        var bytes = 0
        /// Events that were begun.
        var events: UInt32 = 0

        mutating func add(bytes: Int, events: Int) {
            self.bytes += bytes
            self.events &+= UInt32(truncatingIfNeeded: events)
        }
    }

    init(loop: GatewayLoop, stream: ByteStream, peer: SocketAddress, port: Port) {
        self.loop = loop
        self.stream = stream
        self.peer = peer
        self.port = port
        security =
            switch port {
            // For monitors, which come by no proxy.
            case .metrics: .plain
            case .main where loop.context.beginsWithProxyHeader: .awaitingProxyHeader
            case .main: loop.certificates == nil ? .plain : .awaitingHello
            }
        isFromTrustedProxy = loop.context.proxies.contains(peer)
    }

    // MARK: Output

    enum SendOutcome {
        case sent
        /// The socket took `bytes` bytes, that is, it began `started` of the events; the rest of the last one it began
        /// is kept here.
        case blocked(started: Int, bytes: Int)
        case closed
    }

    /// Whether an event may be written now: the session is open, and the socket has room as far as is known. What was
    /// queued then goes before it.
    var canSend: Bool { phase == .open && !isAwaitingWritable }

    /// Writes what is queued and the events of the gather, which is in this session's encoding.
    func write(_ gather: Gather) -> SendOutcome {
        guard canSend else { return .blocked(started: 0, bytes: 0) }
        if gather.encoding == .poll { return collect(gather) }
        let outcome =
            output.isEmpty
            ? gather.slices.withUnsafeBufferPointer { stream.write(gathering: $0) } : writeBehindQueue(gather)
        switch outcome {
        case .wrote(let count) where count == gather.byteCount:
            if stream.hasUnsentOutput { updateInterest(awaitingWritable: true) }
            traffic.add(bytes: count, events: gather.events.count)
            if gather.encoding == .eventStream { subscriber?.session.wrote(now: loop.now) }
            return .sent
        case .wrote(let count):
            var started = gather.wholeEvents(in: count)
            if let remainder = gather.remainder(after: count) {
                output.setTail(loop.tail(of: remainder, number: gather.events[remainder.event].number))
                started = remainder.event + 1
            }
            traffic.add(bytes: count, events: started)
            updateInterest(awaitingWritable: true)
            return .blocked(started: started, bytes: count)
        case .wouldBlock:
            updateInterest(awaitingWritable: true)
            return .blocked(started: 0, bytes: 0)
        case .failed(let error):
            endAfterSendError(error)
            return .closed
        }
    }

    /// Counts events of which the socket is not told one by one.
    func noteEvents(_ count: Int) { traffic.add(bytes: 0, events: count) }

    /// Writes the gather together with what waits before it: an answer and the first events leave as one.
    /// - Returns: what became of the gather.
    private func writeBehindQueue(_ gather: Gather) -> WriteOutcome {
        guard let queued = output.takeControl() else { return .wouldBlock }
        return queued.withUnsafeBytes { queued in
            var slices: [iovec] = []
            slices.reserveCapacity(gather.slices.count + 1)
            // The kernel only reads through the pointer.
            slices.append(iovec(iov_base: UnsafeMutableRawPointer(mutating: queued.baseAddress), iov_len: queued.count))
            slices += gather.slices
            switch slices.withUnsafeBufferPointer({ stream.write(gathering: $0) }) {
            case .wrote(let count) where count >= queued.count:
                countWritten(queued.count)
                return .wrote(count - queued.count)
            case .wrote(let count):
                countWritten(count)
                output.append(UnsafeRawBufferPointer(rebasing: queued[count...]))
                return .wouldBlock
            case .wouldBlock:
                output.append(queued)
                return .wouldBlock
            case .failed(let error):
                return .failed(error)
            }
        }
    }

    /// Sends a few bytes in one piece: an answer or a control frame.
    func send(_ bytes: [UInt8]) {
        guard phase != .closed, phase != .lingering else { return }
        guard output.isEmpty else {
            queue(bytes)
            return flush()
        }
        // Not by way of the queue, which would cost memory for a moment.
        bytes.withUnsafeBytes { bytes in
            switch stream.write(bytes) {
            case .wrote(let count) where count == bytes.count:
                countWritten(count)
                if stream.hasUnsentOutput { updateInterest(awaitingWritable: true) } else { allIsFlushed() }
            case .wrote(let count):
                countWritten(count)
                output.append(UnsafeRawBufferPointer(rebasing: bytes[count...]))
                updateInterest(awaitingWritable: true)
            case .wouldBlock:
                output.append(bytes)
                updateInterest(awaitingWritable: true)
            case .failed(let error):
                endAfterSendError(error)
            }
        }
    }

    /// Puts a few bytes behind what waits; ``flush()`` sends them.
    func queue(_ bytes: [UInt8]) { bytes.withUnsafeBytes { output.append($0) } }

    /// Writes what waits, and goes on with what waited for it.
    func flush() {
        var written = 0
        let outcome = output.flush(to: stream, written: &written)
        countWritten(written)
        switch outcome {
        case .all:
            allIsFlushed()
        case .blocked:
            updateInterest(awaitingWritable: true)
        case .failed(let error):
            endAfterSendError(error)
        }
    }

    /// Counts what was written beside events.
    private func countWritten(_ bytes: Int) {
        traffic.add(bytes: bytes, events: 0)
        loop.counters.bytesSent += bytes
    }

    private func allIsFlushed() {
        updateInterest(awaitingWritable: false)
        if endsWhenFlushed { return linger() }
        // Behind a close frame nothing more is sent (RFC 6455 section 5.5.1).
        guard phase == .open, let subscriber else { return }
        if let pong = subscriber.owedPong {
            subscriber.owedPong = nil
            return send(pong)
        }
        if subscriber.isLagging { loop.advance(subscriber) }
    }

    private func endAfterSendError(_ error: SystemError) {
        if let subscriber { loop.countSendError(subscriber.encoding) }
        end(.init(error))
    }

    func updateInterest(awaitingWritable: Bool) {
        if awaitingWritable != isAwaitingWritable {
            isAwaitingWritable = awaitingWritable
            loop.counters.socketsBlocked += awaitingWritable ? 1 : -1
        }
        isReadingPaused = isQueued || isAnswerOutstanding
        var interest: Interest = isReadingPaused ? [] : .read
        if awaitingWritable { interest.formUnion(stream.writeInterest) }
        interest.formUnion(stream.interestNeeded)
        loop.events.modify(registration, interest: interest)
    }

    /// A peer that asks without reading the answers is not read from until it does, nor one that asks behind a poll.
    private var isAnswerOutstanding: Bool {
        phase == .http ? isAwaitingWritable || isAwaitingAnswer : partialHead != nil
    }

    /// Until the next answer is out.
    func pauseReading() { updateInterest(awaitingWritable: isAwaitingWritable) }

    // MARK: Input

    func handle(_ ready: Ready) {
        if security != .plain { return handleBeforePlain(ready) }
        if isAwaitingWritable, ready.contains(.writable) || ready.contains(.error) || ready.contains(.hangup) {
            goOnWriting()
        }
        guard phase != .closed, !isReadingPaused else { return }
        if ready.contains(.readable) || ready.contains(.hangup) || ready.contains(.error) { read() }
    }

    /// The socket may take more now.
    func goOnWriting() {
        flush()
        // Requests that were put aside until the peer had read its answers.
        goOnReceiving()
    }

    /// The most that is read at a time, so that nobody is held up by what another sends: any usual head; of frames, each of
    /// which may ask for an answer, fewer; of what is thrown away, more.
    private var bytesPerRead: Int {
        switch phase {
        case .http: publishing == nil ? 8192 : loop.receiveBuffer.count
        case .open, .closing: 1024
        case .lingering, .closed: 16_384
        }
    }

    /// Who has sent more than this since it was last read from waits for its turn before it is read from again. Clients of a
    /// push gateway hardly speak, and one frame of theirs is not so long.
    private static let bytesWithoutWaiting = 256

    func read() {
        guard phase != .closed, !isReadingPaused else { return }
        let isRequest = phase == .http
        let buffer = UnsafeMutableRawBufferPointer(rebasing: loop.receiveBuffer[..<bytesPerRead])
        switch stream.read(into: buffer) {
        case .bytes(let count):
            subscriber?.session.heard()
            receive(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
            if count == buffer.count || !isRequest && count > Self.bytesWithoutWaiting { waitForTurn() }
        case .wouldBlock:
            break
        case .endOfStream:
            // A TLS client that waits for the answer to its close_notify is given it.
            if stream.isSecure { stream.shutdownWrite() }
            end(.client)
        case .failed(let error):
            end(error.code == ECONNRESET ? .client : .init(error))
        }
    }

    /// Until ``takeTurn()`` nothing more is taken from it.
    func waitForTurn(in queue: InputQueue? = nil) {
        guard !isQueued, phase != .closed else { return }
        isQueued = true
        updateInterest(awaitingWritable: isAwaitingWritable)
        (queue ?? loop.inputs).add(self)
    }

    /// Its turn has come: goes on with what was put aside, reads, or goes on with its handshake.
    func takeTurn() {
        isQueued = false
        isReadingPaused = isAnswerOutstanding
        if phase == .http, partialHead?.isPutAside == true {
            goOnReceiving()
        } else if security == .plain {
            read()
        }
        guard phase != .closed, !isQueued else { return }
        if security == .plain {
            updateInterest(awaitingWritable: isAwaitingWritable)
        } else {
            handleSecure(isItsTurn: true)
        }
    }

    private func receive(_ bytes: UnsafeMutableRawBufferPointer) {
        switch phase {
        case .http: receiveHTTP(bytes)
        case .open, .closing: receiveInSession(bytes)
        case .lingering, .closed: break
        }
    }

    /// Takes what comes while a session is open or ending.
    func receiveInSession(_ bytes: UnsafeMutableRawBufferPointer) {
        guard phase == .open || phase == .closing else { return }
        guard let subscriber else { return }
        switch subscriber.encoding {
        case .webSocket, .compressedWebSocket: receiveFrames(bytes, subscriber)
        case .eventStream: receiveUninvited(bytes.count, subscriber)
        case .poll: receiveBehindPoll(bytes)
        }
    }
}
