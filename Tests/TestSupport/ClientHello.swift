public import EventLoop

/// What a client says first to a server whose certificate is for `localhost`: for peers who say only a part of it.
public func clientHello(_ tls: TLSClientContext) throws -> [UInt8] {
    let (client, server) = try ByteStream.pair()
    defer {
        client.close()
        server.close()
    }
    try client.startTLS(tls, serverName: "localhost")
    _ = client.finishConnecting()
    var bytes = [UInt8](repeating: 0, count: 16384)
    guard case .bytes(let count) = bytes.withUnsafeMutableBytes({ server.read(into: $0) }) else {
        throw Failure("no ClientHello came")
    }
    return Array(bytes[..<count])
}
