import Configuration
import EventLoop
import RedisStreams

/// Looks a server's name up and connects to its addresses, one after the other. Confined to its loop's thread.
final class RedisDialer {
    enum Start {
        /// ``connectToNext()`` may be called.
        case found
        /// What was found, or not, will be told.
        case lookingUp
        /// A sentence.
        case failed(String)
    }

    private unowned let loop: GatewayLoop
    /// Told once the name was looked up; with a sentence if it could not be.
    private let found: (_ failure: String?) -> Void
    /// The host and port that are being looked up or connected to; nil: the Unix socket.
    private(set) var target: NodeAddress?
    /// Those that were not tried yet.
    private var addresses: [SocketAddress] = []
    private var resolver: Mailbox<Resolution>?
    private var isLookingUp = false

    init(loop: GatewayLoop, found: @escaping (_ failure: String?) -> Void) {
        self.loop = loop
        self.found = found
    }

    private var redis: Settings.Redis { loop.context.settings.redis }

    /// Whether another address is left to be tried.
    var hasNext: Bool { !addresses.isEmpty }

    /// Begins anew.
    func start(_ destination: RedisLocator.Destination) -> Start {
        giveUp()
        switch destination {
        case .configured:
            guard let path = redis.socketPath else {
                return lookUp(NodeAddress(host: redis.host, port: redis.port))
            }
            target = nil
            do {
                addresses = [try SocketAddress.unix(path: path)]
                return .found
            } catch {
                return .failed("redis.socketPath \(path) cannot be used: \(error)")
            }
        case .sentinel(let address), .primary(let address), .node(let address):
            return lookUp(address)
        }
    }

    /// Forgets what was looked up or is being so.
    func giveUp() {
        addresses = []
        isLookingUp = false
    }

    private func lookUp(_ address: NodeAddress) -> Start {
        target = address
        do {
            let mailbox =
                try resolver
                ?? loop.events.makeMailbox(of: Resolution.self) { [weak self] results in
                    for result in results { self?.take(result) }
                }
            resolver = mailbox
            isLookingUp = true
            Resolver.resolve(host: address.host, port: address.port, to: mailbox)
            return .lookingUp
        } catch {
            return .failed("the name \(address.host) cannot be looked up: \(error)")
        }
    }

    private func take(_ resolution: Resolution) {
        // One that was given up for lack of time may still come in.
        guard isLookingUp, resolution.host == target?.host, resolution.port == target?.port else { return }
        isLookingUp = false
        switch resolution.result {
        case .success(let addresses):
            self.addresses = addresses
            found(nil)
        case .failure(let error):
            found("\(error)")
        }
    }

    /// Begins to connect to the next address; nil: there is none.
    func connectToNext() throws(SystemError) -> ByteStream? {
        guard hasNext else { return nil }
        let address = addresses.removeFirst()
        guard let tls = loop.context.redisTLS, let target else { return try ByteStream.connect(to: address) }
        return try ByteStream.connect(to: address, tls: tls, serverName: target.host)
    }

    /// What is seen of a server that ends a TLS connection for want of a client certificate: it closes with our login
    /// unread, so that the reset mostly overtakes its alert.
    private static let signsOfRefusal = [
        "reset by peer", "Broken pipe", "certificate required", "without close_notify",
    ]

    /// What hindered the TLS handshake or the login, and what may be behind it.
    func explained(_ complaint: String) -> String {
        guard loop.context.redisTLS != nil, redis.certificateFile == nil,
            Self.signsOfRefusal.contains(where: complaint.contains)
        else { return complaint }
        return complaint + " (does Redis want a client certificate? redis.certificateFile is not set)"
    }
}
