import Configuration
import Foundation
import Logging
import Testing

@testable import sluice

@Suite("The log handler")
struct LineLogHandlerTests {
    /// A path in a directory of its own, and what is in the file after `body`.
    private func lines(_ body: (LogSink) throws -> Void) throws -> [String] {
        let directory = FileManager.default.temporaryDirectory.appending(path: "sluice-log-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "test.log")
        try Data("there before\n".utf8).write(to: file)
        try body(try LogSink(standardError: false, path: file.path))
        return String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("lines are appended to the file, with the handler's metadata and the entry's, of which the entry's count")
    func file() throws {
        let lines = try lines { sink in
            var logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, logLevel: .info) }
            logger[metadataKey: "a"] = "1"
            logger[metadataKey: "b"] = "1"
            logger.info("hello", metadata: ["b": "2"])
        }
        #expect(lines.count == 2)
        #expect(lines.first == "there before")
        #expect(lines.last?.hasSuffix("Z info  hello a=1 b=2") == true)
    }

    @Test(
        "logLevel says what is the least that is logged",
        arguments: [
            (.debug, ["debug", "info", "warn", "error"]), (.info, ["info", "warn", "error"]),
            (.warn, ["warn", "error"]), (.error, ["error"]),
        ] as [(LogLevel, [String])])
    func level(level: LogLevel, expected: [String]) throws {
        let lines = try lines { sink in
            let logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, logLevel: Logger.Level(level)) }
            logger.debug("m")
            logger.info("m")
            logger.warning("m")
            logger.error("m")
        }
        #expect(lines.dropFirst().map { $0.split(separator: " ")[1] } == expected.map { Substring($0) })
    }

    @Test("lines of several threads do not mix")
    func threads() throws {
        let lines = try lines { sink in
            let logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, logLevel: .info) }
            DispatchQueue.concurrentPerform(iterations: 8) { number in
                for _ in 0..<50 { logger.info("\(String(repeating: "\(number)", count: 500))") }
            }
        }
        #expect(lines.count == 401)
        for line in lines.dropFirst() {
            let message = line.split(separator: " ").last ?? ""
            #expect(message.count == 500)
            #expect(Set(message).count == 1)
        }
    }
}
