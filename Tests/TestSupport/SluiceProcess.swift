public import EventLoop
public import Foundation

/// A program of this package, run as a process of its own: `sluice`, unless another is named.
public final class SluiceProcess {
    private let process = Process()
    private let output: URL
    private let errors: URL
    private let directory: URL

    /// The binary that was built with the running tests: it lies beside their bundle, wherever that was built.
    public static func binary(_ name: String = "sluice") throws -> String {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// - Parameters:
    ///   - environment: added to a nearly empty one, so that nothing of the machine's leaks in.
    ///   - directory: where it runs.
    ///   - maxDescriptors: the file descriptors it may have; nil: as many as these tests.
    public init(
        _ arguments: [String], environment: [String: String] = [:], directory: URL? = nil, program: String = "sluice",
        maxDescriptors: Int? = nil
    ) throws {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sluice-process-" + UUID().uuidString.prefix(8))
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        self.directory = scratch
        output = scratch.appendingPathComponent("output")
        errors = scratch.appendingPathComponent("errors")
        for file in [output, errors] { try Data().write(to: file) }
        let binary = try Self.binary(program)
        if let maxDescriptors {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n \(maxDescriptors) && exec \"$0\" \"$@\"", binary] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: binary)
            process.arguments = arguments
        }
        var variables = environment
        // What `make sanitize` says counts for the processes too.
        for name in ["PATH", "ASAN_OPTIONS", "TSAN_OPTIONS"] {
            variables[name] = ProcessInfo.processInfo.environment[name]
        }
        variables["HOME"] = scratch.path
        process.environment = variables
        process.currentDirectoryURL = directory ?? scratch
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
    }

    deinit {
        kill(SIGKILL)
        process.waitForEnd()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Where it runs.
    public var workingDirectory: URL { process.currentDirectoryURL ?? directory }
    public var isRunning: Bool { process.isRunning }
    public var processID: Int32 { process.processIdentifier }
    /// What it wrote so far.
    public var standardOutput: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
    public var standardError: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }
    public var lines: [String] { standardOutput.split(separator: "\n").map(String.init) }

    /// A line of `/proc/<pid>/status`, in bytes.
    public func memory(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }),
            let kilobytes = Int(line.filter(\.isNumber))
        else { throw Failure("the status of the process has no \(name)") }
        return kilobytes * 1024
    }

    public func kill(_ signal: Int32) {
        if process.isRunning { Glibc.kill(process.processIdentifier, signal) }
    }

    /// Waits for its end and returns the exit status; a signal's is negative.
    public func exitStatus(within seconds: Double = 30) throws -> Int32 {
        try eventually("sluice \(process.arguments?.joined(separator: " ") ?? "") ends", within: seconds) {
            !process.isRunning
        }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// Waits until it accepts connections, over TLS if there is a context for it.
    public func waitUntilReady(port: UInt16, tls: TLSClientContext? = nil) throws {
        do {
            try eventually("sluice is ready on port \(port)") {
                guard isRunning else { throw Failure("sluice ended: \(standardError)") }
                guard let socket = try? TestSocket.connect(port: port, tls: tls) else { return false }
                try socket.send("GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return try HTTPAnswer.read(from: socket).status == 200
            }
        } catch {
            throw Failure("\(error); it said: \(standardError)")
        }
    }
}

/// A port that was free a moment ago.
public func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("socket: errno \(errno)") }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
    }
    guard bound else { throw Failure("bind: errno \(errno)") }
    return UInt16(bigEndian: address.sin_port)
}
