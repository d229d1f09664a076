public import Configuration
import EventLog
import EventLoop
import Glibc
import Locks
public import Logging
public import Metrics

/// The gateway: event loops on threads of their own, from the open port to the orderly stop.
///
/// Safe to use from any thread.
public final class Gateway: Sendable {
    /// The port it listens on, which the system chose if the settings said 0.
    public let port: UInt16
    /// How many event loops it runs.
    public let loopCount: Int
    let mailboxes: [Mailbox<LoopMessage>]
    private let threads: [LoopThread]
    private let drainMs: Int
    private let reloader: Reloader
    private let logger: Logger

    /// Opens the port and starts the loops; Redis is contacted from there, and need not be up.
    ///
    /// - Parameters:
    ///   - settings: validated ones.
    ///   - logger: where everything is logged; must be safe to use from several threads, as swift-log's are.
    ///   - handlesSignals: whether SIGTERM and SIGINT drain it, a second one ends the process at once, SIGHUP is
    ///     ``reload()``, and SIGUSR1 `toggleDebug`. They must be blocked in the calling thread (``blockSignals()``).
    ///   - source: where ``reload()`` finds the settings of then; nil: it reads the files that `settings` name.
    ///   - environment: the process's variables, for the tags that Datadog's (`DD_ENV` and so on) stand for.
    ///   - toggleDebug: called on a loop's thread.
    ///   - onDrain: called once when a signal begins the drain, on a loop's thread; must not block.
    public init(
        settings: Settings, logger: Logger, handlesSignals: Bool = false, source: SettingsSource? = nil,
        environment: [String: String] = [:], toggleDebug: (@Sendable () -> Void)? = nil,
        onDrain: (@Sendable () -> Void)? = nil
    ) throws(GatewayError) {
        let count = settings.eventLoops > 0 ? settings.eventLoops : Self.coreCount
        let context = try GatewayContext(
            settings: settings, loopCount: count, logger: logger, environment: environment)
        let listeners = try Self.listen(settings, count: count)
        let metricsListener = try Self.listenForMetrics(settings)
        port = listeners[0].localPort
        loopCount = count
        drainMs = settings.drainMs
        self.logger = logger

        var loops: [GatewayLoop] = []
        do {
            for (index, listener) in listeners.enumerated() {
                loops.append(
                    try GatewayLoop(
                        context: context, listener: listener, metricsListener: index == 0 ? metricsListener : nil))
            }
        } catch {
            throw GatewayError("an event loop cannot be made: \(error)")
        }
        let mailboxes = loops.map(\.mailbox)
        self.mailboxes = mailboxes
        reloader = Reloader(
            source: source ?? { .success(settings) }, mailboxes: mailboxes,
            ticketKeys: context.certificates == nil ? nil : context.ticketKeys, logger: logger)

        if handlesSignals {
            do {
                try Self.handleSignals(
                    on: loops[0].events, mailboxes, drainMs: settings.drainMs, reloader, logger, onDrain: onDrain)
                try Signals.deliver([SIGUSR1], on: loops[0].events) { _ in toggleDebug?() }
            } catch {
                throw GatewayError("signals cannot be handled: \(error)")
            }
        }

        var threads: [LoopThread] = []
        for (index, loop) in loops.enumerated() {
            let parcel = Parcel(loop: loop)
            do {
                threads.append(
                    try LoopThread.start(name: "sluice-\(index)") {
                        // The first loop reads for all: with one loop an event then crosses no thread at all.
                        parcel.open().run(with: mailboxes, isReader: index == 0)
                    })
            } catch {
                for mailbox in mailboxes { mailbox.post(.stop) }
                throw GatewayError("a thread cannot be started: \(error)")
            }
        }
        self.threads = threads
        context.tokenKeys.log(to: logger)
        context.certificates?.log(to: logger)
        logger.info(
            "listening",
            metadata: [
                "host": "\(settings.host.isEmpty ? "all addresses" : settings.host)", "port": "\(port)",
                "eventLoops": "\(count)", "tls": "\(context.certificates != nil)",
                "kernelTLS": "\(context.certificates?.context.usesKernel ?? false)",
            ])
    }

    /// Begins the orderly stop: sockets are told to go, spread over `drainMs`, new ones are refused.
    public func drain() {
        Self.drain(mailboxes, milliseconds: drainMs, logger)
    }

    private static func drain(_ mailboxes: [Mailbox<LoopMessage>], milliseconds: Int, _ logger: Logger) {
        logger.info("draining", metadata: ["drainMs": "\(milliseconds)"])
        for mailbox in mailboxes { mailbox.post(.drain) }
    }

    /// Reads again what may change while it runs: what tokens are checked with (`jwtAlgorithms`, `jwtSecret`,
    /// `previousJwtSecrets`, `jwtChannelIdKey`, and the files of `jwtPublicKeyFiles`) and the certificates of the port. What
    /// is new counts for new connections; open sockets stay. What is not good is logged, and changes nothing. Blocks while files are read.
    /// - Returns: whether everything was good.
    @discardableResult
    public func reload() -> Bool { reloader.reload() }

    /// Stops without ceremony.
    public func stop() {
        for mailbox in mailboxes { mailbox.post(.stop) }
    }

    /// Waits until all loops have ended, after ``drain()`` or ``stop()``.
    public func wait() {
        for thread in threads { thread.join() }
    }

    /// The figures of all loops together, at about this moment. Blocks for as long as the busiest loop's turn takes; nil
    /// when the gateway has ended.
    public func figures() -> Snapshot? {
        let collected = Collected(expecting: mailboxes.count)
        for mailbox in mailboxes {
            let request = FiguresRequest(collected)
            mailbox.post(.figures { request.answer($0) })
        }
        return collected.wait(milliseconds: 60_000)
    }

    /// Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 in this thread and those it starts, so that they reach the gateway as
    /// events. To be called at the start of the process.
    public static func blockSignals() throws(GatewayError) {
        Signals.ignoreBrokenPipe()
        do {
            try Signals.block([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        } catch {
            throw GatewayError("signals cannot be blocked: \(error)")
        }
    }

    private static func handleSignals(
        on loop: EventLoop, _ mailboxes: [Mailbox<LoopMessage>], drainMs: Int, _ reloader: Reloader, _ logger: Logger,
        onDrain: (@Sendable () -> Void)?
    ) throws(SystemError) {
        try Signals.deliver([SIGHUP], on: loop) { _ in
            logger.info("reloading")
            reloader.reloadInBackground()
        }
        var received = 0
        try Signals.deliver([SIGTERM, SIGINT], on: loop) { _ in
            received += 1
            guard received == 1 else {
                logger.notice("a second signal: ending at once")
                exit(0)
            }
            onDrain?()
            drain(mailboxes, milliseconds: drainMs, logger)
        }
    }

    private static var coreCount: Int { max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) }

    /// A listening socket for each loop, on one port.
    private static func listen(_ settings: Settings, count: Int) throws(GatewayError) -> [Listener] {
        do {
            return try Listener.openGroup(host: settings.host, port: settings.port, count: count, backlog: backlog)
        } catch {
            throw GatewayError("\(error) (settings: \"host\", \"port\")", isAboutPort: true)
        }
    }

    /// The listening socket for `/metrics` alone, if the settings say so.
    private static func listenForMetrics(_ settings: Settings) throws(GatewayError) -> Listener? {
        guard settings.metricsPort != 0 else { return nil }
        do {
            return try Listener.open(
                host: settings.host, port: settings.metricsPort, reusePort: false, backlog: metricsBacklog)
        } catch {
            throw GatewayError("\(error) (settings: \"host\", \"metricsPort\")")
        }
    }

    /// More scrapers than anybody has.
    private static let metricsBacklog: Int32 = 64

    /// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
    private static let backlog: Int32 = 4096
}

/// A loop on its way to its thread.
///
/// `@unchecked Sendable`: it is made with the only reference to the loop that is used from then on, and opened once, by
/// the thread that the loop belongs to; the thread that made it does not touch the loop again.
private final class Parcel: @unchecked Sendable {
    private let loop: GatewayLoop
    init(loop: GatewayLoop) { self.loop = loop }
    func open() -> GatewayLoop { loop }
}

/// Figures that come in from the loops.
private final class Collected: Sendable {
    private struct State {
        var outstanding: Int
        var unanswered: Int
        var sum = Snapshot()
    }

    private let state: Mutex<State>

    init(expecting count: Int) { state = Mutex(State(outstanding: count, unanswered: count)) }

    func add(_ snapshot: Snapshot) {
        state.withLock { state in
            state.unanswered -= 1
            state.sum.add(snapshot)
        }
    }

    func requestIsGone() { state.withLock { $0.outstanding -= 1 } }

    /// Nil when not all have answered, and none is going to any more.
    func wait(milliseconds: Int) -> Snapshot? {
        for _ in 0..<milliseconds {
            let (isOver, sum) = state.withLock { ($0.outstanding == 0, $0.unanswered == 0 ? $0.sum : nil) }
            if isOver || sum != nil { return sum }
            usleep(1000)
        }
        return nil
    }
}

/// A request for one loop's figures. A loop that has ended lets go of it without an answer.
private final class FiguresRequest: Sendable {
    private let collected: Collected
    init(_ collected: Collected) { self.collected = collected }
    func answer(_ snapshot: Snapshot) { collected.add(snapshot) }
    deinit { collected.requestIsGone() }
}
