import Foundation

/// Runs a command of the system with an input, and returns all that it says on both of its outputs.
///
/// It is ended when it takes longer than `seconds`, and fails then.
public func output(
    of command: String, _ arguments: [String], input: String = "", within seconds: Double = 30
) throws -> (text: String, status: Int32) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["timeout", "\(seconds)", command] + arguments
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-io-" + UUID().uuidString)
    let files = ["in", "out"].map { URL(fileURLWithPath: scratch.path + "." + $0) }
    try Data(input.utf8).write(to: files[0])
    try Data().write(to: files[1])
    defer { for file in files { try? FileManager.default.removeItem(at: file) } }
    let written = try FileHandle(forWritingTo: files[1])
    process.standardInput = try FileHandle(forReadingFrom: files[0])
    process.standardOutput = written
    process.standardError = written
    try process.run()
    process.waitUntilExit()
    let text = String(decoding: try Data(contentsOf: files[1]), as: UTF8.self)
    guard process.terminationStatus != 124 else { throw Failure("\(command) \(arguments) hung: \(text)") }
    return (text, process.terminationStatus)
}
