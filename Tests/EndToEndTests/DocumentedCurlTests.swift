import Foundation
import TestSupport
import Testing

/// The `curl` lines of the documents and those that `sluice dev` prints, against `sluice dev`.
@Suite("Documented curl lines")
struct DocumentedCurlTests {
    /// What a document says that an address answers.
    private struct Promise {
        let status: Int
        /// A regular expression for what curl writes to its standard output.
        let output: String

        init(_ status: Int, _ output: String) {
            self.status = status
            self.output = output
        }
    }

    /// The beginning of the event that the documents' line publishes.
    private static let event = "\\{\"id\":\"[0-9]+-[0-9]+\", ?\"channel_id\": \"demo\", \"status\": \"done\""
    /// Every endpoint of the gateway but `/`, which takes WebSockets only; each must have a line somewhere.
    private static let promises = [
        "/health": Promise(200, "^OK$"),
        "/ready": Promise(200, "^ready\\s*$"),
        "/metrics": Promise(200, "^# HELP (?s:.*)\nsluice_connections\\{transport=\"sse\"\\} [1-9]"),
        "/events": Promise(200, "^retry: [0-9]+\n(?s:.*)\ndata: \(event)"),
        "/api/v1/async_event/?last_id=1700000000000-0&wait=25": Promise(
            200, "^\\{\"result\":\\[\(event).*\\],\"poll_delay\":[0-9]+\\}\\s*$"),
        "/api/publish": Promise(200, "^\\{\"id\":\"[0-9]+-[0-9]+\"\\}\\s*$"),
        "/api/presence": Promise(200, "^\\{\"present\":true\\}\\s*$"),
        "/sluice.js": Promise(200, "^HTTP/1.1 200 OK\r\n(?s:.*)Cache-Control: public, max-age=(?s:.*)ETag: \""),
        "/console": Promise(200, "^(?i:<!doctype html>)"),
        "/console?token=$TOKEN": Promise(
            303, "^HTTP/1.1 303 See Other\r\n(?s:.*)Location: /console\r\nSet-Cookie: sluice-console="),
        "/console/figures": Promise(
            200, "^event: session\ndata: \\{\"channel\":\"demo\"(?s:.*)\ndata: \\{\"time\":[0-9]+,\"figures\""),
    ]

    /// A `curl` line, and where it leads.
    private struct Line {
        let text: String
        let target: String

        init(_ text: String) throws {
            self.text = text
            let address = try #require(text.firstMatch(of: /http:\/\/localhost:\d+([^\s'"]+)/), "\(text)")
            target = String(address.1)
        }

        /// Whether it goes on until the gateway ends it.
        var isStream: Bool { text.hasPrefix("curl -N ") }
    }

    /// The `curl` lines of a text; one that ends in a backslash goes on in the next.
    private static func lines(of text: String) throws -> [Line] {
        try text.replacing("\\\n", with: "").split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.hasPrefix("curl ") }.map(Line.init)
    }

    private static func documented() throws -> [Line] {
        let root = URL(fileURLWithPath: #filePath).appending(path: "../../..").standardized
        let docs = root.appending(path: "docs")
        let pages = try FileManager.default.contentsOfDirectory(at: docs, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "md" }
        return try ([root.appending(path: "README.md")] + pages).flatMap { page in
            try lines(of: try String(contentsOf: page, encoding: .utf8))
        }
    }

    @Test("every endpoint has one, and each brings what is promised, as it stands")
    func asTheyStand() throws {
        let port = try freePort()
        let dev = try SluiceProcess(["dev", "--port", "\(port)"])
        try eventually("dev prints what to try") { dev.standardOutput.contains("Ctrl-C") }
        let token = try #require(
            dev.lines.map { $0.trimmingCharacters(in: .whitespaces) }.first { $0.hasPrefix("TOKEN=") })
        let lines = try Self.lines(of: dev.standardOutput) + Self.documented()
        #expect(Set(lines.map(\.target)) == Set(Self.promises.keys), "each endpoint needs a line, each line a promise")

        // The documents' port is led to that of this test, so that not a letter of a line is changed.
        let curl = """
            curl() {
                command curl --connect-to localhost:8080:localhost:\(port) --write-out '%{stderr}\\nstatus %{http_code}\\n' "$@"
            }
            """
        func type(_ line: Line) throws -> ShellLine {
            try ShellLine(line.text, after: [token, curl], in: dev.workingDirectory)
        }
        /// A line has ended, or will now.
        func check(_ line: Line, _ run: ShellLine) throws {
            let output = try run.outputAtEnd()
            let promise = try #require(Self.promises[line.target])
            #expect(run.errors.contains("status \(promise.status)\n"), "\(line.text): \(run.errors)")
            #expect(output.range(of: promise.output, options: .regularExpression) != nil, "\(line.text): \(output)")
        }

        let streams = try lines.filter(\.isStream).map { ($0, try type($0)) }
        for (line, stream) in streams {
            // An event stream says first where it stands: what is published from then on, it brings.
            let beginning = line.target == "/events" ? "\nid: " : "\ndata: "
            try eventually("a stream has begun: \(line.text)") { stream.output.contains(beginning) }
        }
        let presence = try #require(lines.first { $0.target == "/api/presence" })
        // Redis is told of who has come, not waited for.
        try eventually("somebody is there") { try type(presence).outputAtEnd().contains("true") }
        // Published first, so that the others have something to bring.
        for line in lines where line.target == "/api/publish" { try check(line, type(line)) }
        for line in lines where !line.isStream && line.target != "/api/publish" { try check(line, type(line)) }

        for (line, stream) in streams {
            let output = try #require(Self.promises[line.target]).output
            try eventually("a stream brings what is promised: \(line.text)") {
                stream.output.range(of: output, options: .regularExpression) != nil
            }
        }
        dev.kill(SIGTERM)
        #expect(try dev.exitStatus() == 0)
        for (line, stream) in streams { try check(line, stream) }
    }
}
