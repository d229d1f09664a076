import Configuration
import EventLoop
import Glibc
import Logging

/// Writes each entry of the log as one line (see ``LogLine``) to standard error, and to a file as well if there is one.
struct LineLogHandler: LogHandler {
    let sink: LogSink
    let format: LogFormat
    private let sharedLevel: LogLevelSwitch
    /// Of this logger alone, once somebody has set it.
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(sink: LogSink, level: LogLevelSwitch, format: LogFormat = .text) {
        self.sink = sink
        self.format = format
        sharedLevel = level
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? sharedLevel.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var merged = metadata
        if let metadataProvider { merged.merge(metadataProvider.get()) { $1 } }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error { merged["error"] = "\(error)" }
        sink.write(
            LogLine.bytes(
                format, milliseconds: WallClock.nowMilliseconds(), level: event.level, message: "\(event.message)",
                metadata: merged))
    }
}

/// Where the lines go. Each is written by one write(2), so lines of several threads do not mix; a line that cannot be
/// written is lost, since there is nobody left to tell.
final class LogSink: Sendable {
    private let descriptors: [Int32]
    private let file: Int32?

    /// - Parameter path: a file that is appended to; it is made if it is not there (mode 0640).
    init(standardError: Bool = true, path: String? = nil) throws(SystemError) {
        var file: Int32?
        if let path {
            let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw SystemError(operation: "open", code: errno) }
            file = descriptor
        }
        self.file = file
        descriptors = (standardError ? [STDERR_FILENO] : []) + (file.map { [$0] } ?? [])
    }

    deinit {
        if let file { close(file) }
    }

    func write(_ line: [UInt8]) {
        for descriptor in descriptors { writeAll(line, to: descriptor) }
    }
}

extension Logger {
    /// The logger that the configuration asks for.
    /// - Parameter level: whose level counts; nil: the configuration's, for good.
    /// - Throws: a sentence that names the key and its source if the log file cannot be opened.
    init(_ settings: Settings, from loaded: LoadResult, level: LogLevelSwitch? = nil) throws(CommandFailure) {
        let sink: LogSink
        do {
            sink = try LogSink(path: settings.logToFile ? settings.logFilename : nil)
        } catch {
            let problem = Problem(
                key: "logFilename", source: loaded.source(of: "logFilename"),
                found: "is \"\(settings.logFilename)\", which cannot be opened (\(error.reason))",
                expected: "a file that can be written (logToFile is set)")
            throw CommandFailure("\(problem)")
        }
        let level = level ?? LogLevelSwitch(Level(settings.logLevel))
        self.init(label: "sluice") { _ in LineLogHandler(sink: sink, level: level, format: settings.logFormat) }
    }
}

extension Logger.Level {
    /// The level of the key `logLevel`.
    init(_ level: LogLevel) {
        self =
            switch level {
            case .debug: .debug
            case .info: .info
            case .warn: .warning
            case .error: .error
            }
    }
}
