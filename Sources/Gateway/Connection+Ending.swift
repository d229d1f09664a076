import EventLoop
import HTTP1
import Metrics
import WebSocket

/// How a connection ends, and its deadlines.
extension Connection {
    /// How long a peer may take to answer our close frame, or to close after our last answer: long enough for any
    /// network, short enough that a peer who does not bother holds nothing.
    static let closingMilliseconds: Int64 = 2000

    /// Ends the connection for a reason: by the book where the peer can still be told, else at once.
    func end(_ reason: CloseReason) {
        switch phase {
        case .open where subscriber?.encoding == .poll:
            endPoll(reason)
        case .open:
            loop.leave(self, reason)
            guard let frame = reason.closeFrame, let subscriber else { return close() }
            phase = .closing
            setDeadline(loop.now.advanced(byMilliseconds: Self.closingMilliseconds))
            switch subscriber.encoding {
            case .webSocket, .compressedWebSocket:
                send(Frame.close(frame.code, reason: frame.text))
                if case .violation = reason { finishAfterFlush() }
            case .eventStream:
                endEventStream(reason, frame.text)
            case .poll:
                break
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
        if output.isEmpty, !stream.hasUnsentOutput { linger() }
    }

    /// Closing a socket with unread input resets it, and the peer may lose our last words: so read on until it closes.
    func linger() {
        phase = .lingering
        stream.shutdownWrite()
        updateInterest(awaitingWritable: false)
        setDeadline(loop.now.advanced(byMilliseconds: Self.closingMilliseconds))
    }

    /// Lets go of the socket at once.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        publishing = nil
        if isAwaitingWritable { loop.counters.socketsBlocked -= 1 }
        loop.forget(self)
        stream.close()
    }

    // MARK: Deadlines

    /// Sees to it that ``checkDeadline(_:)`` is called at that time, and at no other.
    func setDeadline(_ time: MonotonicTime) {
        guard phase != .closed else { return }
        loop.deadlines.set(stream.descriptor, to: time)
    }

    /// The deadline has come.
    func checkDeadline(_ now: MonotonicTime) {
        switch phase {
        case .http:
            if let publishing { return publishDeadlineHasCome(publishing) }
            countUnfinishedHandshake()
            // Who has not read its last answer will not read this one: it is not told.
            if partialHead == nil || !output.isEmpty { close() } else { refuse(.handshakeTimeout) }
        case .open:
            checkSession(now)
        case .closing, .lingering:
            close()
        case .closed:
            break
        }
    }
}
