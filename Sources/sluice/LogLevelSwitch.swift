import Logging
import Synchronization

/// The least severe level that is logged, for all loggers of the process: it can be turned to debug and back while they
/// are used. Safe from any thread.
final class LogLevelSwitch: Sendable {
    private let configured: Logger.Level
    private let isDebug = Atomic(false)

    /// - Parameter configured: what holds unless it is turned to debug.
    init(_ configured: Logger.Level) { self.configured = configured }

    var level: Logger.Level { isDebug.load(ordering: .relaxed) ? min(.debug, configured) : configured }

    /// Turns debug on, or off again, and says so in the log.
    func toggleDebug(_ logger: Logger) {
        guard configured > .debug else {
            return logger.notice("SIGUSR1: the log level is debug already, by the configuration")
        }
        let name = "\(configured)"
        if isDebug.load(ordering: .relaxed) {
            // As long as it still is debug: the configured level may not let it through.
            logger.notice("SIGUSR1: the log level is the configured one again", metadata: ["level": "\(name)"])
            isDebug.store(false, ordering: .relaxed)
        } else {
            isDebug.store(true, ordering: .relaxed)
            logger.notice("SIGUSR1: the log level is debug until the next one", metadata: ["configured": "\(name)"])
        }
    }
}
