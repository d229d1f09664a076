public import EventLoop
public import ServerSentEvents

/// A client of `GET /events` that reads as a browser does, but does not come back by itself.
public final class EventStreamClient {
    public let socket: TestSocket
    public let answer: HTTPAnswer
    private var parser: EventStreamParser
    private var waiting: [EventStreamParser.Event] = []
    private var hasEnded = false

    /// Of the last event that was handed out.
    private var handedOut: String

    /// What a browser that has had the events handed out so far would send as `Last-Event-ID` when it comes back; empty
    /// if nothing.
    public var lastEventID: String { waiting.isEmpty ? parser.lastEventID : handedOut }
    /// What the server said last, in milliseconds.
    public var retryMilliseconds: Int? { parser.retryMilliseconds }

    /// The request for a channel's stream.
    /// - Parameters:
    ///   - lastEventID: for the header `Last-Event-ID`.
    ///   - query: of the URL, such as `last_id=…&gaps=1`.
    public static func request(
        channel: String, lastEventID: String? = nil, query: String? = nil, token: String? = nil, fields: [String] = []
    ) -> RequestText {
        var request = RequestText(query.map { "/events?\($0)" } ?? "/events")
        request.fields += [
            "Accept: text/event-stream", "Cookie: async-token=\(token ?? WebSocketClient.token(channel))",
        ]
        if let lastEventID { request.fields.append("Last-Event-ID: \(lastEventID)") }
        request.fields += fields
        return request
    }

    /// Connects and reads the answer's head.
    /// - Parameter receiveBuffer: `SO_RCVBUF` in bytes, to make a reader that blocks its server soon.
    public convenience init(
        port: UInt16, channel: String, lastEventID: String? = nil, query: String? = nil, fields: [String] = [],
        receiveBuffer: Int32? = nil, tls: TLSClientContext? = nil
    ) throws {
        let request = Self.request(channel: channel, lastEventID: lastEventID, query: query, fields: fields)
        try self.init(port: port, request, lastEventID: lastEventID, receiveBuffer: receiveBuffer, tls: tls)
    }

    public init(
        port: UInt16, _ request: RequestText, lastEventID: String? = nil, receiveBuffer: Int32? = nil,
        tls: TLSClientContext? = nil
    ) throws {
        socket = try TestSocket.connect(port: port, receiveBuffer: receiveBuffer, tls: tls)
        try socket.send(request.text)
        answer = try HTTPAnswer.read(from: socket)
        guard answer.status == 200 else {
            throw Failure("the request was answered with \(answer.statusLine): \(answer.body)")
        }
        parser = EventStreamParser(lastEventID: lastEventID ?? "")
        handedOut = lastEventID ?? ""
        // The gateway has taken the client in when its first words are there.
        while parser.retryMilliseconds == nil {
            guard try receive(Deadline()) else { throw Failure("the stream ended before its first words") }
        }
    }

    /// False at the end of the stream.
    private func receive(_ deadline: Deadline) throws -> Bool {
        guard !hasEnded else { return false }
        let bytes = try socket.readSome(deadline: deadline)
        if bytes.isEmpty { hasEnded = true }
        waiting += try parser.receive(bytes)
        return !hasEnded
    }

    /// The next event of any name; nil when the stream has ended.
    public func next(deadline: Deadline = Deadline()) throws -> EventStreamParser.Event? {
        while waiting.isEmpty {
            guard try receive(deadline) else { return nil }
        }
        handedOut = waiting[0].lastEventID
        return waiting.removeFirst()
    }

    /// The text of the next event, which must be a message whose `id:` is the one in its text.
    public func event(deadline: Deadline = Deadline()) throws -> String {
        guard let event = try next(deadline: deadline) else { throw Failure("the stream ended instead of an event") }
        guard event.name == "message" else { throw Failure("a \(event.name) came instead of a message: \(event.text)") }
        guard event.lastEventID == eventID(event.text) else {
            throw Failure("the event has the id \(event.lastEventID), and its text is \(event.text.prefix(200))")
        }
        return event.text
    }

    public func events(_ count: Int, deadline: Deadline = Deadline()) throws -> [String] {
        try (0..<count).map { _ in try event(deadline: deadline) }
    }

    /// The events until the stream ends.
    public func remaining(deadline: Deadline = Deadline()) throws -> [EventStreamParser.Event] {
        var events: [EventStreamParser.Event] = []
        while let event = try next(deadline: deadline) { events.append(event) }
        return events
    }
}

extension TestGateway {
    /// An event stream of the channel.
    public func stream(
        _ channel: String, lastEventID: String? = nil, query: String? = nil, fields: [String] = [],
        receiveBuffer: Int32? = nil
    ) throws -> EventStreamClient {
        try EventStreamClient(
            port: port, channel: channel, lastEventID: lastEventID, query: query, fields: fields,
            receiveBuffer: receiveBuffer, tls: tls)
    }
}
