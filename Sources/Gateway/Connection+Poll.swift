import Configuration
import EventLog
import EventLoop
import HTTP1
import Metrics

/// `/api/v1/async_event/`: polling, as Superset's own endpoint has it. A poll is a session like any other, a cursor placed by
/// `last_id`; what it is sent is collected, and goes out as one answer.
extension Connection {
    private static let methods = "GET, HEAD, OPTIONS"

    /// How long Redis may take for what a poll asks for, if the poll itself does not wait longer.
    private static let patience: Int64 = 5000

    func answerPoll(_ head: RequestHead) {
        let crossOrigin = CrossOrigin(head, policy: loop.context.origins)
        switch head.method {
        case .options: answerPreflight(head, crossOrigin, methods: Self.methods)
        case .get, .head: openPoll(head, crossOrigin)
        case .post, .put, .delete, .patch, .trace, .connect, .other:
            refuseMethod(head, crossOrigin, allowed: Self.methods)
        }
    }

    private func openPoll(_ head: RequestHead, _ crossOrigin: CrossOrigin) {
        let toHead = head.method == .head
        let refuse = { (refusal: RequestRefusal) in
            self.refuse(refusal, toHead: toHead, fields: crossOrigin.fields + [.init("Cache-Control", "no-store")])
        }
        var after: StreamID?
        if let text = head.queryParameter("last_id"), !text.isEmpty {
            guard let id = text.withUnsafeBytes({ StreamID(text: $0) }) else { return refuse(.malformedLastID) }
            after = id
        }
        var wait = 0
        if let text = head.queryParameter("wait"), !text.isEmpty {
            guard let given = PollWait.milliseconds(text, most: loop.context.settings.maxPollWaitMs) else {
                return refuse(.malformedWait)
            }
            wait = toHead ? 0 : given
        }
        let admitted: Admitted
        switch admit(head) {
        case .admitted(let value): admitted = value
        case .refused(let refusal): return refuse(refusal)
        }
        if let refusal = takePlace(admitted.channel) { return refuse(refusal) }
        let poll = Poll(
            waitsUntil: loop.now.advanced(byMilliseconds: Int64(wait)), after: after ?? .zero,
            keep: staysOpen(after: head), toHead: toHead, fields: crossOrigin.fields)
        open(
            admitted, .poll, .poll(until: loop.now.advanced(byMilliseconds: wait > 0 ? Int64(wait) : Self.patience)),
            answer: [], resume: .claimed(after ?? .zero), tellsGaps: after != nil && wantsGaps(head), poll: poll)
    }

    // MARK: Collecting

    /// Takes events for the answer, in place of the socket.
    func collect(_ gather: Gather) -> SendOutcome {
        guard let poll = subscriber?.poll else { return .closed }
        var taken = 0
        while taken < gather.events.count, !poll.isFull {
            poll.append(gather.text(taken), gather.events[taken].id)
            taken += 1
        }
        let bytes = taken > 0 ? gather.events[taken - 1].end : 0
        // Counted when the answer is written.
        loop.counters.bytesSent -= bytes
        noteEvents(taken)
        if poll.isFull {
            // More may be there; the client asks again.
            poll.hasMore = true
            completePoll(.answered)
            return .blocked(started: taken, bytes: bytes)
        }
        schedulePoll(poll)
        return .sent
    }

    /// It was given all there is for now.
    func pollIsUpToDate() {
        guard let poll = subscriber?.poll, !poll.isEmpty || poll.waitsUntil <= loop.now else { return }
        schedulePoll(poll)
    }

    /// All that comes in this turn of the loop goes into one answer.
    private func schedulePoll(_ poll: Poll) {
        guard !poll.isScheduled else { return }
        poll.isScheduled = true
        loop.events.atEndOfTurn { [weak self] in
            guard let self, let subscriber, subscriber.poll === poll else { return }
            if phase == .open { completePoll(.answered) }
            if phase == .closing { answerPoll(poll, subscriber) }
        }
    }

    // MARK: Ending

    /// The time that it waits is over.
    func checkPoll(_ subscriber: Subscriber, until: MonotonicTime, _ now: MonotonicTime) {
        guard until <= now else { return }
        // What it asks for is still being read: nobody can say that there is nothing.
        let limit = subscriber.arrivedAt.advanced(byMilliseconds: Self.patience)
        if subscriber.isLagging, subscriber.poll?.isEmpty == true, now < limit {
            subscriber.session = .poll(until: limit)
        } else {
            subscriber.poll?.isOverdue = subscriber.isLagging
            completePoll(.answered)
        }
    }

    /// Ends for a reason other than that it is answered: the answer is what there is, unless nobody would get it.
    func endPoll(_ reason: CloseReason) {
        switch reason {
        case .client, .timeout, .failed:
            loop.leave(self, reason)
            close()
        case .slow, .drain, .expired, .age, .violation, .uninvited, .answered:
            completePoll(reason)
        }
    }

    /// It takes no further events; its answer goes out when the loop's turn ends, since a request that waits behind it may
    /// open another session, and whoever has called is not done with this one.
    private func completePoll(_ reason: CloseReason) {
        guard phase == .open, let subscriber, let poll = subscriber.poll else { return }
        if subscriber.isLagging { poll.hasMore = true }
        loop.leave(self, reason)
        phase = .closing
        schedulePoll(poll)
    }

    private func answerPoll(_ poll: Poll, _ subscriber: Subscriber) {
        let given = subscriber.givenRequestID
        self.subscriber = nil
        phase = .http
        loop.pollHasEnded()
        // Somebody who has had nothing, and is owed what could not be read in time.
        let isUnavailable = poll.isEmpty && poll.isOverdue
        let counter: WritableKeyPath<LoopCounters, Int> =
            isUnavailable ? \.pollsUnavailable : poll.isEmpty ? \.pollsEmpty : \.pollsWithEvents
        loop.counters[keyPath: counter] += 1
        let keep = poll.keep && loop.availability == .serving
        if isUnavailable {
            loop.givenRequestID = given
            defer { loop.givenRequestID = nil }
            var response = RequestRefusal.historyUnavailable.response
            response.fields += poll.fields + [requestIDField]
            reply(response, keep: keep, toHead: poll.toHead)
        } else {
            reply(response(to: poll), keep: keep, toHead: poll.toHead)
        }
        goOnReceiving()
    }

    private func response(to poll: Poll) -> Response {
        let settings = loop.context.settings
        let delay =
            poll.hasMore
            ? 0
            : PollDelay(least: settings.pollDelayMinMs, most: settings.pollDelayMaxMs).milliseconds(
                since: poll.last ?? poll.after, nowMilliseconds: WallClock.nowMilliseconds())
        return Response(
            .ok,
            fields: [
                .init("Content-Type", "application/json; charset=utf-8"), .init("Cache-Control", "no-store"),
            ] + poll.fields, body: .bytes(poll.body(delay: delay)))
    }

    /// Puts aside what comes while a poll waits: the next requests.
    func receiveBehindPoll(_ bytes: UnsafeMutableRawBufferPointer) {
        if let partialHead {
            partialHead.bytes.append(contentsOf: bytes)
        } else {
            partialHead = PartialHead(bytes, RequestHeadParser(limits: loop.context.headLimits), isPutAside: true)
        }
        pauseReading()
    }
}
