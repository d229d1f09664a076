import EventLog
import EventLoop
import Glibc
import HTTP1
import Metrics
import WebSocket

/// One accepted socket from its first byte to its last: input and output, deadlines, and how it ends.
///
/// What is spoken on it lives beside this file: `Connection+HTTP.swift`, `Connection+WebSocket.swift`,
/// `Connection+EventStream.swift`; how a request becomes a session, in `Connection+Session.swift`. Confined to its loop's
/// thread; owned by the loop's table.
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

    unowned let loop: GatewayLoop
    let stream: ByteStream
    let peer: SocketAddress
    /// Which listener it came from.
    let port: Port
    /// Its descriptor, and a serial number that tells it from others that had the descriptor before.
    let token: UInt64
    var registration: Registration?
    var phase = Phase.http
    var output = PendingOutput()
    /// The beginning of a head that has not arrived whole; empty otherwise.
    var partialHead: [UInt8] = []
    var headParser: RequestHeadParser
    var subscriber: Subscriber?
    /// Close once the output is flushed: after the last answer, or after both close frames.
    private var endsWhenFlushed = false
    private var isReadingPaused = false
    /// `/metrics` was asked for, and the loops have not answered yet.
    var isAwaitingFigures = false
    /// What was written so far, for the log.
    private(set) var traffic = Traffic()
    /// When this connection must be looked at; the loop's wheel holds a token for it.
    var deadline: MonotonicTime
    var scheduledFor: MonotonicTime?

    /// How long a peer may take to answer our close frame, or to close after our last answer: long enough for any
    /// network, short enough that a peer who does not bother holds nothing.
    static let closingMilliseconds: Int64 = 2000

    struct Traffic {
        var bytes = 0
        /// Events that were begun.
        var events: UInt32 = 0

        mutating func add(bytes: Int, events: Int) {
            self.bytes += bytes
            self.events &+= UInt32(truncatingIfNeeded: events)
        }
    }

    init(loop: GatewayLoop, stream: ByteStream, peer: SocketAddress, port: Port, serial: UInt32) {
        self.loop = loop
        self.stream = stream
        self.peer = peer
        self.port = port
        token = UInt64(serial) << 32 | UInt64(UInt32(bitPattern: stream.descriptor))
        headParser = RequestHeadParser(limits: loop.context.headLimits)
        deadline = loop.now.advanced(byMilliseconds: loop.context.handshakeTimeout)
    }

    // MARK: Output

    enum SendOutcome {
        case sent
        /// The socket took `bytes` bytes, that is, it began `started` of the events; the rest of the last one it began
        /// is kept here.
        case blocked(started: Int, bytes: Int)
        case closed
    }

    /// Whether an event may be written now: the session is open, nothing waits before it, and the socket has room as
    /// far as is known.
    var canSend: Bool { phase == .open && output.isEmpty && !isAwaitingWritable }

    /// Writes the events of the gather, which is in this session's encoding.
    func write(_ gather: Gather) -> SendOutcome {
        guard canSend else { return .blocked(started: 0, bytes: 0) }
        let outcome = gather.slices.withUnsafeBufferPointer { stream.write(gathering: $0) }
        switch outcome {
        case .wrote(let count) where count == gather.byteCount:
            traffic.add(bytes: count, events: gather.events.count)
            if gather.encoding == .eventStream, case .eventStream(let session)? = subscriber?.session {
                session.heartbeat.wrote(now: loop.now)
            }
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

    /// Sends a few bytes in one piece: an answer or a control frame.
    func send(_ bytes: [UInt8]) {
        guard phase != .closed, phase != .lingering else { return }
        queue(bytes)
        flush()
    }

    /// Puts a few bytes behind what waits; ``flush()`` sends them.
    func queue(_ bytes: [UInt8]) { bytes.withUnsafeBytes { output.append($0) } }

    /// Writes what waits, and goes on with what waited for it.
    func flush() {
        var written = 0
        let outcome = output.flush(to: stream, written: &written)
        traffic.add(bytes: written, events: 0)
        loop.counters.bytesSent += written
        switch outcome {
        case .all:
            updateInterest(awaitingWritable: false)
            if endsWhenFlushed { return linger() }
            // Behind a close frame nothing more is sent (RFC 6455 section 5.5.1).
            guard phase == .open else { return }
            if case .webSocket(let session)? = subscriber?.session, let pong = session.owedPong {
                session.owedPong = nil
                return send(pong)
            }
            if let subscriber, subscriber.isLagging { loop.advance(subscriber) }
        case .blocked:
            updateInterest(awaitingWritable: true)
        case .failed(let error):
            endAfterSendError(error)
        }
    }

    private func endAfterSendError(_ error: SystemError) {
        if let subscriber { loop.countSendError(subscriber.session.encoding) }
        end(.init(error))
    }

    private var isAwaitingWritable = false

    private func updateInterest(awaitingWritable: Bool) {
        if awaitingWritable != isAwaitingWritable {
            isAwaitingWritable = awaitingWritable
            loop.counters.socketsBlocked += awaitingWritable ? 1 : -1
        }
        // A peer that asks without reading the answers is not read from until it does.
        isReadingPaused = (awaitingWritable || isAwaitingFigures) && phase == .http
        guard let registration else { return }
        var interest: Interest = isReadingPaused ? [] : .read
        if awaitingWritable { interest.insert(.write) }
        loop.events.modify(registration, interest: interest)
    }

    /// Until the next answer is out.
    func pauseReading() { updateInterest(awaitingWritable: isAwaitingWritable) }

    // MARK: Input

    func handle(_ ready: Ready) {
        if isAwaitingWritable, ready.contains(.writable) || ready.contains(.error) || ready.contains(.hangup) {
            flush()
            // Requests that were put aside until the peer had read its answers.
            goOnReceiving()
        }
        guard phase != .closed, !isReadingPaused else { return }
        if ready.contains(.readable) || ready.contains(.hangup) || ready.contains(.error) { readAll() }
    }

    /// Reads of one turn: so that a peer that never stops sending does not hold the loop.
    private static let readsPerTurn = 4
    /// Bytes of requests taken in one turn: any usual head, but not thousands of pipelined ones, each of which costs an
    /// answer.
    private static let requestBytesPerTurn = 8192

    private func readAll() {
        for _ in 0..<Self.readsPerTurn {
            guard phase != .closed, !isReadingPaused else { return }
            let isRequest = phase == .http
            let whole = loop.receiveBuffer
            let buffer = isRequest ? UnsafeMutableRawBufferPointer(rebasing: whole[..<Self.requestBytesPerTurn]) : whole
            switch stream.read(into: buffer) {
            case .bytes(let count):
                if case .webSocket(let session)? = subscriber?.session { session.liveness.heard() }
                receive(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
                if count < buffer.count || isRequest { return }
            case .wouldBlock:
                return
            case .endOfStream:
                return end(.client)
            case .failed(let error):
                return end(error.code == ECONNRESET ? .client : .init(error))
            }
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
        switch subscriber?.session {
        case .webSocket(let session): receiveFrames(bytes, session)
        case .eventStream(let session): receiveUninvited(bytes.count, session)
        case nil: break
        }
    }

    // MARK: Ending

    /// Ends the connection for a reason: by the book where the peer can still be told, else at once.
    func end(_ reason: CloseReason) {
        switch phase {
        case .open:
            loop.leave(self, reason)
            guard let frame = reason.closeFrame, let subscriber else { return close() }
            phase = .closing
            setDeadline(loop.now.advanced(byMilliseconds: Self.closingMilliseconds))
            switch subscriber.session {
            case .webSocket:
                send(Frame.close(frame.code, reason: frame.text))
                if case .violation = reason { finishAfterFlush() }
            case .eventStream:
                endEventStream(reason, frame.text)
            }
        case .http, .closing, .lingering:
            close()
        case .closed:
            break
        }
    }

    /// Shuts our side down when all output is out, and waits for the peer to close.
    func finishAfterFlush() {
        guard phase != .closed, phase != .lingering else { return }
        endsWhenFlushed = true
        if output.isEmpty { linger() }
    }

    /// Closing a socket with unread input resets it, and the peer may lose our last words: so read on until it closes.
    private func linger() {
        phase = .lingering
        stream.shutdownWrite()
        updateInterest(awaitingWritable: false)
        setDeadline(loop.now.advanced(byMilliseconds: Self.closingMilliseconds))
    }

    /// Lets go of the socket at once.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        if isAwaitingWritable { loop.counters.socketsBlocked -= 1 }
        loop.forget(self)
        stream.close()
    }

    // MARK: Deadlines

    func setDeadline(_ time: MonotonicTime) {
        deadline = time
        loop.deadlines.schedule(self)
    }

    /// The deadline has come.
    func checkDeadline(_ now: MonotonicTime) {
        switch phase {
        case .http:
            // Who has not read its last answer will not read this one: it is not told.
            if partialHead.isEmpty || !output.isEmpty { close() } else { refuse(.handshakeTimeout) }
        case .open:
            checkSession(now)
        case .closing, .lingering:
            close()
        case .closed:
            break
        }
    }
}
