import EventLoop
import JSONWebToken
import WebSocket

/// All peers that misbehave in one way, and the loop they live on. Confined to the thread that made it.
final class HostileCrowd {
    let loop: EventLoop
    /// What is read is not looked at.
    let inputBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    /// Begun so far.
    var connections = 0
    var bytesSent = 0
    private let kind: HostileKind
    private let target: Target
    private let handshake: [UInt8]
    private var peers: [HostilePeer] = []
    private var toConnect: [HostilePeer] = []

    /// Between two bytes that dribble.
    private static let tickMilliseconds: Int64 = 100

    init(_ kind: HostileKind, peers count: Int, _ target: Target) throws(BenchFailure) {
        self.kind = kind
        self.target = target
        do {
            loop = try EventLoop()
            let signer = try Signer(algorithm: .HS256, secret: Array(target.secret.utf8))
            let claims = Signer.claims(channel: "hostile", channelClaim: target.channelClaim, subject: "1")
            let token = String(decoding: try signer.sign(claims: claims), as: UTF8.self)
            handshake = ClientHandshake.request(
                host: "\(target.server)", target: target.path, key: ClientHandshake.key(nonce: (1, 2)),
                fields: [(name: "Cookie", value: "\(target.cookieName)=\(token)")])
        } catch {
            throw BenchFailure("The peers cannot be set up: \(error).")
        }
        peers = (0..<count).map { HostilePeer(number: $0, crowd: self) }
    }

    deinit { inputBuffer.deallocate() }

    /// Misbehaves for so long.
    func carryOn(seconds: Double) {
        let end = MonotonicTime.now().advanced(byMilliseconds: Int64(seconds * 1000))
        tick()
        while MonotonicTime.now() < end {
            loop.turn(timeoutMilliseconds: toConnect.isEmpty ? 20 : 0)
            let waiting = toConnect
            toConnect.removeAll(keepingCapacity: true)
            for peer in waiting { peer.connect() }
        }
    }

    private func tick() {
        for peer in peers { peer.tick() }
        _ = loop.schedule(at: MonotonicTime.now().advanced(byMilliseconds: Self.tickMilliseconds)) { [unowned self] in
            tick()
        }
    }

    // MARK: What peers ask for

    func script(number: Int, round: Int) -> HostileKind.Script {
        kind.script(number: number, round: round, handshake: handshake)
    }

    func stream(for number: Int) throws(SystemError) -> ByteStream {
        let source = target.source(of: number)
        guard kind.speaksTLS, let tls = target.tls else {
            return try ByteStream.connect(to: target.server, from: source)
        }
        return try ByteStream.connect(
            to: target.server, from: source, tls: tls.context, serverName: tls.serverName)
    }

    /// Not at once, so that a server which ends each connection does not make for a recursion.
    func connectLater(_ peer: HostilePeer) { toConnect.append(peer) }
}
