import EventLog
import ServerSentEvents
import WebSocket

/// Telling a client that asked for it (`?gaps=1`) that events it has not had are gone (promise 2).
///
/// The ID it is told is the one it would bring if it came back at that moment: the last it was given, or, before that,
/// the one it came with. A client that stores it has neither skipped nor repeated anything, which no other ID can be
/// sure of: between two IDs of one stream, those of the other lie in no order that an ID could tell.
enum GapNotices: Equatable {
    /// The client did not ask, or brought no ID that it could have missed something after.
    case unwanted
    /// It stands at this ID, and knows of no gap behind it.
    case wanted(StreamID)
    /// It stands at this ID, and was told.
    case told(StreamID)

    /// Asked with each write.
    var isWanted: Bool {
        switch self {
        case .unwanted: false
        case .wanted, .told: true
        }
    }

    /// It was given the events up to this one.
    mutating func stand(at id: StreamID) {
        switch self {
        case .unwanted: break
        case .wanted, .told: self = .wanted(id)
        }
    }

    /// A gap was found. Returns the ID of the notice that is due; nil for none, or not another one of the same gap.
    mutating func tell() -> StreamID? {
        guard case .wanted(let id) = self else { return nil }
        self = .told(id)
        return id
    }

    /// The notice as it is sent.
    static func notice(_ id: StreamID, _ encoding: Encoding) -> [UInt8] {
        let text = "{\"id\": \"\(id)\", \"gap\": true}"
        switch encoding {
        case .webSocket, .compressedWebSocket:
            return Array(text.utf8).withUnsafeBytes { Frame.encode(.text, payload: $0) }
        case .poll:
            return Array(text.utf8)
        case .eventStream:
            return EventStreamText.event(name: "gap", id: "\(id)", data: text)
        }
    }
}
