import Configuration
import EventLog
import EventLoop
import HTTP1
import JSONWebToken
import Logging
import Metrics
import WebSocket

/// Plain requests, and the one that upgrades.
extension Connection {
    /// Takes bytes while no WebSocket is open; none, to go on with what was put aside.
    func receiveHTTP(_ bytes: UnsafeMutableRawBufferPointer) {
        guard !partialHead.isEmpty else { return parseHeads(bytes) }
        partialHead.append(contentsOf: bytes)
        var whole: [UInt8] = []
        swap(&whole, &partialHead)
        whole.withUnsafeMutableBytes { parseHeads($0) }
    }

    private func parseHeads(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = bytes
        while phase == .http, !rest.isEmpty {
            guard output.isEmpty else {
                // The peer does not read its answers: its further requests wait.
                partialHead = [UInt8](rest)
                headParser = RequestHeadParser(limits: loop.context.headLimits)
                return
            }
            switch headParser.parse(UnsafeRawBufferPointer(rest)) {
            case .needMore:
                partialHead = [UInt8](rest)
                return
            case .refused(let refusal):
                return refuse(.head(refusal))
            case .head(let head, let consumed):
                headParser = RequestHeadParser(limits: loop.context.headLimits)
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
                answer(head)
            }
        }
        if phase == .open || phase == .closing, !rest.isEmpty { receiveFrames(rest) }
    }

    private func answer(_ head: RequestHead) {
        if head.listContains("upgrade", "websocket") { return upgrade(head) }
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

    private func reply(_ response: Response, to head: RequestHead) {
        // A body is not read, so what follows it on the connection cannot be found.
        let keep = head.keepAlive && !head.hasBody
        setDeadline(loop.now.advanced(byMilliseconds: loop.context.handshakeTimeout))
        send(
            response.serialized(
                connection: keep ? .keepAlive : .close, date: loop.date.bytes(), toHead: head.method == .head))
        if !keep { finishAfterFlush() }
    }

    /// Answers with a refusal and ends the connection.
    /// - Parameter toHead: the request was HEAD, whose answer has no body.
    func refuse(_ refusal: RequestRefusal, toHead: Bool = false) {
        if let tag = refusal.tag { loop.counters.handshakesRefused.add(tag) }
        loop.logRefusal(refusal, self)
        partialHead = []
        send(refusal.response.serialized(connection: .close, date: loop.date.bytes(), toHead: toHead))
        finishAfterFlush()
    }

    // MARK: Upgrading

    /// The opening handshake of RFC 6455 section 4.2, and who may come in.
    private func upgrade(_ head: RequestHead) {
        let accept: String
        switch Handshake.validate(
            isGet: head.method == .get, httpMinor: head.minorVersion, upgradeHasWebSocket: true,
            connectionHasUpgrade: head.listContains("connection", "upgrade"),
            versions: head.values("sec-websocket-version"), keys: head.values("sec-websocket-key"))
        {
        case .accepted(let value): accept = value
        case .refused(let refusal): return refuse(.handshake(refusal), toHead: head.method == .head)
        }
        guard !head.hasBody else { return refuse(.bodyInHandshake) }

        let identity: Identity
        switch admit(head) {
        case .admitted(let admitted): identity = admitted
        case .refused(let refusal): return refuse(refusal)
        }
        let channel = Channel(identity.channel)
        switch loop.context.limits.admit(channel) {
        case .admitted: break
        case .tooMany: return refuse(.tooManyConnections)
        case .tooManyOnChannel: return refuse(.tooManyOnChannel)
        }

        let response = Response(
            .switchingProtocols, fields: [.init("Upgrade", "websocket"), .init("Sec-WebSocket-Accept", accept)])
        send(response.serialized(connection: .upgrade))
        guard phase == .http else { return loop.context.limits.release(channel) }
        open(channel, identity, resume: resumePoint(head))
    }

    private enum Admission {
        case admitted(Identity)
        case refused(RequestRefusal)
    }

    private func admit(_ head: RequestHead) -> Admission {
        switch loop.availability {
        case .starting: return .refused(.starting)
        case .draining: return .refused(.draining)
        case .serving: break
        }
        let origins = head.values("origin").map { String(decoding: $0, as: UTF8.self) }
        guard loop.context.origins.allows(origins: origins, host: head.host) else {
            return .refused(.origin(printable(Array(origins.joined(separator: ", ").utf8))))
        }
        guard let token = head.cookies(named: loop.context.cookieName) else { return .refused(.noToken) }
        let verification = token.withUnsafeBytes {
            loop.context.verifier.verify($0, nowMilliseconds: WallClock.nowMilliseconds())
        }
        switch verification {
        case .accepted(let identity): return .admitted(identity)
        case .refused(let refusal): return .refused(.token(refusal))
        }
    }

    /// What the client says it has had.
    private func resumePoint(_ head: RequestHead) -> ResumePoint? {
        if let text = head.queryParameter("last_id"), !text.isEmpty {
            if let id = text.withUnsafeBytes({ StreamID(text: $0) }) { return .claimed(id) }
            loop.logger.debug(
                "ignored a malformed last_id",
                metadata: metadata(["last_id": "\(printable(text))", "expected": "<milliseconds>-<sequence>"]))
        }
        let recent = Int64(loop.context.settings.replayRecentMs)
        guard recent > 0 else { return nil }
        let since = max(WallClock.nowMilliseconds() - recent, 0)
        return .settled(StreamID(milliseconds: UInt64(since), sequence: 0).predecessor, frontier: nil)
    }

    private func open(_ channel: Channel, _ identity: Identity, resume: ResumePoint?) {
        phase = .open
        let now = loop.now
        let subscriber = Subscriber(
            connection: self, members: loop.channels.join(channel),
            decoder: FrameDecoder(role: .server, maxMessageBytes: loop.context.settings.maxClientMessageBytes),
            liveness: Liveness(now: now, limits: loop.context.liveness, phase: Double.random(in: 0..<1)),
            arrival: loop.log.lastID, expiresAt: loop.context.expiry(of: identity, now: now))
        self.subscriber = subscriber
        subscriber.members.add(subscriber)
        loop.countSession()
        loop.statsD.count("ws_connected_client")
        loop.logger.debug(
            "opened a WebSocket",
            metadata: metadata([
                "channel": "\(printable(channel.name))", "resume": "\(resume.map { "\($0.id)" } ?? "now")",
            ]))
        switch resume {
        case nil:
            subscriber.position = .live
        case .claimed(let id):
            switch loop.log.place(id, of: channel) {
            case .event(let number):
                if number < loop.log.lastNumber { loop.counters.replaysFromMemory += 1 }
                subscriber.position = .log(number, id)
            case .unknown:
                subscriber.position = .history(.claimed(id))
            }
        case .settled(let id, let frontier):
            subscriber.position = .history(.settled(id, frontier: frontier))
        }
        setDeadline(nextSessionDeadline(subscriber))
        loop.advance(subscriber)
    }

    /// Bytes from outside as they may stand in a log line: ASCII without control characters, not longer than an ID
    /// could be.
    private func printable(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(80).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: shown, as: UTF8.self) + (bytes.count > 80 ? "…" : "")
    }

    /// What log lines about this connection carry.
    func metadata(_ further: Logger.Metadata) -> Logger.Metadata {
        var metadata = further
        metadata["peer"] = "\(peer)"
        return metadata
    }
}
