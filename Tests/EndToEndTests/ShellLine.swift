import Foundation
import TestSupport

/// A line as somebody types it into a shell; it runs while the test goes on.
final class ShellLine {
    private let process = Process()
    private let line: String
    private let scratch: URL

    /// - Parameter setUp: what was typed in the same shell before.
    init(_ line: String, after setUp: [String] = [], in directory: URL) throws {
        self.line = line
        scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-line-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        for name in ["output", "errors"] { try Data().write(to: scratch.appendingPathComponent(name)) }
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", (setUp + [line]).joined(separator: "\n")]
        // A proxy or a .curlrc of the machine's must not leak in.
        var environment = ["HOME": scratch.path]
        for name in ["PATH", "ASAN_OPTIONS", "TSAN_OPTIONS"] {
            environment[name] = ProcessInfo.processInfo.environment[name]
        }
        process.environment = environment
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: scratch.appendingPathComponent("output"))
        process.standardError = try FileHandle(forWritingTo: scratch.appendingPathComponent("errors"))
        try process.run()
    }

    deinit {
        // What a shell has started does not end with it, so its process group goes, which Foundation has made it the leader
        // of. Not by SIGTERM: that is blocked in what a thread of Dispatch starts.
        if process.isRunning { kill(-process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: scratch)
    }

    var isRunning: Bool { process.isRunning }
    /// What it wrote so far.
    var output: String { written("output") }
    var errors: String { written("errors") }

    private func written(_ name: String) -> String {
        (try? String(contentsOf: scratch.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }

    /// Waits for its end, which must be a good one.
    func outputAtEnd() throws -> String {
        try eventually("it ends: \(line)", within: 60) { !process.isRunning }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw Failure("\(line) ended with \(process.terminationStatus): \(output) \(errors)")
        }
        return output
    }
}
