import EventLoop
import WebSocket

/// What is spoken on an open connection, with what only that needs.
enum Session {
    case webSocket(WebSocketSession)
    case eventStream(EventStreamSession)

    var encoding: Encoding {
        switch self {
        case .webSocket(let session): session.isCompressed ? .compressedWebSocket : .webSocket
        case .eventStream: .eventStream
        }
    }
}

/// The client's frames, and whether it is still there. Confined to its loop's thread; owned by its subscriber.
final class WebSocketSession {
    var decoder: FrameDecoder
    var liveness: Liveness
    /// Compression was agreed on: ``DeflatedEvents`` says what that means.
    let isCompressed: Bool
    /// The answer to the last ping that came while the socket was blocked (RFC 6455 section 5.5.3 lets older ones go).
    var owedPong: [UInt8]?

    init(decoder: FrameDecoder, liveness: Liveness, isCompressed: Bool) {
        self.decoder = decoder
        self.liveness = liveness
        self.isCompressed = isCompressed
    }
}

/// An event stream: the gateway speaks, the client listens. Confined to its loop's thread; owned by its subscriber.
final class EventStreamSession {
    var heartbeat: Heartbeat
    /// Bytes that came from a client that has nothing to say.
    var uninvitedBytes = 0

    init(heartbeat: Heartbeat) { self.heartbeat = heartbeat }
}
