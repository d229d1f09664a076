import Metrics

/// How events are put on the wire. Every batch holds both as slices of the same bytes.
enum Encoding: CaseIterable {
    /// A text frame each (RFC 6455).
    case webSocket
    /// Server-sent events (HTML, section 9.2).
    case eventStream

    /// The most slices of a batch that one event takes.
    var slicesPerEvent: Int {
        switch self {
        case .webSocket: 1
        case .eventStream: 2
        }
    }
}

extension Encoding {
    /// Counts one more of the open ones, or one less.
    func count(_ change: Int, in counters: inout LoopCounters) {
        switch self {
        case .webSocket: counters.webSocketConnections += change
        case .eventStream: counters.serverSentEventsConnections += change
        }
    }

    /// The StatsD count of connections. The Node server's name keeps its meaning; event streams, which that server does
    /// not have, are counted beside it.
    var connectedName: StaticString {
        switch self {
        case .webSocket: "ws_connected_client"
        case .eventStream: "sse_connected_client"
        }
    }

    /// The StatsD count of failed writes.
    var sendErrorName: StaticString {
        switch self {
        case .webSocket: "ws_client_send_error"
        case .eventStream: "sse_client_send_error"
        }
    }
}
