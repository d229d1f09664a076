import Configuration
import EventLog
import EventLoop
import HTTP1
import JSONWebToken
import Logging
import Metrics
import WebSocket

/// How a request becomes a session, whatever is spoken on it: who may come in, and from where on it is owed events.
extension Connection {
    /// Who may come in.
    struct Admitted {
        var channel: Channel
        var lifetime: Lifetime
    }

    enum Admission {
        case admitted(Admitted)
        case refused(RequestRefusal)
    }

    /// What keeps out whoever it is, told before the token is looked at.
    func refusalAtTheDoor(_ head: RequestHead) -> RequestRefusal? {
        switch loop.availability {
        case .starting: return .starting
        case .draining: return .draining
        case .serving: break
        }
        // Before anything that costs: the token is what a flood would make us check.
        guard loop.context.handshakeRate.admit(peer, now: loop.now) else { return .tooManyFromAddress }
        let origins = head.values("origin").map { String(decoding: $0, as: UTF8.self) }
        guard origins.isEmpty || loop.context.origins.allows(origins: origins, host: head.host) else {
            return .origin(printable(origins))
        }
        return nil
    }

    func admit(_ head: RequestHead) -> Admission {
        if let refusal = refusalAtTheDoor(head) { return .refused(refusal) }
        let context = loop.context
        switch identify(head) {
        case .identified(let identity):
            let lifetime = Lifetime(
                now: loop.now, expiresAt: context.expiry(of: identity, now: loop.now),
                maxAge: Int64(context.settings.maxConnectionAgeMs), share: Double.random(in: 0..<1))
            return .admitted(Admitted(channel: Channel(identity.channel), lifetime: lifetime))
        case .refused(let refusal): return .refused(refusal)
        }
    }

    /// Counts the connection in, to be counted out when it leaves its channel. Returns why there is no room, if so.
    func takePlace(_ channel: Channel) -> RequestRefusal? {
        switch loop.context.limits.admit(channel) {
        case .admitted: nil
        case .tooMany: .tooManyConnections
        case .tooManyOnChannel: .tooManyOnChannel
        }
    }

    /// What the client says it has had.
    /// - Parameter header: of `Last-Event-ID`, which a browser sets to the last ID it was given: newer than what stands in
    ///   the URL, which stays the same for all connections of an `EventSource`.
    func resumePoint(_ head: RequestHead, header: ArraySlice<UInt8>? = nil) -> ResumePoint? {
        for text in [header, head.queryParameter("last_id").map { $0[...] }] {
            guard let text, !text.isEmpty else { continue }
            if let id = text.withUnsafeBytes({ StreamID(text: $0) }) { return .claimed(id) }
            loop.logger.debug(
                "ignored a malformed last_id",
                metadata: metadata(["last_id": "\(printable(Array(text)))", "expected": "<milliseconds>-<sequence>"]))
        }
        let recent = Int64(loop.context.settings.replayRecentMs)
        guard recent > 0 else { return nil }
        let since = max(WallClock.nowMilliseconds() - recent, 0)
        return .settled(StreamID(milliseconds: UInt64(since), sequence: 0).predecessor, frontier: nil)
    }

    /// Whether the client asked to be told of gaps.
    func wantsGaps(_ head: RequestHead) -> Bool { head.queryParameter("gaps") == Array("1".utf8) }

    /// Where a client stands that brought no ID: told at once, so that one that is cut off before its first event misses
    /// nothing. Nil where there is nothing to tell.
    ///
    /// The end of the millisecond before the last event that was read. An event's own ID would do as well but for this: it
    /// may be the ID of an entry of the client's channel too, and would then be taken for that.
    func startingID(_ resume: ResumePoint?) -> StreamID? {
        switch resume {
        case .claimed: return nil
        case .settled(let id, _): return id
        case nil:
            let read = loop.log.lastID.milliseconds
            return read > 0 ? StreamID(milliseconds: read, sequence: 0).predecessor : nil
        }
    }

    /// The same for a WebSocket whose client asks for it (`?position=1`), as a frame in front of all events: `{"id": "<ID>", "position":
    /// true}`. Superset's front end does not ask: it would take it for an event.
    func positionNotice(_ head: RequestHead, _ resume: ResumePoint?) -> [UInt8] {
        guard head.queryParameter("position") == Array("1".utf8), let id = startingID(resume) else { return [] }
        return Array("{\"id\": \"\(id)\", \"position\": true}".utf8).withUnsafeBytes {
            Frame.encode(.text, payload: $0)
        }
    }

    /// Begins the session: answers, and sends what it is owed.
    func open(
        _ admitted: Admitted, _ encoding: Encoding, _ session: Session, answer: [UInt8], resume: ResumePoint?,
        tellsGaps: Bool, poll: Poll? = nil
    ) {
        phase = .open
        let subscriber = Subscriber(
            connection: self, members: loop.channels.join(admitted.channel), encoding: encoding, session: session,
            arrival: loop.log.lastID, arrivedAt: loop.now, lifetime: admitted.lifetime)
        subscriber.givenRequestID = loop.givenRequestID
        self.subscriber = subscriber
        subscriber.members.add(subscriber)
        loop.presence?.arrived(subscriber.members, isPoll: encoding == .poll)
        loop.countSession(encoding)
        loop.logger.debug(
            "opened \(encoding.article)",
            metadata: metadata([
                "channel": "\(printable(admitted.channel.name))", "resume": "\(resume.map { "\($0.id)" } ?? "now")",
            ]))
        if let poll {
            subscriber.poll = poll
        } else {
            // What polls are given is no replay: they are given nothing else.
            subscriber.missedThrough = loop.log.lastNumber
        }
        switch resume {
        case nil:
            subscriber.position = .live
        case .claimed(let id):
            if tellsGaps { subscriber.gaps = .wanted(id) }
            switch loop.log.place(id, of: admitted.channel) {
            case .event(let number):
                subscriber.position = .log(number, id)
            case .unknown:
                // A place before an entry, as a client is told where it stands, is no entry's in any stream.
                if id.sequence != .max { subscriber.claim = Subscriber.Claim(id: id) }
                subscriber.position = .history(.claimed(id))
            }
        case .settled(let id, let frontier):
            subscriber.position = .history(.settled(id, frontier: frontier))
        }
        setDeadline(nextSessionDeadline(subscriber))
        guard subscriber.isLagging else { return send(answer) }
        // To leave together with the first events, if those are at hand.
        queue(answer)
        loop.advance(subscriber)
        if canSend, !output.isEmpty { flush() }
    }

    /// Bytes from outside as they may stand in a log line: ASCII without control characters, not longer than an ID
    /// could be.
    func printable(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(80).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: shown, as: UTF8.self) + (bytes.count > 80 ? "…" : "")
    }

    func printable(_ texts: [String]) -> String { printable(Array(texts.joined(separator: ", ").utf8)) }

    // MARK: Deadlines

    func checkSession(_ now: MonotonicTime) {
        // Of the console's figures: its token has expired.
        guard let subscriber else {
            loop.figureStreams.remove(self)
            return finishAfterFlush()
        }
        if subscriber.lifetime.end <= now { return end(subscriber.lifetime.reason) }
        if let drainAt = subscriber.drainAt, drainAt <= now { return end(.drain) }
        switch subscriber.session {
        case .webSocket(let liveness): checkLiveness(liveness, subscriber, now)
        case .eventStream(let heartbeat): beat(heartbeat, subscriber, now)
        case .poll(let until): checkPoll(subscriber, until: until, now)
        }
        if phase == .open { setDeadline(nextSessionDeadline(subscriber)) }
    }

    private func nextSessionDeadline(_ subscriber: Subscriber) -> MonotonicTime {
        let next = subscriber.session.nextDeadline(loop.context.liveness)
        return min(next, subscriber.lifetime.end, subscriber.drainAt ?? .distantFuture)
    }

    /// Says good-bye at that time.
    func drain(at time: MonotonicTime) {
        guard let subscriber, phase == .open else { return }
        subscriber.drainAt = time
        if time <= loop.now { end(.drain) } else { setDeadline(nextSessionDeadline(subscriber)) }
    }
}

extension Encoding {
    /// For the log.
    var article: String {
        switch self {
        case .webSocket: "a WebSocket"
        case .compressedWebSocket: "a WebSocket with compression"
        case .eventStream: "an event stream"
        case .poll: "a poll"
        }
    }
}
