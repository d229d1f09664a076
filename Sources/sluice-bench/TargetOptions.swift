import ArgumentParser
import EventLoop
import Glibc

/// Where the server and its Redis are, and how it knows its clients.
struct TargetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's address, IPv4 or IPv6.", valueName: "address"))
    var host = "127.0.0.1"
    @Option(help: ArgumentHelp("The server's port.", valueName: "port"))
    var port: UInt16
    @Flag(help: "Event streams in place of WebSockets.")
    var sse = false
    @Flag(help: "Over TLS.")
    var tls = false
    @Option(
        help: ArgumentHelp(
            "With --tls: PEM file of the authorities to trust. (default: the system's)", valueName: "path"))
    var caFile: String?
    @Flag(help: "With --tls: each connection but the first resumes a session.")
    var resume = false
    @Option(
        help: ArgumentHelp(
            "The path to ask for (default: / for WebSockets, /events for event streams).", valueName: "path"))
    var path: String?
    @Option(help: ArgumentHelp("The server's process, for its CPU time and memory.", valueName: "number"))
    var pid: pid_t?
    @Option(help: ArgumentHelp("How many addresses, 127.0.0.2 and up, the clients come from.", valueName: "number"))
    var sources = 8
    @Option(help: ArgumentHelp("Redis' address, IPv4 or IPv6.", valueName: "address"))
    var redisHost = "127.0.0.1"
    @Option(help: ArgumentHelp("Redis' port.", valueName: "port"))
    var redisPort: UInt16 = 6379
    @Option(help: ArgumentHelp("Redis' Unix socket, in place of address and port.", valueName: "path"))
    var redisSocket: String?
    @Option(help: ArgumentHelp("redisStreamPrefix", valueName: "text"))
    var streamPrefix = "async-events-"
    @Option(help: ArgumentHelp("jwtSecret (default: the variable JWT_SECRET)", valueName: "text"))
    var secret: String?
    @Option(help: ArgumentHelp("jwtCookieName", valueName: "name"))
    var cookie = "async-token"
    @Option(help: ArgumentHelp("jwtChannelIdKey", valueName: "name"))
    var claim = "channel"

    func target() throws(BenchFailure) -> Target {
        guard let server = SocketAddress(literal: host, port: port) else {
            throw BenchFailure("--host is \"\(host)\"; an IPv4 or IPv6 address was expected.")
        }
        guard let secret = secret ?? getenv("JWT_SECRET").map({ String(cString: $0) }), !secret.isEmpty else {
            throw BenchFailure("The server's jwtSecret is needed to make tokens: set JWT_SECRET, or --secret.")
        }
        guard (0...200).contains(sources) else { throw BenchFailure("--sources must be from 0 to 200.") }
        return Target(
            server: server, transport: sse ? .eventStream : .webSocket, tls: try secure(),
            path: path ?? (sse ? "/events" : "/"),
            redis: try redis(), streamPrefix: streamPrefix, secret: secret, cookieName: cookie, channelClaim: claim,
            sources: sources, process: try process())
    }

    private func secure() throws(BenchFailure) -> Target.TLS? {
        guard tls else { return nil }
        do {
            let context = try TLSClientContext(caFile: caFile, verifyHostname: true, resumes: resume)
            return Target.TLS(context: context, serverName: host)
        } catch {
            throw BenchFailure(error.description)
        }
    }

    private func process() throws(BenchFailure) -> ServerProcess? {
        guard let pid else { return nil }
        return try ServerProcess(id: pid)
    }

    private func redis() throws(BenchFailure) -> SocketAddress {
        if let redisSocket {
            do {
                return try SocketAddress.unix(path: redisSocket)
            } catch {
                throw BenchFailure("--redis-socket cannot be used: \(error).")
            }
        }
        guard let address = SocketAddress(literal: redisHost, port: redisPort) else {
            throw BenchFailure("--redis-host is \"\(redisHost)\"; an IPv4 or IPv6 address was expected.")
        }
        return address
    }
}
