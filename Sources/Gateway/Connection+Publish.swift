import Configuration
import EventLoop
import HTTP1
import JSONWebToken
import Metrics
import RedisStreams

/// `POST /api/publish`: events from producers that have no Redis client.
extension Connection {
    private static let methods = "POST, OPTIONS"

    func answerPublish(_ head: RequestHead) {
        let crossOrigin = CrossOrigin(head, policy: loop.context.origins)
        switch head.method {
        case .options: answerPreflight(head, crossOrigin, methods: Self.methods)
        case .post: beginPublish(head, crossOrigin)
        case .get, .head, .put, .delete, .patch, .trace, .connect, .other:
            refuseMethod(head, crossOrigin, allowed: Self.methods)
        }
    }

    // MARK: The head

    private func beginPublish(_ head: RequestHead, _ crossOrigin: CrossOrigin) {
        switch preparePublish(head, crossOrigin) {
        case .failure(let refusal):
            loop.counters.publishesRefused += 1
            refuse(refusal, fields: crossOrigin.fields)
        case .success(let request):
            publishing = request
            setDeadline(loop.now.advanced(byMilliseconds: loop.context.handshakeTimeout))
            if head.expectation == .goOn { send(Response.goOn) }
            // A body that has no bytes is complete already.
            if phase == .http { _ = receiveBody(UnsafeRawBufferPointer(start: nil, count: 0), request) }
        }
    }

    /// All that can be told before the body has come.
    private func preparePublish(
        _ head: RequestHead, _ crossOrigin: CrossOrigin
    ) -> Result<PublishRequest, RequestRefusal> {
        if let refusal = refusalAtTheDoor(head) { return .failure(refusal) }
        let permitted: [[UInt8]]
        switch identifyPublisher(head) {
        case .success(let channels): permitted = channels
        case .failure(let refusal): return .failure(refusal)
        }
        guard head.hasContentType("application/json") else { return .failure(.publish(.contentType)) }
        guard head.values("content-encoding").isEmpty else { return .failure(.publish(.contentEncoding)) }
        guard head.isChunked || head.contentLength != nil else { return .failure(.publish(.noLength)) }
        let limit = loop.context.settings.maxPublishBytes
        guard head.contentLength ?? 0 <= limit else { return .failure(.publish(.body(.tooLarge))) }
        guard head.expectation != .unknown else { return .failure(.publish(.unknownExpectation)) }
        let key: [UInt8]?
        switch IdempotencyKey(head) {
        case .absent: key = nil
        case .key(let given): key = given
        case .malformed: return .failure(.publish(.malformedKey))
        }
        guard let slot = loop.publishSlots.take() else { return .failure(.publish(.tooMany)) }
        return .success(
            PublishRequest(
                body: RequestBodyReader(head, limit: limit), permitted: permitted, idempotencyKey: key,
                keep: head.keepAlive, fields: crossOrigin.fields, givenRequestID: loop.givenRequestID, slot: slot))
    }

    // MARK: The body

    /// Takes what has come of the body. Returns how much that was.
    func receiveBody(_ bytes: UnsafeRawBufferPointer, _ request: PublishRequest) -> Int {
        var consumed = 0
        switch request.body.take(bytes, consumed: &consumed) {
        case .needMore: break
        case .complete: publish(request)
        case .refused(let refusal): abandonPublish(request, .body(refusal))
        }
        return consumed
    }

    private func publish(_ request: PublishRequest) {
        let body = request.body.bytes
        guard !body.isEmpty else { return answer(request, .refused(.empty)) }
        let channel: [UInt8]
        switch body.withUnsafeBytes({ EventJSON.scan($0) }) {
        case .event(let range): channel = Array(body[range])
        case .eventEscaped(let name): channel = name
        case .malformed(let malformation): return answer(request, .refused(.malformed(malformation)))
        }
        guard ChannelName.refusal(of: channel) == nil else { return answer(request, .refused(.reservedChannel)) }
        guard request.permitted.contains(channel) else { return answer(request, .refused(.otherChannel)) }
        let context = loop.context
        let record = request.idempotencyKey.map {
            Command.PublicationRecord(
                prefix: Array(context.settings.redisStreamPrefix.utf8), channel: channel, idempotencyKey: $0,
                milliseconds: context.settings.idempotencyKeyMs)
        }
        request.state = .writing
        isAwaitingAnswer = true
        pauseReading()
        setDeadline(loop.now.advanced(byMilliseconds: Self.writeMilliseconds))
        loop.publisher.publish(.init(channel: channel, data: body, record: record)) { [weak self] outcome in
            // Who has gone, or was told already that it is not known.
            guard let self, publishing === request else { return }
            answer(request, outcome)
            goOnReceiving()
        }
    }

    /// How long Redis may take in all, redirections and a connection to be made included; each of its silences is limited
    /// besides.
    private static let writeMilliseconds: Int64 = 20_000

    // MARK: The answer

    private func answer(_ request: PublishRequest, _ outcome: Publisher.Outcome) {
        publishing = nil
        isAwaitingAnswer = false
        switch outcome {
        case .published(let id, let isRepeat):
            loop.counters[keyPath: isRepeat ? \LoopCounters.publishesRepeated : \LoopCounters.publishesAdded] += 1
            var fields = [
                Response.Field("Content-Type", "application/json"), .init("Cache-Control", "no-store"),
            ]
            if isRepeat { fields.append(.init("Idempotent-Replayed", "true")) }
            let body = Array("{\"id\":\"".utf8) + id + Array("\"}".utf8)
            reply(Response(.ok, fields: fields + request.fields, body: .bytes(body)), keep: request.keep, toHead: false)
        case .refused(let refusal):
            count(refusal)
            withRequestID(of: request) {
                loop.logRefusal(.publish(refusal), self)
                var response = refusal.response
                response.fields += request.fields + [requestIDField]
                reply(response, keep: request.keep, toHead: false)
            }
        }
    }

    /// Refuses in the middle of the body: where the next request begins will not be known.
    private func abandonPublish(_ request: PublishRequest, _ refusal: PublishRefusal) {
        publishing = nil
        count(refusal)
        withRequestID(of: request) { refuse(.publish(refusal), fields: request.fields) }
    }

    /// The time for the body, or for Redis, is over.
    func publishDeadlineHasCome(_ request: PublishRequest) {
        switch request.state {
        case .receiving: abandonPublish(request, .bodyTimeout)
        case .writing:
            answer(request, .refused(.unknownOutcome))
            goOnReceiving()
        }
    }

    private func count(_ refusal: PublishRefusal) {
        switch refusal {
        case .redisIsAway, .redisRefused, .tooMany: loop.counters.publishesUnavailable += 1
        case .unknownOutcome: loop.counters.publishesUnknown += 1
        case .noPermission, .otherChannel, .reservedChannel, .contentType, .contentEncoding, .noLength,
            .unknownExpectation, .malformedKey, .body, .bodyTimeout, .empty, .malformed, .keyIsUsed, .underWay:
            loop.counters.publishesRefused += 1
        }
    }

    private func withRequestID(of request: PublishRequest, _ body: () -> Void) {
        let before = loop.givenRequestID
        loop.givenRequestID = request.givenRequestID
        body()
        loop.givenRequestID = before
    }
}
