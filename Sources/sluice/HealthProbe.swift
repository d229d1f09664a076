import Configuration
import EventLoop
import HTTP1

/// `sluice check --health`: one request to a running gateway, for monitors and containers that have no curl.
struct HealthProbe {
    let url: GatewayURL
    /// The gateway of this machine's settings: its certificate is for the name that others know it by.
    private let isOwn: Bool

    /// A container's own limit is longer, so that the reason is told before the probe is killed.
    private static let milliseconds: Int64 = 3000

    /// - Parameters:
    ///   - text: an `http://` or `https://` address, or only a path: then on this machine, where the settings say.
    ///   - settings: gives those of this machine.
    init(_ text: String, settings: () throws -> Settings) throws {
        isOwn = text.hasPrefix("/")
        guard isOwn else {
            url = try GatewayURL(text, .eventStream, option: "--health", defaultPath: "/health")
            return
        }
        let settings = try settings()
        // The port for monitors is always plain, and no proxy stands before it.
        let hasOwnPort = settings.metricsPort != 0
        guard hasOwnPort || !settings.proxyProtocol else {
            throw CommandFailure(
                "--health \(text): with \"proxyProtocol\" the port answers proxies only; set \"metricsPort\", which answers this."
            )
        }
        let isSecure = !hasOwnPort && settings.tls.certificateFile != nil
        let authority = GatewayURL(
            .eventStream, host: settings.localHost, port: hasOwnPort ? settings.metricsPort : settings.port
        ).authority
        url = try GatewayURL("\(isSecure ? "https" : "http")://\(authority)\(text)", .eventStream, option: "--health")
    }

    /// The sentence for a gateway that answered 2xx.
    /// - Throws: the sentence for any other.
    func run() throws(CommandFailure) -> String {
        let waiter = try Waiter()
        let said: (isWell: Bool, sentence: String)
        do throws(WaitError) {
            said = try ask(waiter)
        } catch {
            switch error {
            case .failed(let sentence): throw CommandFailure("\(url.text) is not reached. \(sentence)")
            case .timedOut, .interrupted:
                throw CommandFailure("\(url.text) did not answer within \(Self.milliseconds) ms.")
            }
        }
        guard said.isWell else { throw CommandFailure(said.sentence) }
        return said.sentence
    }

    private func ask(_ waiter: Waiter) throws(WaitError) -> (isWell: Bool, sentence: String) {
        let deadline = waiter.deadline(milliseconds: Self.milliseconds)
        let addresses = try waiter.resolve(host: url.host, port: url.port, until: deadline)
        var tls: ClientStream.TLS?
        if url.isSecure {
            do {
                tls = ClientStream.TLS(
                    context: try TLSClientContext(caFile: nil, verifyHostname: !isOwn, verifiesChain: !isOwn),
                    serverName: url.host)
            } catch {
                throw .failed(error.description)
            }
        }
        let stream = try ClientStream.connect(to: addresses, tls: tls, waiter: waiter, until: deadline)
        let request = "GET \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\nConnection: close\r\n\r\n"
        try stream.write(Array(request.utf8), until: deadline)
        var answer = try HTTPAnswer.read(from: stream, until: deadline)
        let body = answer.bodyText(from: stream, until: deadline)
        let said = answer.statusText + (body.isEmpty ? "" : ": \(body)")
        return (200..<300 ~= answer.head.statusCode, "\(url.text) answers \(said).")
    }
}
