import EventLog
import EventLoop
import HTTP1
import RedisStreams
import WebSocket

/// Follows a channel over one connection after the other. Confined to its waiter's thread.
final class TailClient {
    /// What the gateway is shown.
    enum Credentials {
        case given(String)
        /// A token of so many seconds, made anew for each connection.
        case minted(TokenMinter, channel: String, seconds: Int)
    }

    /// How a connection ended.
    enum End {
        /// As many events as were asked for have come.
        case complete
        case interrupted
        /// A sentence for the user; worth another try.
        case lost(String)
        /// Another try would come to the same.
        case refused(CommandFailure)
    }

    let url: GatewayURL
    private let credentials: Credentials
    private let cookieName: String
    private let caFile: String?
    private let offersCompression: Bool
    let waiter: Waiter
    private var tls: TLSClientContext?
    /// Where the next connection goes on.
    var lastID: StreamID?
    /// How long an event stream asked to wait before that, in milliseconds.
    var retryMilliseconds: Int?
    /// How many events are still wanted; nil: all.
    private var remaining: Int?
    private var backoff = Backoff(base: 200, cap: 5000)

    /// The least wait before another try: full jitter alone may come close to none.
    private static let leastPauseMilliseconds: Int64 = 100
    /// A gateway that drains for ten minutes asks for about as much; more is not believed.
    private static let mostRetryMilliseconds: Int64 = 660_000
    /// Far above any event; a server that says it sends more is not believed.
    private static let maxMessageBytes = 64 << 20
    /// Connecting, TLS and the opening handshake together.
    private static let openMilliseconds: Int64 = 10_000
    /// A connection that lived so long was a good one: the next wait is short again.
    private static let goodMilliseconds: Int64 = 5000
    /// After so much silence the gateway is pinged (it pings by itself every 20 s, unless it is told otherwise) …
    static let silenceMilliseconds: Int64 = 45_000
    /// … and then has so long to say anything.
    private static let pongMilliseconds: Int64 = 10_000
    private static let writeMilliseconds: Int64 = 10_000

    init(
        url: GatewayURL, credentials: Credentials, cookieName: String, offersCompression: Bool, caFile: String? = nil,
        waiter: Waiter
    ) {
        self.caFile = caFile
        self.url = url
        self.credentials = credentials
        self.cookieName = cookieName
        self.offersCompression = offersCompression
        self.waiter = waiter
    }

    /// Prints events until there are as many as asked for, or a signal comes; then it returns.
    /// - Throws: a sentence if another try would be of no use.
    func run(after start: StreamID?, count: Int?) throws(CommandFailure) {
        lastID = start
        remaining = count
        while true {
            switch follow() {
            case .complete, .interrupted: return
            case .refused(let failure): throw failure
            case .lost(let sentence): guard pause(sentence) else { return }
            }
        }
    }

    /// False when a signal came.
    private func pause(_ sentence: String) -> Bool {
        let random = UInt64.random(in: .min ... .max)
        let least = min(Int64(retryMilliseconds ?? 0), Self.mostRetryMilliseconds)
        let milliseconds = max(Int64(backoff.next(random: random)), least, Self.leastPauseMilliseconds)
        let position = lastID.map { ", to go on after \($0)" } ?? ""
        StandardError.write("\(sentence) Trying again in \(milliseconds) ms\(position).")
        return (try? waiter.pause(milliseconds: milliseconds)) != nil
    }

    // MARK: One connection

    private func follow() -> End {
        do throws(WaitError) {
            let opened: Opened
            switch try open() {
            case .success(let value): opened = value
            case .failure(let end): return end
            }
            let openedAt = MonotonicTime.now()
            defer {
                if MonotonicTime.now().milliseconds(since: openedAt) >= Self.goodMilliseconds { backoff.reset() }
            }
            StandardError.write(
                "Connected to \(url.text)\(lastID.map { ", after \($0)" } ?? "")"
                    + "\(opened.deflate == nil ? "" : ", with compression").")
            switch url.transport {
            case .webSocket: return follow(webSocket: opened)
            case .eventStream: return follow(eventStream: opened.stream, opened.early)
            }
        } catch {
            return end(error)
        }
    }

    func end(_ error: WaitError) -> End {
        switch error {
        case .interrupted: .interrupted
        case .timedOut: .lost("\(url.text) did not answer in time.")
        case .failed(let sentence): .lost(sentence)
        }
    }

    private struct Opened {
        let stream: ClientStream
        /// Bytes that came with the answer's head.
        let early: [UInt8]
        /// What was agreed on for a WebSocket's messages.
        var deflate: PerMessageDeflate?
    }

    private enum Opening {
        case success(Opened)
        case failure(End)
    }

    /// Connects, asks, and reads the answer's head.
    private func open() throws(WaitError) -> Opening {
        let token: String
        switch credentials {
        case .given(let text): token = text
        case .minted(let minter, let channel, let seconds):
            do {
                token = String(decoding: try minter.token(channel: channel, expiresInSeconds: seconds), as: UTF8.self)
            } catch {
                return .failure(.refused(error))
            }
        }
        let deadline = waiter.deadline(milliseconds: Self.openMilliseconds)
        let addresses = try waiter.resolve(host: url.host, port: url.port, until: deadline)
        let stream = try ClientStream.connect(to: addresses, tls: try secure(), waiter: waiter, until: deadline)

        let key = ClientHandshake.key(nonce: (.random(in: .min ... .max), .random(in: .min ... .max)))
        let cookie = "\(cookieName)=\(token)"
        let request =
            switch url.transport {
            case .webSocket:
                ClientHandshake.request(
                    host: url.authority, target: url.target(lastID: lastID?.description), key: key,
                    fields: [(name: "Cookie", value: cookie)]
                        + (offersCompression
                            ? [(name: "Sec-WebSocket-Extensions", value: PerMessageDeflate.name)] : []))
            case .eventStream:
                eventStreamRequest(cookie: cookie)
            }
        try stream.write(request, until: deadline)
        var answer = try HTTPAnswer.read(from: stream, until: deadline)
        guard answer.head.statusCode == (url.transport == .webSocket ? 101 : 200) else {
            let body = answer.bodyText(from: stream, until: deadline)
            return .failure(refusal(answer, body))
        }
        var opened = Opened(stream: stream, early: answer.rest)
        switch url.transport {
        case .webSocket:
            switch answer.webSocketOpening(key: key, offersCompression: offersCompression) {
            case .opened(let deflate):
                opened.deflate = deflate
            case .refused(let breach):
                return .failure(.refused(CommandFailure("\(url.text) is no WebSocket server: \(breach.reason)")))
            }
        case .eventStream:
            guard answer.isEventStream else {
                return .failure(.refused(CommandFailure("\(url.text) is no event stream.")))
            }
        }
        return .success(opened)
    }

    private func secure() throws(WaitError) -> ClientStream.TLS? {
        guard url.isSecure else { return nil }
        if let tls { return ClientStream.TLS(context: tls, serverName: url.host) }
        do {
            let context = try TLSClientContext(caFile: caFile, verifyHostname: true)
            tls = context
            return ClientStream.TLS(context: context, serverName: url.host)
        } catch {
            throw .failed(error.description)
        }
    }

    private func refusal(_ answer: HTTPAnswer, _ body: String) -> End {
        let said = answer.statusText + (body.isEmpty ? "" : ": \(body)")
        switch answer.head.statusCode {
        case 401:
            let advice =
                switch credentials {
                case .given: "A token that is valid there was expected."
                case .minted:
                    "The gateway's own jwtSecret, jwtAlgorithms, jwtCookieName and jwtChannelIdKey were expected here."
                }
            return .refused(CommandFailure("\(url.text) refused the token (\(said)). \(advice)"))
        case 408, 425, 429, 500...599:
            return .lost("\(url.text) cannot serve now (\(said)).")
        default:
            return .refused(CommandFailure("\(url.text) refused the connection (\(said))."))
        }
    }

    // MARK: Frames

    private func follow(webSocket opened: Opened) -> End {
        let end = receive(from: opened)
        switch end {
        case .complete, .interrupted: bidFarewell(opened.stream)
        case .lost, .refused: break
        }
        return end
    }

    /// Takes frames until the connection ends.
    private func receive(from opened: Opened) -> End {
        let stream = opened.stream
        var messages = MessageAssembler(
            role: .client, maxMessageBytes: Self.maxMessageBytes, deflate: opened.deflate)
        var input = opened.early
        var isPinged = false
        do throws(WaitError) {
            while true {
                var consumed = 0
                while let received = input.withUnsafeMutableBytes({ messages.next($0, consumed: &consumed) }) {
                    if let end = try take(received, stream) { return end }
                }
                let patience = isPinged ? Self.pongMilliseconds : Self.silenceMilliseconds
                do throws(WaitError) {
                    input = try stream.read(until: waiter.deadline(milliseconds: patience))
                    guard !input.isEmpty else { return .lost("\(url.text) closed the connection.") }
                    isPinged = false
                } catch {
                    guard error == .timedOut, !isPinged else { throw error }
                    try send(.ping, [], stream)
                    isPinged = true
                    input = []
                }
            }
        } catch {
            return end(error)
        }
    }

    /// What a message comes to; nil: go on.
    private func take(_ received: MessageAssembler.Received, _ stream: ClientStream) throws(WaitError) -> End? {
        switch received {
        case .message(_, let json):
            if let id = EventID.last(in: json) { lastID = id }
            return print(json)
        case .ping(let payload):
            try send(.pong, payload, stream)
            return nil
        case .pong:
            return nil
        case .close(let code, let reason):
            // Section 5.5.1 of RFC 6455: a close is answered with the same code. Whether it arrives does not matter.
            try? stream.write(Frame.close(code, maskingKey: Self.maskingKey), until: deadlineToWrite)
            let said = [code.map { "\($0.rawValue)" }, reason.isEmpty ? nil : printable(reason)].compactMap { $0 }
            return .lost(
                "\(url.text) closed the connection\(said.isEmpty ? "" : " (\(said.joined(separator: ": ")))").")
        case .violation(let violation):
            try? stream.write(
                Frame.close(violation.closeCode, reason: violation.reason, maskingKey: Self.maskingKey),
                until: deadlineToWrite)
            return .lost("\(url.text) broke the WebSocket protocol: \(violation.reason)")
        }
    }

    /// Prints an event, and counts it. Returns what that comes to; nil: go on.
    func print(_ json: [UInt8]) -> End? {
        guard StandardOutput.write(Self.oneLine(json)) else {
            return .refused(CommandFailure("Standard output cannot be written."))
        }
        backoff.reset()
        guard let remaining else { return nil }
        self.remaining = remaining - 1
        return remaining <= 1 ? .complete : nil
    }

    private static var maskingKey: UInt32 { UInt32.random(in: .min ... .max) }
    private var deadlineToWrite: MonotonicTime { waiter.deadline(milliseconds: Self.writeMilliseconds) }

    private func send(_ opcode: Opcode, _ payload: [UInt8], _ stream: ClientStream) throws(WaitError) {
        let frame = payload.withUnsafeBytes { Frame.encode(opcode, payload: $0, maskingKey: Self.maskingKey) }
        try stream.write(frame, until: deadlineToWrite)
    }

    /// Tells the gateway that nobody listens any more; not waited for.
    private func bidFarewell(_ stream: ClientStream) {
        try? stream.write(Frame.close(.normalClosure, maskingKey: Self.maskingKey), until: deadlineToWrite)
    }

    /// An event is a line, also one from a server that leaves line breaks between tokens.
    private static func oneLine(_ json: [UInt8]) -> [UInt8] {
        json.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 }
    }
}
