import Configuration
import EventLoop
import HTTP1
import JSONWebToken
import Logging
import Metrics
import WebSocket

/// Plain requests, and the one that upgrades.
extension Connection {
    /// Each costs an answer, and thousands may have been sent at once.
    private static let requestsAtATime = 4

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
        var answered = 0
        while phase == .http, !rest.isEmpty {
            if let publishing, publishing.state == .receiving {
                let taken = receiveBody(UnsafeRawBufferPointer(rest), publishing)
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[taken...])
                continue
            }
            guard output.isEmpty, !isAwaitingAnswer else {
                // The peer does not read its answers, or has not got the last one yet: its further requests wait.
                partialHead = PartialHead(rest, parser, isPutAside: true)
                return
            }
            guard answered < Self.requestsAtATime else {
                partialHead = PartialHead(rest, parser, isPutAside: true)
                return waitForTurn()
            }
            switch parser.parse(UnsafeRawBufferPointer(rest)) {
            case .needMore:
                partialHead = PartialHead(rest, parser, isPutAside: false)
                return
            case .refused(let refusal):
                return refuse(.head(refusal))
            case .head(let head, let consumed):
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
                answer(head)
                answered += 1
            }
        }
        if !rest.isEmpty { receiveInSession(rest) }
    }

    private func answer(_ head: RequestHead) {
        noteForwardedFor(head)
        loop.givenRequestID = RequestID.given(head.first("x-request-id"))
        defer { loop.givenRequestID = nil }
        guard port == .main else { return answerMonitor(head) }
        if loop.context.settings.console, let below = head.below(Self.consolePath) { return answerConsole(below) }
        route(head)
    }

    /// To who answers what lies at the path.
    func route(_ head: RequestHead) {
        if head.listContains("upgrade", "websocket") { return upgrade(head) }
        if head.hasPath("/events") { return answerEvents(head) }
        if head.hasPath("/api/v1/async_event/") || head.hasPath("/api/v1/async_event") { return answerPoll(head) }
        if head.hasPath("/api/publish") { return answerPublish(head) }
        if head.hasPath("/api/presence"), loop.context.settings.presence { return answerPresence(head) }
        if answerClientFile(head) { return }
        answerMonitor(head)
    }

    /// Whether the connection goes on behind the answer to this request. A body is not read, so what follows it cannot be
    /// found.
    func staysOpen(after head: RequestHead) -> Bool { head.keepAlive && !head.hasBody }

    func reply(_ response: Response, to head: RequestHead) {
        reply(response, keep: staysOpen(after: head), toHead: head.method == .head)
    }

    func reply(_ response: Response, keep: Bool, toHead: Bool) {
        setDeadline(loop.now.advanced(byMilliseconds: loop.context.handshakeTimeout))
        send(response.serialized(connection: keep ? .keepAlive : .close, date: loop.date.bytes(), toHead: toHead))
        if !keep { finishAfterFlush() }
    }

    /// Goes on with requests that were put aside until the last one's answer was out.
    func goOnReceiving() {
        guard phase == .http, output.isEmpty, !isAwaitingAnswer, !isQueued else { return }
        if partialHead != nil { receiveHTTP(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }
        readOnIfDecrypted()
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
        response.fields += fields + [requestIDField]
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
        var compression: String?
        if loop.context.settings.compression {
            switch PerMessageDeflate.answer(head.values("sec-websocket-extensions"), policy: DeflatedEvents.policy) {
            case .declined: break
            case .accepted(_, let response): compression = response
            case .malformed: return refuse(.handshake(.extensionsMalformed))
            }
        }

        let admitted: Admitted
        switch admit(head) {
        case .admitted(let value): admitted = value
        case .refused(let refusal): return refuse(refusal)
        }
        if let refusal = takePlace(admitted.channel) { return refuse(refusal) }
        let liveness = Liveness(
            now: loop.now, limits: loop.context.liveness, phase: Double.random(in: 0..<1, using: &loop.jitter))
        let resume = resumePoint(head)
        open(
            admitted, compression == nil ? .webSocket : .compressedWebSocket, .webSocket(liveness),
            answer: Handshake.response(accept: accept, extensions: compression) + positionNotice(head, resume),
            resume: resume, tellsGaps: wantsGaps(head))
    }

    /// What log lines about this connection carry.
    func metadata(_ further: Logger.Metadata) -> Logger.Metadata {
        var metadata = further
        metadata["peer"] = "\(peer)"
        metadata["request"] = "\(requestID)"
        return metadata
    }

    /// What the line about a session's end carries.
    func closingMetadata(_ subscriber: Subscriber, _ reason: CloseReason) -> Logger.Metadata {
        metadata([
            "reason": "\(reason.explanation)", "durationMs": "\(loop.now.milliseconds(since: subscriber.arrivedAt))",
            "deliveries": "\(traffic.events)", "bytes": "\(traffic.bytes)",
        ])
    }

}
