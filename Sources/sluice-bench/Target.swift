import EventLoop

/// What is measured, and how its clients identify themselves.
struct Target: Sendable {
    enum Transport: Sendable {
        case webSocket
        case eventStream
    }

    struct TLS: Sendable {
        let context: TLSClientContext
        /// Whom the certificate must be for.
        let serverName: String
    }

    let server: SocketAddress
    let transport: Transport
    /// How the server is spoken to over TLS; nil: without.
    var tls: TLS?
    /// The path of the upgrade, or of the event stream.
    let path: String
    let redis: SocketAddress
    /// `redisStreamPrefix`
    let streamPrefix: String
    /// `jwtSecret`
    let secret: String
    /// `jwtCookieName`
    let cookieName: String
    /// `jwtChannelIdKey`
    let channelClaim: String
    /// How many addresses, 127.0.0.2 and up, the clients come from; 0: the kernel chooses.
    let sources: Int
    /// The server's, if its CPU and memory are to be reported.
    let process: ServerProcess?

    /// Where the client of this number comes from; nil where the server is not on the loopback interface.
    func source(of number: Int) -> SocketAddress? {
        guard sources > 0, case .ipv4(let address, _) = server, address.bits >> 24 == 127 else { return nil }
        return .ipv4(IPv4Address(bits: 0x7F00_0002 + UInt32(number % sources)), port: 0)
    }
}
