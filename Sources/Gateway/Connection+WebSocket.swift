import Configuration
import EventLoop
import Metrics
import WebSocket

/// An open WebSocket: what the client sends, and whether it is still there.
extension Connection {
    private static let ping = [].withUnsafeBytes { Frame.encode(.ping, payload: $0) }

    /// Takes frames' bytes; they are unmasked in place.
    func receiveFrames(_ bytes: UnsafeMutableRawBufferPointer, _ subscriber: Subscriber) {
        // Kept only while something is under way in it: a socket says little, and most of the time nothing.
        var decoder =
            subscriber.decoder
            ?? FrameDecoder(
                role: .server, maxMessageBytes: loop.context.settings.maxClientMessageBytes,
                takesCompressed: subscriber.encoding == .compressedWebSocket)
        subscriber.decoder = nil
        defer { if !decoder.isAtRest { subscriber.decoder = decoder } }
        // The pongs of one read leave in one write: pings are cheap to send, and writes are not.
        let canAnswer = output.isEmpty
        var consumed = 0
        while phase == .open || phase == .closing {
            switch decoder.decode(bytes, consumed: &consumed) {
            case nil:
                if canAnswer, !output.isEmpty { flush() }
                return
            case .data, .pong:
                // What browsers say is nobody's business here; that they say something was noted.
                continue
            case .ping(let payload):
                guard phase == .open else { continue }
                let pong = payload.withUnsafeBytes { Frame.encode(.pong, payload: $0) }
                if canAnswer { queue(pong) } else { subscriber.owedPong = pong }
            case .close(let code, _):
                return peerClosed(code)
            case .violation(let violation):
                if violation.closeCode == .messageTooBig { loop.counters.messagesTooLarge += 1 }
                return phase == .open ? end(.violation(violation)) : finishAfterFlush()
            }
        }
    }

    /// The peer's close frame: an answer to ours, or the beginning of the closing handshake, which is answered with the
    /// same code (RFC 6455 section 5.5.1).
    private func peerClosed(_ code: CloseCode?) {
        if phase == .open {
            loop.leave(self, .client)
            phase = .closing
            setDeadline(loop.now.advanced(byMilliseconds: Self.closingMilliseconds))
            send(Frame.close(code))
        }
        finishAfterFlush()
    }

    // MARK: Deadlines

    func checkLiveness(_ liveness: Liveness, _ subscriber: Subscriber, _ now: MonotonicTime) {
        var liveness = liveness
        let action = liveness.check(now: now, limits: loop.context.liveness)
        subscriber.session = .webSocket(liveness)
        switch action {
        case .wait:
            break
        case .ping:
            if output.isEmpty { send(Self.ping) }
        case .drop:
            end(.timeout)
        }
    }
}
