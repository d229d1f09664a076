import TestSupport
import Testing

/// What is sent to a fresh connection and what must come back, byte for byte.
struct Case {
    enum Reply: Equatable {
        case text([UInt8])
        case binary([UInt8])
        case pong([UInt8])

        static func text(_ text: String) -> Reply { .text(Array(text.utf8)) }
        static func pong(_ text: String) -> Reply { .pong(Array(text.utf8)) }

        /// The first byte of its frame, and the payload.
        var frame: (first: UInt8, payload: [UInt8]) {
            switch self {
            case .text(let payload): (0x81, payload)
            case .binary(let payload): (0x82, payload)
            case .pong(let payload): (0x8A, payload)
            }
        }
    }

    enum End {
        /// The connection goes on: a close frame that is sent then is answered with its own code.
        case open
        /// The server fails the connection with this code, without being sent any more.
        case failed(UInt16)
        /// The server answers the close frame that was sent, with this payload.
        case closed([UInt8])
    }

    /// Its number in Autobahn's list where it has one there, or the number of those it belongs to.
    let id: String
    let sent: [UInt8]
    /// Sent in pieces of so many bytes; nil: in one.
    let chop: Int?
    let replies: [Reply]
    let end: End

    init(_ id: String, _ sent: [UInt8], chop: Int? = nil, _ replies: [Reply] = [], _ end: End = .open) {
        self.id = id
        self.sent = sent
        self.chop = chop
        self.replies = replies
        self.end = end
    }

    /// Carries it out. Throws a sentence where the server does anything else.
    func carryOut(_ server: EchoServer) throws {
        let client = try EchoClient(server)
        try client.send(sent, chop: chop)
        for reply in replies {
            let (first, payload) = try client.frame()
            guard (first, payload) == reply.frame else {
                throw Failure("a frame \(first) of \(payload.count) bytes came: \(payload.prefix(80))")
            }
        }
        if case .open = end { try client.socket.send(closing(1000)) }
        let (first, payload) = try client.frame()
        guard first == 0x88 else { throw Failure("a frame \(first) came instead of a close: \(payload.prefix(80))") }
        switch end {
        case .open:
            guard payload == [0x03, 0xE8] else { throw Failure("1000 was answered with \(payload)") }
        case .closed(let expected):
            guard payload == expected else { throw Failure("the close was answered with \(payload)") }
        case .failed(let code):
            let said = payload.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
            guard said == code, payload.count > 2, String(validating: payload.dropFirst(2), as: UTF8.self) != nil else {
                throw Failure("the connection was failed with \(said) and not with \(code)")
            }
        }
        guard try client.socket.ending() == .finished else { throw Failure("the connection was reset") }
    }

    /// Carries out all, each on a connection of its own, and reports each that fails.
    static func carryOut(_ cases: [Case]) throws {
        let server = try EchoServer()
        for one in cases {
            do {
                try one.carryOut(server)
            } catch {
                Issue.record("case \(one.id): \(error)")
            }
        }
    }
}
