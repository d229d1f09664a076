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
            var logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, level: LogLevelSwitch(.info)) }
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
            let logger = Logger(label: "x") { _ in
                LineLogHandler(sink: sink, level: LogLevelSwitch(Logger.Level(level)))
            }
            logger.debug("m")
            logger.info("m")
            logger.warning("m")
            logger.error("m")
        }
        #expect(lines.dropFirst().map { $0.split(separator: " ")[1] } == expected.map { Substring($0) })
    }

    @Test(
        "the switch turns debug on for every logger and off again, and says so each time",
        arguments: [LogLevel.info, .error])
    func toggling(level: LogLevel) throws {
        let configured = Logger.Level(level)
        let lines = try lines { sink in
            let switched = LogLevelSwitch(configured)
            let logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, level: switched) }
            let copy = logger
            copy.debug("before")
            switched.toggleDebug(logger)
            copy.debug("between")
            switched.toggleDebug(logger)
            copy.debug("after")
            copy.error("error")
        }
        #expect(
            lines.dropFirst().map { String($0.dropFirst("1970-01-01T00:00:00.000Z ".count)) } == [
                "info  SIGUSR1: the log level is debug until the next one configured=\(configured)", "debug between",
                "info  SIGUSR1: the log level is the configured one again level=\(configured)", "error error",
            ])
    }

    @Test("where debug is configured the switch changes nothing, and a logger's own level is its own")
    func levels() throws {
        let lines = try lines { sink in
            let switched = LogLevelSwitch(.debug)
            let logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, level: switched) }
            switched.toggleDebug(logger)
            logger.debug("still")
            var quiet = logger
            quiet.logLevel = .error
            quiet.info("not this")
            logger.debug("but this")
        }
        #expect(lines.dropFirst().map { $0.split(separator: " ").last } == ["configuration", "still", "this"])
    }

    @Test("lines are written in the format that is configured")
    func formats() throws {
        let lines = try lines { sink in
            for format in LogFormat.allCases {
                let logger = Logger(label: "x") { _ in
                    LineLogHandler(sink: sink, level: LogLevelSwitch(.info), format: format)
                }
                logger.warning("as it is", metadata: ["k": "v"])
            }
        }
        #expect(lines.count == 4)
        #expect(lines[1].hasSuffix("Z warn  as it is k=v"))
        #expect(lines[2].hasPrefix("ts=") && lines[2].hasSuffix("Z level=warn msg=\"as it is\" k=v"))
        #expect(lines[3].hasSuffix(#"","level":"warn","msg":"as it is","k":"v"}"#))
    }

    @Test("lines of several threads do not mix")
    func threads() throws {
        let lines = try lines { sink in
            let logger = Logger(label: "x") { _ in LineLogHandler(sink: sink, level: LogLevelSwitch(.info)) }
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
