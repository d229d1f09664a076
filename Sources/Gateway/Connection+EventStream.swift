import Configuration
import EventLog
import EventLoop
import HTTP1
import ServerSentEvents

/// `/events`: server-sent events (HTML, section 9.2), the other encoding of a session.
extension Connection {
    private static let methods = "GET, HEAD, OPTIONS"

    func answerEvents(_ head: RequestHead) {
        let crossOrigin = CrossOrigin(head, policy: loop.context.origins)
        switch head.method {
        case .options: answerPreflight(head, crossOrigin, methods: Self.methods)
        case .get, .head: openEventStream(head, crossOrigin)
        case .post, .put, .delete, .patch, .trace, .connect, .other:
            refuseMethod(head, crossOrigin, allowed: Self.methods)
        }
    }

    private func openEventStream(_ head: RequestHead, _ crossOrigin: CrossOrigin) {
        let toHead = head.method == .head
        let refuse = { (refusal: RequestRefusal) in
            self.refuse(refusal, toHead: toHead, fields: crossOrigin.fields)
        }
        guard head.accepts(type: "text", subtype: "event-stream") else { return refuse(.notAcceptable) }
        let admitted: Admitted
        switch admit(head) {
        case .admitted(let value): admitted = value
        case .refused(let refusal): return refuse(refusal)
        }
        var bytes = eventStreamHead(fields: crossOrigin.fields, toHead: toHead)
        guard !toHead else {
            send(bytes)
            return finishAfterFlush()
        }
        if let refusal = takePlace(admitted.channel) { return refuse(refusal) }
        let resume = resumePoint(head, header: head.first("last-event-id"))
        bytes += EventStreamText.preamble(
            retryMilliseconds: retryMilliseconds, id: startingID(resume).map { "\($0)" })
        stream.setUserTimeout(milliseconds: loop.context.settings.socketResponseTimeoutMs)
        let heartbeat = Heartbeat(
            now: loop.now, interval: Int64(loop.context.settings.pingSocketsIntervalMs),
            share: Double.random(in: 0..<1, using: &loop.jitter))
        open(admitted, .eventStream, .eventStream(heartbeat), answer: bytes, resume: resume, tellsGaps: wantsGaps(head))
    }

    /// The head of the answer that is an event stream.
    func eventStreamHead(fields: [Response.Field], toHead: Bool) -> [UInt8] {
        // Without a length: the stream ends with its connection (RFC 9112 section 6.3), which clients of every version
        // understand, and no proxy has to undo chunks.
        let response = Response(
            .ok,
            fields: [
                .init("Content-Type", "text/event-stream"), .init("Cache-Control", "no-store"),
                // nginx would hold events back until they fill a buffer.
                .init("X-Accel-Buffering", "no"),
            ] + fields, body: .untilClose)
        return response.serialized(connection: .close, date: loop.date.bytes(), toHead: toHead)
    }

    /// How long a client waits before it comes back: at random, so that those who were cut off at once do not come back at
    /// once; while draining not before that is over, since browsers do not try again after a 503.
    private var retryMilliseconds: Int {
        let left = loop.drainEnd.map { max($0.milliseconds(since: loop.now), 0) } ?? 0
        return Int(left) + Int.random(in: 1000...3000, using: &loop.jitter)
    }

    // MARK: The open stream

    /// Throws away what the client sends. There is nothing it could have to say; one that goes on all the same is closed.
    func receiveUninvited(_ count: Int, _ subscriber: Subscriber) {
        guard phase == .open else { return }
        subscriber.uninvitedBytes += count
        if subscriber.uninvitedBytes > loop.context.settings.maxRequestHeadBytes { end(.uninvited) }
    }

    func beat(_ heartbeat: Heartbeat, _ subscriber: Subscriber, _ now: MonotonicTime) {
        var heartbeat = heartbeat
        let isDue = heartbeat.isDue(now: now)
        subscriber.session = .eventStream(heartbeat)
        // To a blocked socket it would say nothing that the kernel's probes do not.
        if isDue, canSend { send(EventStreamText.comment()) }
    }

    /// Says why in a comment, which people read and browsers do not, and ends the stream.
    func endEventStream(_ reason: CloseReason, _ text: String) {
        var last = EventStreamText.comment(text)
        if case .drain = reason { last = EventStreamText.preamble(retryMilliseconds: retryMilliseconds) + last }
        send(last)
        finishAfterFlush()
    }
}
