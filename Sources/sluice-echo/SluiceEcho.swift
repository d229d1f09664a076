import ArgumentParser
import EventLoop
import Glibc

@main
struct SluiceEcho: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice-echo",
        abstract: "Echoes WebSocket messages, for tests of the codec: no part of the gateway.",
        discussion: """
            Any path is a WebSocket. Messages come back as they were, in one frame, compressed where permessage-deflate \
            was offered. It prints the port that it listens on, and runs until it is killed.
            """)

    @Option(help: "TCP port to listen on; 0: any free one.")
    var port: UInt16 = 9001
    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"
    @Option(help: ArgumentHelp("The longest message.", valueName: "bytes"))
    var maxMessageBytes = 64 << 20

    func validate() throws {
        guard maxMessageBytes >= 0 else { throw ValidationError("--max-message-bytes must not be below 0.") }
    }

    func run() throws {
        let loop = try EventLoop()
        let listener = try Listener.open(host: host, port: port, reusePort: false, backlog: 128)
        let server = EchoServer(loop: loop, listener: listener, maxMessageBytes: maxMessageBytes)
        _ = try loop.register(listener.descriptor, interest: .read, handler: server)
        writeLine("sluice-echo listens on port \(listener.localPort)")
        loop.run()
    }
}

/// Writes a line to standard output, at once: who reads it waits for it.
private func writeLine(_ line: String) {
    print(line)
    fflush(nil)
}
