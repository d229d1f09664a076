import Configuration
import EventLoop
import Glibc
import Logging
import Metrics

/// Sends the StatsD lines of a loop, by UDP: whether anyone listens is not our concern.
final class StatsDSender {
    private unowned let loop: GatewayLoop
    private var lines: StatsDLines
    private var socket: Descriptor?
    private var resolver: Mailbox<Resolution>?
    private var isFlushPending = false
    /// That the name cannot be resolved is said once, not at every try.
    private var hasComplained = false

    /// How long a line may wait for others to share its datagram.
    private static let flushMilliseconds: Int64 = 100
    /// A name that could not be resolved is looked up again after this.
    private static let retryMilliseconds: Int64 = 30_000

    init(loop: GatewayLoop) {
        self.loop = loop
        lines = StatsDLines(globalTags: loop.context.settings.statsd.globalTags)
    }

    func start() {
        if !lines.omittedTags.isEmpty {
            loop.logger.warning(
                "statsd.globalTags: some tags do not fit a datagram and are left out",
                metadata: ["tags": "\(lines.omittedTags.joined(separator: ","))"])
        }
        resolve()
    }

    /// Counts one of something.
    func count(_ name: StaticString) {
        lines.count(name)
        guard !isFlushPending else { return }
        isFlushPending = true
        loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.flushMilliseconds)) { [unowned self] in
            isFlushPending = false
            flush()
        }
    }

    /// Sends what waits.
    func flush() {
        guard let descriptor = socket?.rawValue else { return }
        for datagram in lines.takeDatagrams() {
            // What fails is the datagram before this one, if nobody listened then: this one is still to be sent. Beyond
            // that, a dropped datagram is a lost count, never an error.
            if !send(datagram, descriptor), errno == ECONNREFUSED { _ = send(datagram, descriptor) }
        }
    }

    private func send(_ datagram: [UInt8], _ descriptor: Int32) -> Bool {
        datagram.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) >= 0
        }
    }

    private func resolve() {
        let statsd = loop.context.settings.statsd
        do {
            let mailbox = try loop.events.makeMailbox(of: Resolution.self) { [weak self] results in
                for result in results { self?.resolved(result) }
            }
            resolver = mailbox
            Resolver.resolve(host: statsd.host, port: statsd.port, to: mailbox)
        } catch {
            loop.logger.warning("statsd.host \(statsd.host) cannot be looked up, no figures are sent: \(error)")
        }
    }

    private func resolved(_ resolution: Resolution) {
        switch resolution.result {
        case .success(let addresses):
            // IPv4 first, as the Node server's library has it: a server on 127.0.0.1 does not hear what is sent to ::1,
            // and nobody would say so.
            if let address = addresses.first(where: { $0.family == AF_INET }) ?? addresses.first { open(address) }
        case .failure(let error):
            loop.logger.log(
                level: hasComplained ? .debug : .warning, "statsd.host cannot be resolved, no figures are sent for now",
                metadata: ["host": "\(loop.context.settings.statsd.host)", "problem": "\(error)"])
            hasComplained = true
            loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.retryMilliseconds)) { [weak self] in
                guard let self, let resolver else { return }
                let statsd = loop.context.settings.statsd
                Resolver.resolve(host: statsd.host, port: statsd.port, to: resolver)
            }
        }
    }

    private func open(_ address: SocketAddress) {
        let descriptor = Glibc.socket(
            address.family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return }
        let owner = Descriptor(owning: descriptor)
        let connected = address.withSockAddr { Glibc.connect(descriptor, $0, $1) }
        guard connected == 0 else { return }
        socket = consume owner
        flush()
    }
}
