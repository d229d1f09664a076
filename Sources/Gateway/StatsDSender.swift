import Configuration
import EventLoop
import Glibc
import Logging
import Metrics

/// Sends the StatsD lines of a loop, by UDP: whether anyone listens is not our concern.
///
/// Each loop sends what it has counted itself, so that nothing is lost when it ends; one of them sends the levels of all.
final class StatsDSender {
    private unowned let loop: GatewayLoop
    private var lines: StatsDLines
    private var report = StatsDReport()
    /// It sends the levels of all loops.
    private var sendsLevels = false
    private var destination = StatsDDestination()
    private var socket: Descriptor?
    private var resolver: Mailbox<Resolution>?
    private var isFlushPending = false

    /// How long a line may wait for others to share its datagram.
    private static let flushMilliseconds: Int64 = 100

    init(loop: GatewayLoop) {
        self.loop = loop
        lines = StatsDLines(globalTags: loop.context.statsDTags)
    }

    /// - Parameter sendsLevels: on one loop, which speaks for all.
    func start(sendsLevels: Bool) {
        self.sendsLevels = sendsLevels
        if !lines.omittedTags.isEmpty {
            loop.logger.warning(
                "statsd.globalTags: some tags do not fit a datagram and are left out",
                metadata: ["tags": "\(lines.omittedTags.joined(separator: ","))"])
        }
        do {
            resolver = try loop.events.makeMailbox(of: Resolution.self) { [weak self] results in
                for result in results { self?.resolved(result) }
            }
            resolve()
            scheduleReport()
        } catch {
            loop.logger.warning(
                "statsd.host \(loop.context.settings.statsd.host) cannot be looked up, no figures are sent: \(error)")
        }
    }

    /// Sends what was counted since the last report, when the loop ends.
    func finish() {
        reportCounts()
        flush()
    }

    // MARK: Lines

    /// Counts one of something, to be sent at once: what the Node server counts.
    func count(_ name: StaticString) {
        lines.count(name)
        guard !isFlushPending else { return }
        isFlushPending = true
        loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.flushMilliseconds)) { [unowned self] in
            isFlushPending = false
            flush()
        }
    }

    private func scheduleReport() {
        let interval = Int64(loop.context.settings.statsd.reportIntervalMs)
        loop.events.schedule(at: loop.now.advanced(byMilliseconds: interval)) { [unowned self] in
            reportCounts()
            flush()
            if sendsLevels, socket != nil { loop.figures.collect { [weak self] in self?.reportLevels($0) } }
            scheduleReport()
        }
    }

    private func reportCounts() {
        // What cannot be sent is not told, and comes with the next report.
        guard socket != nil else { return }
        report.addCounts(of: loop.snapshot(), to: &lines)
    }

    private func reportLevels(_ snapshot: Snapshot?) {
        guard let snapshot, socket != nil else { return }
        report.addLevels(of: snapshot, to: &lines)
        flush()
    }

    /// Sends what waits.
    private func flush() {
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

    // MARK: Where to

    private func resolve() {
        guard let resolver else { return }
        let statsd = loop.context.settings.statsd
        Resolver.resolve(host: statsd.host, port: statsd.port, to: resolver)
    }

    private func resolved(_ resolution: Resolution) {
        var failed = false
        switch destination.resolved(resolution.result) {
        case .open(let address):
            open(address)
        case .keep:
            break
        case .unknown(let problem, let isNew):
            failed = true
            loop.logger.log(
                level: isNew ? .warning : .debug, "statsd.host cannot be resolved, no figures are sent for now",
                metadata: ["host": "\(resolution.host)", "problem": "\(problem)"])
        }
        guard let pause = destination.millisecondsToNextLookup(host: resolution.host, failed: failed) else { return }
        loop.events.schedule(at: loop.now.advanced(byMilliseconds: pause)) { [weak self] in self?.resolve() }
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
