import EventLog
import EventLoop
import Glibc
import HTTP1
import ServerSentEvents
import WebSocket

/// What clients of one fleet share. Confined to the loop's thread.
protocol ClientOwner: AnyObject {
    var loop: EventLoop { get }
    /// What one read may fill; nothing in it is kept from one call to the next.
    var inputBuffer: UnsafeMutableRawBufferPointer { get }
    /// Its handshake is complete.
    func opened(_ client: Client)
    /// An event was delivered that brought the client forward by so many numbers (0: a double).
    func delivered(_ client: Client, _ stamp: EventStamp, steps: Int)
    /// It ended without being asked to, or never opened: a sentence.
    func ended(_ client: Client, _ reason: String)
}

/// One listener: a WebSocket or an event stream on one channel, over one connection after the other. Confined to the loop's
/// thread; its owner outlives it.
final class Client: ReadinessHandler {
    enum Phase: Equatable {
        case idle
        case connecting
        /// The request is out; the answer's head has not come.
        case asking
        case open
    }

    private enum Decoding {
        case webSocket(FrameDecoder)
        case eventStream(EventStreamParser)
    }

    let number: Int
    let channel: Int
    private let transport: Target.Transport
    private unowned let owner: any ClientOwner
    private(set) var phase = Phase.idle
    /// It was chosen to stop reading for a while.
    let willStop: Bool
    /// It does not read.
    private(set) var isStopped = false
    /// Its handshake was complete when the connection ended.
    private(set) var wasOpen = false
    var checker = SequenceChecker()
    /// The ID of the last event; what it comes back with.
    private(set) var lastID: StreamID?

    private var stream: ByteStream?
    private var registration: Registration?
    private var request: [UInt8] = []
    private var key = ""
    private var head = ResponseHeadParser()
    /// Of the answer's head, or of a message that was cut.
    private var partial: [UInt8] = []
    private var decoding: Decoding

    private static let maxMessageBytes = 2 << 20

    init(number: Int, channel: Int, transport: Target.Transport, willStop: Bool, owner: any ClientOwner) {
        self.number = number
        self.channel = channel
        self.transport = transport
        self.willStop = willStop
        self.owner = owner
        decoding = Self.newDecoding(transport)
    }

    private static func newDecoding(_ transport: Target.Transport) -> Decoding {
        switch transport {
        case .webSocket: .webSocket(FrameDecoder(role: .client, maxMessageBytes: maxMessageBytes))
        case .eventStream: .eventStream(EventStreamParser(maxEventBytes: maxMessageBytes))
        }
    }

    // MARK: Beginning and end

    /// Starts to connect.
    /// - Parameters:
    ///   - key: what the answer's `Sec-WebSocket-Accept` must belong to.
    ///   - receiveBuffer: `SO_RCVBUF`, for a reader that is to be slow.
    ///   - tls: nil without TLS.
    func open(
        to address: SocketAddress, from source: SocketAddress?, request: [UInt8], key: String, receiveBuffer: Int32?,
        tls: Target.TLS?
    ) {
        self.request = request
        self.key = key
        head = ResponseHeadParser()
        partial = []
        decoding = Self.newDecoding(transport)
        do throws(SystemError) {
            let stream =
                if let tls {
                    try ByteStream.connect(to: address, from: source, tls: tls.context, serverName: tls.serverName)
                } else {
                    try ByteStream.connect(to: address, from: source)
                }
            if var receiveBuffer {
                setsockopt(
                    stream.descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
            }
            self.stream = stream
            phase = .connecting
            registration = try owner.loop.register(stream.descriptor, interest: .write, handler: self)
        } catch {
            end("Connecting to \(address) failed: \(error.reason).")
            return
        }
        connect()
    }

    /// Leaves, without a word: as a browser whose network is gone.
    func close() {
        if let registration { owner.loop.deregister(registration) }
        registration = nil
        stream?.close()
        stream = nil
        phase = .idle
    }

    /// Stops reading, or reads on.
    func setStopped(_ isStopped: Bool) {
        self.isStopped = isStopped
        if let registration { owner.loop.modify(registration, interest: isStopped ? [] : .read) }
    }

    private func end(_ reason: String) {
        wasOpen = phase == .open
        close()
        owner.ended(self, reason)
    }

    // MARK: Readiness

    func handle(_ ready: Ready) {
        switch phase {
        case .idle: break
        case .connecting: connect()
        case .asking, .open: if !isStopped { read() }
        }
    }

    private func connect() {
        guard let stream, let registration else { return }
        switch stream.finishConnecting() {
        case .inProgress(let interest): return owner.loop.modify(registration, interest: interest)
        case .failed(let sentence): return end(sentence)
        case .connected: break
        }
        // A request is far smaller than an empty socket's buffer: it is written at once or never.
        guard request.withUnsafeBytes({ stream.write($0) }) == .wrote(request.count) else {
            return end("The request could not be written.")
        }
        request = []
        phase = .asking
        owner.loop.modify(registration, interest: .read)
    }

    private func read() {
        guard let stream else { return }
        switch stream.read(into: owner.inputBuffer) {
        case .wouldBlock: return
        case .endOfStream: end("The server closed the connection.")
        case .failed(let error): end("The connection broke: \(error).")
        case .bytes(let count):
            take(UnsafeMutableRawBufferPointer(rebasing: owner.inputBuffer[..<count]))
            // What TLS has decrypted already will not be announced.
            if phase != .idle, !isStopped, stream.hasBufferedInput { read() }
        }
    }

    private func take(_ input: UnsafeMutableRawBufferPointer) {
        switch phase {
        case .idle, .connecting: break
        case .asking: takeHead(input)
        case .open:
            switch transport {
            case .webSocket: takeFrames(input)
            case .eventStream: takeEventStream(input)
            }
        }
    }

    // MARK: The answer's head

    private func takeHead(_ input: UnsafeMutableRawBufferPointer) {
        partial += input
        switch partial.withUnsafeBytes({ head.parse($0) }) {
        case .needMore: return
        case .invalid(let breach): return end(breach.reason)
        case .head(let answer, let consumed):
            if let refusal = refusal(answer) { return end(refusal) }
            var rest = Array(partial[consumed...])
            partial = []
            phase = .open
            owner.opened(self)
            if !rest.isEmpty { rest.withUnsafeMutableBytes { take($0) } }
        }
    }

    private func refusal(_ answer: ResponseHead) -> String? {
        switch transport {
        case .eventStream:
            guard answer.statusCode != 200 else { return nil }
            return "The server answered \(answer.statusCode), and 200 was expected."
        case .webSocket:
            guard answer.statusCode == 101 else {
                return "The server answered \(answer.statusCode), and 101 was expected."
            }
            return ClientHandshake.verify(
                statusCode: answer.statusCode, upgradeHasWebSocket: answer.listContains("Upgrade", "websocket"),
                connectionHasUpgrade: answer.listContains("Connection", "upgrade"),
                accepts: answer.values("Sec-WebSocket-Accept"),
                hasExtensions: answer.first("Sec-WebSocket-Extensions") != nil,
                hasSubprotocol: answer.first("Sec-WebSocket-Protocol") != nil, key: key)?.reason
        }
    }

    // MARK: Events

    private func takeFrames(_ input: UnsafeMutableRawBufferPointer) {
        guard case .webSocket(var decoder) = decoding else { return }
        var consumed = 0
        while phase == .open, let decoded = decoder.decode(input, consumed: &consumed) {
            switch decoded {
            case .data(_, let payload, let endOfMessage):
                if endOfMessage && partial.isEmpty {
                    takeEvent(payload)
                } else {
                    partial += payload
                    guard endOfMessage else { continue }
                    partial.withUnsafeBytes { takeEvent($0) }
                    partial.removeAll(keepingCapacity: true)
                }
            case .ping(let payload):
                let pong = payload.withUnsafeBytes { Frame.encode(.pong, payload: $0, maskingKey: 0x5EED_5EED) }
                _ = pong.withUnsafeBytes { stream?.write($0) }
            case .pong: break
            case .close(let code, _):
                return end("The server closed with \(code.map { "\($0.rawValue)" } ?? "no code").")
            case .violation(let violation): return end("The server broke RFC 6455: \(violation).")
            }
        }
        decoding = .webSocket(decoder)
    }

    private func takeEventStream(_ input: UnsafeMutableRawBufferPointer) {
        guard case .eventStream(var parser) = decoding else { return }
        do throws(EventStreamParser.TooLong) {
            for event in try parser.receive(input) {
                event.data.withUnsafeBytes { takeEvent($0) }
                if var id = Optional(event.lastEventID), !id.isEmpty {
                    lastID = id.withUTF8 { StreamID(text: UnsafeRawBufferPointer($0)) } ?? lastID
                }
            }
        } catch {
            return end("The server sent an event of more than \(error.maxEventBytes) bytes.")
        }
        decoding = .eventStream(parser)
    }

    private func takeEvent(_ text: UnsafeRawBufferPointer) {
        guard let stamp = EventStamp(in: text) else { return }
        if let id = EventIDText.find(in: text) { lastID = id }
        owner.delivered(self, stamp, steps: checker.receive(stamp.number))
    }
}
