import Configuration
import EventLoop
import HTTP1
import JSONWebToken
import Logging
import Metrics
import WebSocket

/// Plain requests, and the one that upgrades.
extension Connection {
    /// Takes bytes while no session is open; none, to go on with what was put aside.
    func receiveHTTP(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let partial = partialHead else {
            return parseHeads(bytes, RequestHeadParser(limits: loop.context.headLimits))
        }
        partialHead = nil
        partial.bytes.append(contentsOf: bytes)
        partial.bytes.withUnsafeMutableBytes { parseHeads($0, partial.parser) }
    }

    /// - Parameter parser: what has looked at the beginning of the first head, if that came before.
    private func parseHeads(_ bytes: UnsafeMutableRawBufferPointer, _ parser: RequestHeadParser) {
        var parser = parser
        var rest = bytes
        while phase == .http, !rest.isEmpty {
            guard output.isEmpty else {
                // The peer does not read its answers: its further requests wait.
                partialHead = PartialHead(rest, parser)
                return
            }
            switch parser.parse(UnsafeRawBufferPointer(rest)) {
            case .needMore:
                partialHead = PartialHead(rest, parser)
                return
            case .refused(let refusal):
                return refuse(.head(refusal))
            case .head(let head, let consumed):
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
                answer(head)
            }
        }
        if !rest.isEmpty { receiveInSession(rest) }
    }

    private func answer(_ head: RequestHead) {
        noteForwardedFor(head)
        if head.listContains("upgrade", "websocket") { return upgrade(head) }
        if head.hasPath("/events") { return answerEvents(head) }
        switch route(head) {
        case .success(let response):
            reply(response, to: head)
        case .failure(let refusal):
            reply(refusal.response, to: head)
        }
    }

    private enum Routed {
        case success(Response)
        case failure(RequestRefusal)
    }

    private func route(_ head: RequestHead) -> Routed {
        let isHealth = head.hasPath("/health")
        guard isHealth || head.hasPath("/ready") else { return .failure(.notFound) }
        guard head.method == .get || head.method == .head else { return .failure(.wrongMethod(allowed: "GET, HEAD")) }
        if isHealth {
            return .success(
                Response(
                    .ok,
                    fields: [.init("Content-Type", "text/plain; charset=utf-8"), .init("Cache-Control", "no-store")],
                    body: .bytes(Array("OK".utf8))))
        }
        let noStore = Response.Field("Cache-Control", "no-store")
        if let reason = loop.unreadiness {
            return .success(
                Response(.serviceUnavailable, text: reason, fields: [noStore, .init("Retry-After", "2")]))
        }
        return .success(Response(.ok, text: "ready", fields: [noStore]))
    }

    func reply(_ response: Response, to head: RequestHead) {
        // A body is not read, so what follows it on the connection cannot be found.
        let keep = head.keepAlive && !head.hasBody
        setDeadline(loop.now.advanced(byMilliseconds: loop.context.handshakeTimeout))
        send(
            response.serialized(
                connection: keep ? .keepAlive : .close, date: loop.date.bytes(), toHead: head.method == .head))
        if !keep { finishAfterFlush() }
    }

    /// Answers with a refusal and ends the connection.
    /// - Parameters:
    ///   - toHead: the request was HEAD, whose answer has no body.
    ///   - fields: further ones of the answer.
    func refuse(_ refusal: RequestRefusal, toHead: Bool = false, fields: [Response.Field] = []) {
        if let tag = refusal.tag { loop.counters.handshakesRefused.add(tag) }
        loop.logRefusal(refusal, self)
        partialHead = nil
        var response = refusal.response
        response.fields += fields
        send(response.serialized(connection: .close, date: loop.date.bytes(), toHead: toHead))
        finishAfterFlush()
    }

    // MARK: Upgrading

    /// The opening handshake of RFC 6455 section 4.2, and who may come in.
    private func upgrade(_ head: RequestHead) {
        let accept: [UInt8]
        switch Handshake.validate(
            isGet: head.method == .get, httpMinor: head.minorVersion, upgradeHasWebSocket: true,
            connectionHasUpgrade: head.listContains("connection", "upgrade"),
            versions: head.values("sec-websocket-version"), keys: head.values("sec-websocket-key"))
        {
        case .accepted(let value): accept = value
        case .refused(let refusal): return refuse(.handshake(refusal), toHead: head.method == .head)
        }
        guard !head.hasBody else { return refuse(.bodyInHandshake) }

        let admitted: Admitted
        switch admit(head) {
        case .admitted(let value): admitted = value
        case .refused(let refusal): return refuse(refusal)
        }
        if let refusal = takePlace(admitted.channel) { return refuse(refusal) }
        let liveness = Liveness(
            now: loop.now, limits: loop.context.liveness, phase: Double.random(in: 0..<1, using: &loop.jitter))
        open(
            admitted, .webSocket(liveness), answer: Handshake.response(accept: accept), resume: resumePoint(head),
            tellsGaps: wantsGaps(head))
    }

    /// What log lines about this connection carry.
    func metadata(_ further: Logger.Metadata) -> Logger.Metadata {
        var metadata = further
        metadata["peer"] = "\(peer)"
        return metadata
    }
}
