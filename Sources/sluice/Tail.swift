import ArgumentParser
import Configuration
import EventLog
import EventLoop
import Glibc

struct Tail: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch a channel: print each event as it comes.",
        usage:
            "sluice tail --channel <name> [--last-id <id>] [--sse | --compress] [--url <url>] [--count <n>] [--config <path>]",
        discussion: """
            A WebSocket client of the gateway, or with --sse one of its event stream. Each event is one line of JSON on standard output; what becomes of the \
            connection is told on standard error. When the connection is lost it is made again, with the ID of the \
            last event that was printed, so that none is missed. Ctrl-C ends it.

            Finds the gateway and signs its own token by the same configuration as the gateway's. For example:

              sluice tail --channel demo
              sluice tail --channel demo --last-id 1763717460123-0 --count 10
              sluice tail --channel demo --sse
            """)

    @Option(help: ArgumentHelp("The channel to watch; not needed with --token.", valueName: "name"))
    var channel: String?

    @Option(
        help: ArgumentHelp(
            "Begin after the event with this ID. (default: with the next event that comes)", valueName: "id"))
    var lastID: String?

    @Option(help: ArgumentHelp("End after so many events.", valueName: "n"))
    var count: Int?

    @Flag(help: "Watch by server-sent events (GET /events) instead of a WebSocket.")
    var sse = false

    @Flag(help: "Offer the gateway compression of a WebSocket's messages; it takes that up if \"compression\" is true.")
    var compress = false

    @Option(
        help: ArgumentHelp(
            "The gateway's address, ws:// or wss://, with --sse http:// or https://. (default: this machine, at the configured port)",
            valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "Show the gateway this token. (default: one made with the configured secret)", valueName: "jwt"))
    var token: String?

    @Option(
        help: ArgumentHelp(
            "With wss:// or https://: PEM file of the authorities to trust. (default: the system's)", valueName: "path")
    )
    var caFile: String?

    @OptionGroup var configuration: ConfigurationOption

    /// A token of its own lives for a day; after that the gateway ends the connection, and the next one brings a new
    /// token.
    private static let tokenSeconds = 86_400

    func run() throws {
        if let count, count <= 0 {
            throw CommandFailure("--count is \(count); a number above 0 was expected.")
        }
        if let token, !token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") }) || token.isEmpty {
            throw CommandFailure("--token is not a token; letters, digits, \"-\", \"_\" and two dots were expected.")
        }
        if compress, sse {
            throw CommandFailure("--compress is for a WebSocket; it was expected without --sse.")
        }
        let start = try lastID.map(Self.parse)
        let (settings, _) = try configuration.load(ignoring: token == nil ? [] : ["jwtSecret"])

        let credentials: TailClient.Credentials
        if let token {
            credentials = .given(token)
        } else {
            guard let channel else {
                throw CommandFailure(
                    "--channel is missing; the name of the channel to watch was expected (or a --token).")
            }
            try checkChannel(channel)
            credentials = .minted(try TokenMinter(settings), channel: channel, seconds: Self.tokenSeconds)
        }
        let client = TailClient(
            url: try url.map { try GatewayURL($0, transport) } ?? url(of: settings), credentials: credentials,
            cookieName: settings.jwtCookieName, offersCompression: compress, caFile: caFile,
            waiter: try Waiter(endedBy: [SIGINT, SIGTERM]))
        try client.run(after: start, count: count)
    }

    private var transport: GatewayURL.Transport { sse ? .eventStream : .webSocket }

    private static func parse(_ text: String) throws(CommandFailure) -> StreamID {
        guard let id = Array(text.utf8).withUnsafeBytes({ StreamID(text: $0) }) else {
            throw CommandFailure("--last-id is \"\(text)\"; an ID such as 1763717460123-0 was expected.")
        }
        return id
    }

    /// The gateway of a configuration, seen from its own machine.
    private func url(of settings: Settings) throws(CommandFailure) -> GatewayURL {
        guard settings.tls.certificateFile == nil else {
            let scheme = sse ? "https" : "wss"
            throw CommandFailure(
                "The gateway speaks TLS, with a certificate for names that are not in its configuration; --url "
                    + "\(scheme)://<name>:\(settings.port) was expected.")
        }
        guard settings.port != 0 else {
            throw CommandFailure("\"port\" is 0, so that the gateway listens on any free one; --url was expected.")
        }
        return GatewayURL(transport, host: settings.localHost, port: settings.port)
    }
}
