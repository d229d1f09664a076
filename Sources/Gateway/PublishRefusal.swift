import HTTP1
import RedisStreams

/// Why an event is not published: the one table of answers to `POST /api/publish` besides those of ``RequestRefusal``.
enum PublishRefusal: Equatable {
    case noPermission
    case otherChannel
    case reservedChannel
    case contentType
    case contentEncoding
    case noLength
    case unknownExpectation
    case malformedKey
    case body(RequestBodyReader.Refusal)
    case bodyTimeout
    case empty
    case malformed(EventJSON.Malformation)
    /// The same `Idempotency-Key` came with something else.
    case keyIsUsed
    case underWay
    case tooMany
    /// It has heard nothing of the event.
    case redisIsAway
    /// It has refused to write the event.
    case redisRefused
    case unknownOutcome

    var status: Status {
        switch self {
        case .noPermission, .otherChannel, .reservedChannel: .forbidden
        case .contentType, .contentEncoding: .unsupportedMediaType
        case .noLength: .lengthRequired
        case .unknownExpectation: .expectationFailed
        case .malformedKey, .empty: .badRequest
        case .body(.tooLarge): .contentTooLarge
        case .body(.invalidChunkSize), .body(.invalidLineEnd), .body(.framingTooLong): .badRequest
        case .bodyTimeout: .requestTimeout
        case .malformed(.noChannel), .malformed(.channelNotString), .malformed(.channelNotUnicode):
            .unprocessableContent
        case .malformed(.notAnObject), .malformed(.syntax), .malformed(.controlCharacter), .malformed(.invalidUTF8),
            .malformed(.invalidEscape), .malformed(.tooDeep), .malformed(.endsEarly):
            .badRequest
        case .keyIsUsed: .unprocessableContent
        case .underWay: .conflict
        case .tooMany, .redisIsAway, .redisRefused: .serviceUnavailable
        case .unknownOutcome: .gatewayTimeout
        }
    }

    /// What the client reads.
    var reason: String {
        switch self {
        case .noPermission:
            "The token may not publish: it has no claim \"publish\" that is an array of channels' names."
        case .otherChannel: "The token may not publish to this channel_id: its claim \"publish\" does not list it."
        case .reservedChannel:
            "This channel_id is no channel's: it is reserved (\"full\", \"presence:…\", \"idempotency:…\"), empty or no text."
        case .contentType: "The Content-Type must be application/json."
        case .contentEncoding: "The body must not be compressed."
        case .noLength: "The request has neither Content-Length nor Transfer-Encoding: chunked."
        case .unknownExpectation: "Of Expect only 100-continue is known."
        case .malformedKey:
            "The Idempotency-Key must be 1 to \(IdempotencyKey.maxBytes) characters of visible ASCII, in quotes or not, and come once."
        case .body(let refusal): refusal.reason
        case .bodyTimeout: "The body did not arrive in time."
        case .empty: "The body is empty; a JSON object with a channel_id was expected."
        case .malformed(let malformation): "The body is no event: \(malformation)."
        case .keyIsUsed: "Something else was published under this Idempotency-Key."
        case .underWay: "The same is being published under this Idempotency-Key; ask again."
        case .tooMany: "Too many events are being published; nothing was written."
        case .redisIsAway: "Redis cannot be reached; nothing was written."
        case .redisRefused: "Redis does not take the event; nothing was written."
        case .unknownOutcome:
            "Redis was lost before it answered: the event may have been written or not. Repeating the request is safe with an Idempotency-Key."
        }
    }

    var response: Response {
        var fields: [Response.Field] = []
        switch self {
        case .noPermission, .otherChannel:
            // RFC 6750 section 3.1.
            fields = [.init("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")]
        case .contentType:
            // Without one it would mean that any other would do (RFC 9110 section 12.5.1).
            fields = [.init("Accept", "application/json")]
        case .contentEncoding: fields = [.init("Accept-Encoding", "identity")]
        case .tooMany, .redisIsAway, .redisRefused, .underWay: fields = [.init("Retry-After", "1")]
        case .reservedChannel, .noLength, .unknownExpectation, .malformedKey, .body, .bodyTimeout, .empty, .malformed,
            .keyIsUsed, .unknownOutcome:
            break
        }
        return Response(status, text: reason, fields: fields + [.init("Cache-Control", "no-store")])
    }
}
