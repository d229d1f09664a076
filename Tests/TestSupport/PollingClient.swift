public import EventLoop

/// A client that polls in a loop, over one connection as long as that is kept: what it is given, event by event.
public final class PollingClient {
    public private(set) var socket: TestSocket
    /// The ID of the last event that was handed out, or of a notice.
    public private(set) var lastID: String?
    public private(set) var lastAnswer: HTTPAnswer?
    private let port: UInt16
    private let tls: TLSClientContext?
    private let token: String
    private let query: String
    private var waiting: [String] = []
    private var isConnected = false

    /// - Parameter query: further parameters, such as `gaps=1`.
    public init(
        port: UInt16, channel: String, lastID: String? = nil, query: String = "", token: String? = nil,
        tls: TLSClientContext? = nil
    ) throws {
        self.port = port
        self.lastID = lastID
        self.query = query
        self.tls = tls
        self.token = token ?? WebSocketClient.token(channel)
        socket = try TestSocket.connect(port: port, tls: tls)
        isConnected = true
    }

    /// The head of a poll.
    public static func request(
        channel: String, lastID: String? = nil, query: String = "", token: String? = nil
    ) -> RequestText {
        let parameters = (lastID.map { ["last_id=\($0)"] } ?? []) + (query.isEmpty ? [] : [query])
        let target = "/api/v1/async_event/" + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        return RequestText(target).adding("Cookie: async-token=\(token ?? WebSocketClient.token(channel))")
    }

    /// Sends a poll.
    /// - Parameter wait: seconds; nil: it does not wait.
    public func send(wait: String? = nil) throws {
        if !isConnected { socket = try TestSocket.connect(port: port, tls: tls) }
        isConnected = true
        let parameters = [query, wait.map { "wait=\($0)" } ?? ""].filter { !$0.isEmpty }.joined(separator: "&")
        try socket.send(Self.request(channel: "", lastID: lastID, query: parameters, token: token).text)
    }

    /// Reads the answer to a poll: its elements, as they are written there. The last one's ID comes next.
    public func receive() throws -> [String] {
        let answer = try HTTPAnswer.read(from: socket)
        lastAnswer = answer
        if answer.field("Connection") != "keep-alive" { isConnected = false }
        guard answer.status == 200 else {
            throw Failure("a poll was answered with \(answer.statusLine): \(answer.body)")
        }
        let elements = try answer.pollResult()
        if let last = elements.last { lastID = elementID(last) }
        return elements
    }

    public func poll(wait: String? = nil) throws -> [String] {
        try send(wait: wait)
        return try receive()
    }

    /// The text of the next event, or of a notice.
    public func event(deadline: Deadline = Deadline()) throws -> String {
        while waiting.isEmpty {
            waiting = try poll(wait: "2")
            guard !deadline.isOver || !waiting.isEmpty else { throw Failure("no event came by polling") }
        }
        return waiting.removeFirst()
    }

    public func events(_ count: Int, deadline: Deadline = Deadline()) throws -> [String] {
        try (0..<count).map { _ in try event(deadline: deadline) }
    }
}

/// The ID of an event's text, or of a notice's.
public func elementID(_ text: String) -> String {
    let marks = ["{\"id\":\"", "{\"id\": \""]
    guard let mark = marks.first(where: text.hasPrefix) else { return "" }
    return String(text.dropFirst(mark.count).prefix { $0 != "\"" })
}

extension HTTPAnswer {
    /// The elements of `result` in the answer to a poll, each as it is written there.
    public func pollResult() throws -> [String] { try pollElements(Array(body.utf8)) }

    /// `poll_delay` of the answer to a poll, in milliseconds.
    public var pollDelay: Int? {
        let parts = body.split(separator: ":")
        guard let last = parts.last, last.hasSuffix("}"), parts.dropLast().last?.hasSuffix("],\"poll_delay\"") == true
        else { return nil }
        return Int(last.dropLast())
    }
}

/// The elements of `result` in the body of an answer to a poll, each as it is written there.
public func pollElements(_ bytes: [UInt8]) throws -> [String] {
    let start = Array("{\"result\":[".utf8)
    guard bytes.starts(with: start) else {
        throw Failure("no answer to a poll: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
    }
    var elements: [String] = []
    var depth = 0
    var isString = false
    var isEscaped = false
    var begin = start.count
    for index in start.count..<bytes.count {
        let byte = bytes[index]
        if isString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isString = false
            }
            continue
        }
        switch byte {
        case UInt8(ascii: "\""): isString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if depth == 0 { begin = index }
            depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if depth == 0 { return elements }
            depth -= 1
            if depth == 0 { elements.append(String(decoding: bytes[begin...index], as: UTF8.self)) }
        default: break
        }
    }
    throw Failure("the answer to a poll does not end: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
}

extension TestGateway {
    public func poller(_ channel: String, lastID: String? = nil, query: String = "") throws -> PollingClient {
        try PollingClient(port: port, channel: channel, lastID: lastID, query: query, tls: tls)
    }
}
