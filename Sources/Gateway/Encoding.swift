import Metrics

/// How events are put on the wire. Every batch holds the first and the last as slices of the same bytes.
package enum Encoding: CaseIterable {
    /// A text frame each (RFC 6455).
    case webSocket
    /// The same, compressed where that makes it shorter (RFC 7692).
    case compressedWebSocket
    /// Server-sent events (HTML, section 9.2).
    case eventStream
    /// Collected for one answer in JSON.
    case poll

    /// The most slices of a batch that one event takes.
    var slicesPerEvent: Int {
        switch self {
        case .webSocket, .compressedWebSocket, .poll: 1
        case .eventStream: 2
        }
    }
}

extension Encoding {
    /// Counts one more of the open ones, or one less.
    func count(_ change: Int, in counters: inout LoopCounters) {
        switch self {
        case .webSocket, .compressedWebSocket: counters.webSocketConnections += change
        case .eventStream: counters.serverSentEventsConnections += change
        case .poll: counters.pollConnections += change
        }
    }

    /// The StatsD count of connections. The Node server's name keeps its meaning; what that server does not have is counted
    /// beside it.
    var connectedName: StaticString {
        switch self {
        case .webSocket, .compressedWebSocket: "ws_connected_client"
        case .eventStream: "sse_connected_client"
        case .poll: "poll_connected_client"
        }
    }

    /// The StatsD count of failed writes.
    var sendErrorName: StaticString {
        switch self {
        case .webSocket, .compressedWebSocket: "ws_client_send_error"
        case .eventStream: "sse_client_send_error"
        case .poll: "poll_client_send_error"
        }
    }
}
