import EventLoop
import Gateway
import Glibc
import Logging

/// The service manager that started this program, systemd most likely, and how it is told what goes on: sd_notify(3),
/// a datagram to the Unix socket that `NOTIFY_SOCKET` names.
struct ServiceManager: Sendable {
    private let address: SocketAddress
    /// Half of the time within which the manager wants a sign of life, in microseconds; nil: it wants none.
    let watchdogPause: UInt64?

    /// The manager of this process; nil without one. What its variables get wrong is logged, and is no reason not to
    /// start.
    static func ofThisProcess(_ logger: Logger) -> ServiceManager? {
        do throws(CommandFailure) {
            return try ServiceManager(ConfigurationOption.environment, processID: getpid())
        } catch {
            for sentence in error.sentences { logger.warning("\(sentence)") }
            return nil
        }
    }

    /// - Returns: nil when there is no manager to tell.
    /// - Throws: a sentence when it cannot be told.
    init?(_ environment: [String: String], processID: pid_t) throws(CommandFailure) {
        guard let name = environment["NOTIFY_SOCKET"], !name.isEmpty else { return nil }
        do throws(SystemError) {
            switch name.first {
            case "/": address = try .unix(path: name)
            case "@": address = try .abstract(name: String(name.dropFirst()))
            default: throw SystemError(operation: "", code: EAFNOSUPPORT)
            }
        } catch {
            throw CommandFailure(
                "NOTIFY_SOCKET is \"\(printable(name))\", which cannot be used (\(error.reason)); a path or, after an "
                    + "\"@\", the name of an abstract socket was expected. The service manager is told nothing.")
        }
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(processID)" } ?? true
        let interval = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
        watchdogPause = isForUs && interval > 1 ? interval / 2 : nil
    }

    /// Sends assignments such as `READY=1`, divided by line feeds.
    /// - Parameter waits: whether to wait for a manager whose queue is full; a loop's thread must not.
    /// - Returns: whether it was sent. A manager that is gone is no reason to end.
    @discardableResult
    func tell(_ state: String, waits: Bool = true) -> Bool {
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return false }
        let descriptor = Descriptor(owning: number)
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        let text = Array(state.utf8)
        return address.withSockAddr { pointer, length in
            while true {
                let count = text.withUnsafeBytes {
                    sendto(descriptor.rawValue, $0.baseAddress, $0.count, flags, pointer, length)
                }
                if count >= 0 { return true }
                guard errno == EINTR else { return false }
            }
        }
    }

    /// Says `WATCHDOG=1` for as long as every loop of the gateway takes its turns, on a thread of its own: a loop that
    /// hangs is what the manager is to find out.
    func feedWatchdog(of gateway: Gateway, _ logger: Logger) {
        guard let watchdogPause else { return }
        do {
            _ = try LoopThread.start(name: "watchdog") {
                while gateway.figures() != nil {
                    tell("WATCHDOG=1")
                    var pause = timespec(
                        tv_sec: Int(watchdogPause / 1_000_000), tv_nsec: Int(watchdogPause % 1_000_000) * 1000)
                    nanosleep(&pause, nil)
                }
            }
        } catch {
            logger.warning("the service manager's watchdog is not fed, and will restart the gateway: \(error)")
        }
    }
}
