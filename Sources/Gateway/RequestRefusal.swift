import HTTP1
import JSONWebToken
import WebSocket

/// Why a request is not served: the one table from which the answer, the metric and the log line come.
enum RequestRefusal: Equatable, Error {
    case head(HTTP1.Refusal)
    case handshake(HandshakeRefusal)
    /// What followed could not be told from frames.
    case bodyInHandshake
    case handshakeTimeout
    case noToken
    /// `Authorization: Bearer` without a token behind it.
    case malformedAuthorization
    case token(JSONWebToken.Refusal)
    case origin(String)
    case starting
    case draining
    case tooManyConnections
    case tooManyOnChannel
    case tooManyFromAddress
    /// `/events` for a client that takes no event stream.
    case notAcceptable
    /// Of a poll; elsewhere it counts as none.
    case malformedLastID
    case malformedWait
    /// What a poll asks for has to be read from Redis, which does not answer.
    case historyUnavailable
    /// Redis does not say whether anybody is there.
    case presenceUnavailable
    /// An event that was to be published.
    case publish(PublishRefusal)
    case notFound
    case wrongMethod(allowed: String)
    /// The port speaks TLS.
    case plainHTTP

    /// The answer. All but those to a wrong path or method end the connection: what comes behind a refused handshake is not HTTP.
    var response: Response {
        switch self {
        case .head(let refusal):
            Response(refusal)
        case .handshake(let refusal):
            handshakeResponse(refusal)
        case .bodyInHandshake:
            Response(.badRequest, text: explanation)
        case .handshakeTimeout:
            Response(.requestTimeout, text: explanation)
        case .noToken:
            // Without an error code, since there was nothing that could be wrong (RFC 6750 section 3.1).
            Response(
                .unauthorized, text: "no token: its cookie is missing, and so is Authorization: Bearer",
                fields: [.init("WWW-Authenticate", "Bearer")])
        case .malformedAuthorization:
            Response(.unauthorized, text: explanation, fields: [Self.invalidToken])
        case .token(let refusal):
            Response(.unauthorized, text: refusal.reason, fields: [Self.invalidToken])
        case .origin:
            Response(.forbidden, text: "pages of this origin may not connect")
        case .starting:
            Response(
                .serviceUnavailable, text: "Redis has not been reached yet", fields: [.init("Retry-After", "2")])
        case .draining:
            Response(.serviceUnavailable, text: "this gateway is being stopped", fields: [.init("Retry-After", "1")])
        case .tooManyConnections:
            Response(
                .serviceUnavailable, text: "the gateway has as many connections as it may have",
                fields: [.init("Retry-After", "5")])
        case .tooManyOnChannel:
            Response(
                .tooManyRequests, text: "the channel has as many connections as it may have",
                fields: [.init("Retry-After", "5")])
        case .tooManyFromAddress:
            Response(
                .tooManyRequests, text: "too many handshakes from this address",
                fields: [.init("Retry-After", "\(HandshakeRate.burstSeconds)")])
        case .notAcceptable:
            Response(.notAcceptable, text: explanation)
        case .malformedLastID, .malformedWait:
            Response(.badRequest, text: explanation)
        case .historyUnavailable, .presenceUnavailable:
            Response(
                .serviceUnavailable, text: explanation,
                fields: [.init("Retry-After", "2"), .init("Cache-Control", "no-store")])
        case .publish(let refusal):
            refusal.response
        case .notFound:
            Response(.notFound, text: "Not Found")
        case .wrongMethod(let allowed):
            Response(.methodNotAllowed, text: "Method Not Allowed", fields: [.init("Allow", allowed)])
        case .plainHTTP:
            Response(.badRequest, text: explanation)
        }
    }

    /// RFC 6750 section 3; every 401 says how to do better (RFC 9110 section 15.5.2).
    private static let invalidToken = Response.Field("WWW-Authenticate", "Bearer error=\"invalid_token\"")

    private func handshakeResponse(_ refusal: HandshakeRefusal) -> Response {
        var fields: [Response.Field] = []
        if let (name, value) = refusal.headerField { fields.append(.init(name, "\(value)")) }
        let status = Status(rawValue: refusal.statusCode) ?? .badRequest
        // Who is told to upgrade must be told to what (RFC 9110 section 15.5.22).
        if status == .upgradeRequired { fields.append(.init("Upgrade", "websocket")) }
        return Response(status, text: refusal.reason, fields: fields)
    }

    /// The label of the metric; nil for what is no handshake.
    var tag: String? {
        switch self {
        case .head: "bad_request"
        case .handshake, .bodyInHandshake: "bad_handshake"
        case .handshakeTimeout: "timeout"
        case .noToken: "token_missing"
        case .malformedAuthorization: "token_malformed"
        case .token(let refusal): refusal.tag
        case .origin: "origin"
        case .starting: "starting"
        case .draining: "draining"
        case .tooManyConnections: "too_many_connections"
        case .tooManyOnChannel: "too_many_on_channel"
        case .tooManyFromAddress: "too_many_from_address"
        case .notAcceptable: "not_acceptable"
        case .malformedLastID, .malformedWait: "bad_request"
        case .historyUnavailable, .presenceUnavailable, .publish, .notFound, .wrongMethod: nil
        case .plainHTTP: "plain_http"
        }
    }

    /// Every value of ``tag``, and what connections without a request are refused for, each once.
    static let tags: [String] = {
        let own = [
            "bad_request", "bad_handshake", "timeout", "token_missing", "origin", "starting", "draining",
            "too_many_connections", "too_many_on_channel", "too_many_from_address", "not_acceptable", "plain_http",
            // Before there is a request.
            "tls", "tls_timeout", "proxy_header",
        ]
        var tags = own
        for refusal in JSONWebToken.Refusal.allCases where !tags.contains(refusal.tag) { tags.append(refusal.tag) }
        return tags
    }()

    /// What the operator reads, with what there is to do where there is something.
    var explanation: String {
        switch self {
        case .head(let refusal): refusal.reason
        case .handshake(let refusal): refusal.reason
        case .bodyInHandshake: "A request that opens a WebSocket has no body."
        case .handshakeTimeout: "the request's head did not arrive within handshakeTimeoutMs"
        case .noToken: "the cookie named by jwtCookieName is missing, and so is Authorization: Bearer"
        case .malformedAuthorization: "Authorization: Bearer has no token."
        case .token(let refusal): refusal.reason
        case .origin(let origin):
            "pages of the origin \(origin) may not connect; if they should, list it in allowedOrigins (a proxy that rewrites Host makes this necessary)"
        case .starting: "Redis has not been reached yet"
        case .draining: "the gateway is draining"
        case .tooManyConnections: "maxTotalConnections is reached"
        case .tooManyOnChannel: "maxConnectionsPerChannel is reached"
        case .tooManyFromAddress:
            "maxHandshakesPerAddress is exceeded; behind a proxy, list it in trustedProxies, or all its clients count as one"
        case .notAcceptable: "The Accept header leaves out text/event-stream, which is all there is here."
        case .malformedLastID: "The last_id is no ID, which would be <milliseconds>-<sequence>."
        case .malformedWait: "The wait is no number of seconds, such as 25 or 0.5."
        case .historyUnavailable: "Redis, which has what comes after this last_id, does not answer; ask again."
        case .presenceUnavailable: "Redis does not answer, and nobody else knows who is there; ask again."
        case .publish(let refusal): refusal.reason
        case .notFound: "no such path"
        case .wrongMethod(let allowed): "the method is not one of \(allowed)"
        case .plainHTTP: "This port speaks TLS: use https:// or wss://."
        }
    }

    /// Whether the configuration may be what is wrong.
    var isOperatorsConcern: Bool {
        switch self {
        case .origin, .tooManyConnections, .tooManyFromAddress, .publish(.tooMany): true
        case .head, .handshake, .bodyInHandshake, .handshakeTimeout, .noToken, .malformedAuthorization, .token,
            .starting, .draining, .tooManyOnChannel, .notAcceptable, .malformedLastID, .malformedWait,
            .historyUnavailable, .presenceUnavailable, .publish, .notFound, .wrongMethod, .plainHTTP:
            false
        }
    }
}
