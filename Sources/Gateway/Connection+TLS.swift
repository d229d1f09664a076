import EventLoop
import Logging
import Metrics

/// A connection of a port that speaks TLS: its handshake, and what reading and writing ask for beyond a plain socket's.
extension Connection {
    /// How far a connection is.
    enum Security {
        /// The port speaks plain HTTP, or it turned out that the peer does not speak TLS.
        case plain
        /// The header of the PROXY protocol has not come whole.
        case awaitingProxyHeader
        /// No byte has come: nothing was made for TLS yet, so that who only connects costs no more than elsewhere.
        case awaitingHello
        case handshaking
        case established
    }

    /// Readiness of a connection that is not, or not yet, a plain one.
    func handleBeforePlain(_ ready: Ready) {
        if security == .awaitingProxyHeader {
            guard takeProxyHeader(ready) else { return }
            if security == .plain { return handle(ready) }
        }
        handleSecure()
    }

    /// Readiness, in the order that TLS wants: reading may have to write, and writing to read.
    func handleSecure(isItsTurn: Bool = false) {
        guard security == .established || goOnWithHandshake(isItsTurn) else { return }
        if !isReadingPaused { read() }
        if isAwaitingWritable, phase != .closed { goOnWriting() }
        guard phase != .closed else { return }
        updateInterest(awaitingWritable: isAwaitingWritable)
        readOnIfDecrypted()
    }

    /// Of what is decrypted already, the socket will not tell.
    func readOnIfDecrypted() {
        guard security == .established, phase != .closed, !isReadingPaused, stream.hasBufferedInput else { return }
        loop.events.atEndOfTurn { [weak self] in
            if let self, phase != .closed { handleSecure() }
        }
    }

    /// Whether the connection can be read from and written to.
    private func goOnWithHandshake(_ isItsTurn: Bool) -> Bool {
        if security == .awaitingHello, !begin() { return false }
        guard isItsTurn else {
            waitForTurn(in: loop.handshakes)
            return false
        }
        switch stream.finishConnecting() {
        case .connected:
            security = .established
            if stream.isEncryptedByKernel {
                loop.counters.tlsHandshakesKernel += 1
            } else {
                loop.counters.tlsHandshakesOpenSSL += 1
            }
            return true
        case .inProgress:
            updateInterest(awaitingWritable: false)
        case .failed(let sentence):
            refuseHandshake(sentence)
        }
        return false
    }

    private func begin() -> Bool {
        switch stream.peekFirstByte() {
        case .wouldBlock:
            return false
        case .endOfStream, .failed:
            close()
            return false
        case .byte(ByteStream.firstByteOfTLS):
            guard let certificates = loop.certificates else { return false }
            do {
                try stream.startTLS(certificates, buffer: loop.recordBuffer)
                security = .handshaking
                return true
            } catch {
                loop.logger.error("a TLS session could not be made: \(error)", metadata: metadata([:]))
                close()
                return false
            }
        case .byte(UInt8(ascii: "A")...UInt8(ascii: "Z")):
            // As all methods of HTTP begin.
            security = .plain
            refuse(.plainHTTP)
            return false
        case .byte:
            refuseHandshake("The peer does not speak TLS.")
            return false
        }
    }

    private func refuseHandshake(_ sentence: String) {
        loop.counters.handshakesRefused.add("tls")
        loop.logger.debug("refused a connection", metadata: metadata(["reason": "\(sentence)"]))
        security = .plain
        stream.leaveTLS()
        // OpenSSL has sent its alert: read on until the peer has had it.
        finishAfterFlush()
    }

    /// The deadline of the handshake and the request's head has come before the handshake was complete.
    func countUnfinishedHandshake() {
        if security == .handshaking { loop.counters.handshakesRefused.add("tls_timeout") }
    }
}
