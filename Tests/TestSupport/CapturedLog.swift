import Locks
public import Logging

/// Keeps log lines for a test to look at.
public final class CapturedLog: Sendable {
    private let entries = Mutex<[String]>([])

    public init() {}

    /// `level message key=value …`, keys in order.
    public var lines: [String] { entries.withLock { $0 } }

    public func contains(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

    public var logger: Logger {
        Logger(label: "test") { _ in Handler(log: self) }
    }

    fileprivate func append(_ line: String) { entries.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        init(log: CapturedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            log.append("\(event.level) \(event.message)\(pairs.joined())")
        }
    }
}
