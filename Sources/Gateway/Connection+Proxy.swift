import EventLoop
import HTTP1
import Logging
import Metrics

/// A connection that comes by way of a proxy: whom it speaks for, for the log and whatever counts by address.
extension Connection {
    /// Takes the header that stands before everything else where `proxyProtocol` is set. Returns whether it is through.
    func takeProxyHeader(_ ready: Ready) -> Bool {
        guard isFromTrustedProxy || loop.context.proxies.isEmpty else {
            refuseProxyHeader("the peer is not one of trustedProxies")
            return false
        }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: loop.receiveBuffer[..<ProxyHeader.maxBytes])
        guard case .bytes(let count) = stream.peek(into: buffer) else {
            close()
            return false
        }
        switch ProxyHeader.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
        case .needMore:
            // What has come stays in the socket, which is not to say so again until there is more.
            if ready.contains(.hangup) || ready.contains(.error) { close() } else { stream.setLowWaterMark(count + 1) }
            return false
        case .invalid(let sentence):
            refuseProxyHeader(sentence)
            return false
        case .header(let client, let length):
            guard stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])) == .bytes(length) else {
                close()
                return false
            }
            stream.setLowWaterMark(1)
            if let client {
                peer = client
                isFromTrustedProxy = loop.context.proxies.contains(client)
            }
            security = loop.certificates == nil ? .plain : .awaitingHello
            return true
        }
    }

    private func refuseProxyHeader(_ reason: String) {
        loop.counters.handshakesRefused.add("proxy_header")
        loop.logger.debug("refused a connection", metadata: metadata(["reason": "\(reason)"]))
        security = .plain
        finishAfterFlush()
    }

    /// Whom a request of a trusted proxy comes from, if it says so (`X-Forwarded-For`).
    func noteForwardedFor(_ head: RequestHead) {
        guard isFromTrustedProxy else { return }
        if let client = loop.context.proxies.client(forwardedFor: head.values("x-forwarded-for")) { peer = client }
    }
}
