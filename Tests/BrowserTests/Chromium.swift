import Foundation
import TestSupport

/// A headless Chromium of the tests' own, spoken to by the Chrome DevTools Protocol over two pipes: no port is opened, and if the tests
/// die it sees the end of its pipe and ends too.
///
/// `@unchecked Sendable`: the tests that share it run one after the other (``BrowserTests`` is serialized).
final class Chromium: @unchecked Sendable {
    /// What the browser says by itself.
    struct Event {
        let method: String
        let session: String?
        let parameters: [String: Any]
    }

    private let process = Process()
    private let directory: String
    private let commands: Int32
    private let answers: Int32
    private var received: [UInt8] = []
    private var lastID = 0
    private var results: [Int: Result<[String: Any], Failure>] = [:]
    /// Those that pages have not taken yet.
    private var events: [Event] = []

    init() throws {
        let directory = NSTemporaryDirectory() + "sluice-chromium-" + UUID().uuidString.prefix(8)
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // Opened for both directions, so that opening waits for nobody; the browser has one end of each and no other.
        func pipe(_ name: String) throws -> Int32 {
            let path = "\(directory)/\(name)"
            guard mkfifo(path, 0o600) == 0 else { throw Failure("mkfifo \(path): errno \(errno)") }
            let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else { throw Failure("open \(path): errno \(errno)") }
            return descriptor
        }
        commands = try pipe("commands")
        answers = try pipe("answers")
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            [
                "-c", "exec \"$0\" \"$@\" 3<'\(directory)/commands' 4>'\(directory)/answers'", try Self.program(),
            ] + Self.arguments + ["--user-data-dir=\(directory)/profile", "about:blank"]
        process.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin", "HOME": directory, "TMPDIR": directory,
            "LANG": "C.UTF-8",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        _ = FileManager.default.createFile(atPath: "\(directory)/errors", contents: nil)
        process.standardError = FileHandle(forWritingAtPath: "\(directory)/errors")
        do {
            try process.run()
            _ = try call("Target.setDiscoverTargets", ["discover": false])
        } catch {
            end()
            throw error
        }
    }

    deinit { end() }

    /// Any Chromium, or a Chrome.
    private static func program() throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
        for name in ["chromium", "google-chrome", "chromium-browser"] {
            for directory in path.split(separator: ":") where access("\(directory)/\(name)", X_OK) == 0 {
                return "\(directory)/\(name)"
            }
        }
        throw Failure("There is neither chromium nor google-chrome on the PATH; `make test` installs the first.")
    }

    private static let arguments = [
        "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--mute-audio", "--hide-scrollbars",
    ]

    /// Asks it to go, and sees to it that it does.
    func end() {
        if process.isRunning {
            try? send(["id": 0, "method": "Browser.close"])
            let deadline = Deadline(seconds: 10)
            while process.isRunning, !deadline.isOver { usleep(10_000) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
        }
        for descriptor in [commands, answers] where descriptor >= 0 { close(descriptor) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    // MARK: The protocol

    /// Sends a command and waits for what it comes to.
    @discardableResult
    func call(_ method: String, _ parameters: [String: Any] = [:], session: String? = nil) throws -> [String: Any] {
        lastID += 1
        let id = lastID
        var message: [String: Any] = ["id": id, "method": method, "params": parameters]
        message["sessionId"] = session
        try send(message)
        let deadline = Deadline(seconds: 60)
        while true {
            if let result = results.removeValue(forKey: id) { return try result.get() }
            try receive(deadline, "the browser has not answered \(method)")
        }
    }

    /// Takes what it has said of a page since the last time.
    func takeEvents(session: String) throws -> [Event] {
        while try receiveSome() {}
        defer { events.removeAll { $0.session == session } }
        return events.filter { $0.session == session }
    }

    private func send(_ message: [String: Any]) throws {
        let bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
        var rest = bytes[...]
        let deadline = Deadline()
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(commands, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else {
                guard errno == EAGAIN, !deadline.isOver else { throw Failure("writing to the browser: errno \(errno)") }
                var request = pollfd(fd: commands, events: Int16(POLLOUT), revents: 0)
                poll(&request, 1, 100)
            }
        }
    }

    private func receive(_ deadline: Deadline, _ what: String) throws {
        guard try !receiveSome() else { return }
        guard process.isRunning else {
            let errors = try? String(contentsOfFile: "\(directory)/errors", encoding: .utf8)
            throw Failure("Chromium has ended (is it installed?): \(errors ?? "")")
        }
        guard !deadline.isOver else { throw Failure(what) }
        var request = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
        poll(&request, 1, 100)
    }

    /// Takes what has come, if something has.
    private func receiveSome() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(answers, &chunk, chunk.count)
        guard count > 0 else { return false }
        received += chunk[..<count]
        while let end = received.firstIndex(of: 0) {
            let message = Data(received[..<end])
            received.removeSubrange(...end)
            guard let object = try JSONSerialization.jsonObject(with: message) as? [String: Any] else { continue }
            take(object)
        }
        return true
    }

    private func take(_ message: [String: Any]) {
        if let id = message["id"] as? Int {
            if let error = message["error"] as? [String: Any] {
                results[id] = .failure(Failure("the browser refuses: \(error["message"] ?? error)"))
            } else {
                results[id] = .success(message["result"] as? [String: Any] ?? [:])
            }
        } else if let method = message["method"] as? String {
            events.append(
                Event(
                    method: method, session: message["sessionId"] as? String,
                    parameters: message["params"] as? [String: Any] ?? [:]))
        }
    }
}
