/// A channel's name as a number: what tables and batches compare first.
///
/// SipHash with the process's own random seed (`Hasher`), so that nobody outside can choose names that collide. Two
/// names may still share a hash: whoever matches a channel compares the bytes too. Means nothing in another process.
public struct ChannelHash: Hashable, Sendable {
    public let value: UInt64

    public init(_ name: UnsafeRawBufferPointer) {
        var hasher = Hasher()
        hasher.combine(bytes: name)
        value = UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// A channel: the per-user topic named by a token's claim and by the suffix of a Redis stream.
public struct Channel: Sendable, Hashable {
    /// UTF-8, as it stands in the token and in `channel_id`.
    public let name: [UInt8]
    public let hash: ChannelHash

    public init(_ name: [UInt8]) {
        self.name = name
        hash = name.withUnsafeBytes { ChannelHash($0) }
    }

    public static func == (a: Channel, b: Channel) -> Bool {
        a.hash == b.hash && a.name == b.name
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
    }
}
