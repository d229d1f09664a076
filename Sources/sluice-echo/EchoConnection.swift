import EventLoop
import HTTP1
import WebSocket

/// One connection from its opening handshake to its end. Confined to its loop's thread; the loop keeps it alive while it is
/// registered.
final class EchoConnection: ReadinessHandler {
    private enum Phase {
        /// The request's head is read.
        case opening
        case open
        /// All is said; it is shut down when the output is out.
        case closing
        /// What still comes is thrown away until the peer closes: closing at once would reset the connection, and the peer
        /// might lose our last words.
        case lingering
        case closed
    }

    private unowned let server: EchoServer
    private let stream: ByteStream
    private var registration: Registration?
    private var phase = Phase.opening
    private var head: [UInt8] = []
    private var headParser = RequestHeadParser()
    private var messages: MessageAssembler
    private var compression: (deflater: Deflater, takesContextOver: Bool)?
    private var output: [UInt8] = []
    private var outputOffset = 0

    private static let lingerMilliseconds: Int64 = 2000

    init(server: EchoServer, stream: ByteStream) {
        self.server = server
        self.stream = stream
        messages = MessageAssembler(role: .server, maxMessageBytes: server.maxMessageBytes)
    }

    /// Has the loop watch it; without that nothing keeps it, and it closes.
    func start() {
        registration = try? server.loop.register(stream.descriptor, interest: .read, handler: self)
    }

    func handle(_ ready: Ready) {
        if outputOffset < output.count {
            flush()
            // Who does not read its echoes is not read from either.
            guard outputOffset == output.count else { return }
        }
        guard phase != .closed else { return }
        switch stream.read(into: server.inputBuffer) {
        case .bytes(let count): take(UnsafeMutableRawBufferPointer(rebasing: server.inputBuffer[..<count]))
        case .wouldBlock: break
        case .endOfStream, .failed: close()
        }
    }

    private func take(_ input: UnsafeMutableRawBufferPointer) {
        switch phase {
        case .opening: takeHead(input)
        case .open: takeFrames(input)
        case .closing, .lingering, .closed: break
        }
        flush()
    }

    // MARK: The opening handshake

    private func takeHead(_ input: UnsafeMutableRawBufferPointer) {
        head += input
        switch head.withUnsafeBytes({ headParser.parse($0) }) {
        case .needMore: break
        case .refused(let refusal): refuse(Response(refusal))
        case .head(let request, let consumed):
            var rest = Array(head[consumed...])
            head = []
            open(request)
            if phase == .open { rest.withUnsafeMutableBytes { takeFrames($0) } }
        }
    }

    private func open(_ request: RequestHead) {
        let result = Handshake.validate(
            isGet: request.method == .get, httpMinor: request.minorVersion,
            upgradeHasWebSocket: request.listContains("upgrade", "websocket"),
            connectionHasUpgrade: request.listContains("connection", "upgrade"),
            versions: request.values("sec-websocket-version"), keys: request.values("sec-websocket-key"))
        switch result {
        case .refused(let refusal): refuse(refusal)
        case .accepted(let accept):
            var extensions: String?
            switch PerMessageDeflate.answer(request.values("sec-websocket-extensions"), policy: .init()) {
            case .malformed: return refuse(.extensionsMalformed)
            case .declined: break
            case .accepted(let agreed, let response):
                extensions = response
                messages = MessageAssembler(
                    role: .server, maxMessageBytes: server.maxMessageBytes, deflate: agreed)
                compression = (Deflater(windowBits: agreed.serverMaxWindowBits), !agreed.serverNoContextTakeover)
            }
            output += Handshake.response(accept: accept, extensions: extensions)
            phase = .open
        }
    }

    private func refuse(_ refusal: HandshakeRefusal) {
        var fields: [Response.Field] = []
        if let (name, value) = refusal.headerField { fields.append(.init(name, "\(value)")) }
        refuse(Response(Status(rawValue: refusal.statusCode) ?? .badRequest, text: refusal.reason, fields: fields))
    }

    private func refuse(_ response: Response) {
        output += response.serialized(connection: .close)
        phase = .closing
    }

    // MARK: Frames

    private func takeFrames(_ input: UnsafeMutableRawBufferPointer) {
        var consumed = 0
        while phase == .open, let received = messages.next(input, consumed: &consumed) {
            switch received {
            case .message(let kind, let message): echo(kind, message)
            case .ping(let payload): output += payload.withUnsafeBytes { Frame.encode(.pong, payload: $0) }
            case .pong: break
            case .close(let code, _): end(Frame.close(code))
            case .violation(let violation): end(Frame.close(violation.closeCode, reason: violation.reason))
            }
        }
    }

    private func echo(_ kind: MessageKind, _ message: [UInt8]) {
        let opcode: Opcode =
            switch kind {
            case .text: .text
            case .binary: .binary
            }
        guard let (deflater, takesContextOver) = compression else {
            output += message.withUnsafeBytes { Frame.encode(opcode, payload: $0) }
            return
        }
        var payload: [UInt8] = []
        message.withUnsafeBytes { deflater.compress($0, takesContextOver: takesContextOver, into: &payload) }
        output += payload.withUnsafeBytes { Frame.encode(opcode, payload: $0, isCompressed: true) }
    }

    private func end(_ closeFrame: [UInt8]) {
        output += closeFrame
        phase = .closing
    }

    // MARK: Output and end

    private func flush() {
        while phase != .closed, outputOffset < output.count {
            let outcome = output.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[outputOffset...])) }
            switch outcome {
            case .wrote(let count): outputOffset += count
            case .wouldBlock: return watch(.write)
            case .failed: return close()
            }
        }
        guard phase != .closed else { return }
        output.removeAll(keepingCapacity: output.count <= 65_536)
        outputOffset = 0
        watch(.read)
        if phase == .closing { linger() }
    }

    private func linger() {
        phase = .lingering
        stream.shutdownWrite()
        server.loop.schedule(at: server.loop.now.advanced(byMilliseconds: Self.lingerMilliseconds)) { [weak self] in
            self?.close()
        }
    }

    private func watch(_ interest: Interest) {
        if let registration { server.loop.modify(registration, interest: interest) }
    }

    private func close() {
        phase = .closed
        if let registration { server.loop.deregister(registration) }
        registration = nil
        stream.close()
    }
}
