import EventLoop
import Glibc
import Metrics
import WebSocket

/// Why a connection ends: the one table from which the close code, its text, the metric and the log line come.
enum CloseReason: Equatable {
    /// The peer closed, by the book or by cutting the connection.
    case client
    /// The peer did not answer within `socketResponseTimeoutMs`.
    case timeout
    /// The peer read too slowly: log and channel stream have let go of what it has not had.
    case slow
    /// The gateway is being stopped.
    case drain
    /// The token has expired.
    case expired
    /// A poll has its answer.
    case answered
    /// It is as old as `maxConnectionAgeMs` allows.
    case age
    /// A WebSocket's peer broke the protocol.
    case violation(Violation)
    /// An event stream's peer goes on sending, where there is nothing to be sent.
    case uninvited
    /// A read or write failed.
    case failed(String)

    /// What the peer is told, in a close frame or, without the code, in an event stream's last comment; nil where there
    /// is nobody to tell.
    var closeFrame: (code: CloseCode, text: String)? {
        switch self {
        case .client, .timeout, .failed, .answered: nil
        case .slow: (.tryAgainLater, "events you have not read are no longer held; reconnect without last_id")
        case .drain: (.goingAway, "the gateway is restarting; reconnect with your last id")
        case .expired: (.tokenExpired, "the token has expired; get a new one and reconnect")
        // Which clients come back from.
        case .age: (.goingAway, "the connection is old enough; reconnect with your last id")
        case .violation(let violation): (violation.closeCode, violation.reason)
        case .uninvited: (.policyViolation, "nothing may be sent behind the request for an event stream")
        }
    }

    /// What counts it; nil for a poll that is answered, which counts by its answer.
    func counter(_ encoding: Encoding) -> WritableKeyPath<LoopCounters, Int>? {
        if encoding == .poll {
            switch self {
            case .client, .timeout, .failed: return \.pollsAbandoned
            case .slow, .drain, .expired, .answered, .age, .violation, .uninvited: return nil
            }
        }
        return switch self {
        case .answered: nil
        case .client: \.closedByClient
        case .timeout: \.closedByTimeout
        case .slow: \.closedAsSlow
        case .drain: \.closedByDrain
        case .expired: \.closedAsExpired
        case .age: \.closedByAge
        case .violation, .uninvited, .failed: \.closedByError
        }
    }

    /// For the log.
    var explanation: String {
        switch self {
        case .client: "the client closed the connection"
        case .timeout: "the client did not answer within socketResponseTimeoutMs"
        case .slow:
            "the client read too slowly; events it has not had are gone from memory and from its channel's stream"
        case .drain: "the gateway is draining"
        case .expired: "the client's token has expired"
        case .answered: "the poll was answered"
        case .age: "the connection has reached the age of maxConnectionAgeMs"
        case .violation(let violation): "the client broke the WebSocket protocol: \(violation.reason)"
        case .uninvited: "the client went on sending behind its request for an event stream"
        case .failed(let text): "the connection failed: \(text)"
        }
    }

    /// A read or write that failed.
    init(_ error: SystemError) {
        // TCP_USER_TIMEOUT has passed, or the kernel gave up by itself.
        self = error.code == ETIMEDOUT ? .timeout : .failed(error.description)
    }
}

extension CloseCode {
    /// 4401, from the range for applications: HTTP's 401, told to an open socket.
    static let tokenExpired = CloseCode(rawValue: 4401) ?? .policyViolation
}
