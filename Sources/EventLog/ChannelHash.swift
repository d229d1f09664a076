/// A channel's name as a number: what tables and batches compare first.
///
/// Words of the name are multiplied into a state that begins with the process's own random numbers, so that nobody outside
/// can choose names that collide; a tenth of what `Hasher` costs for a short name, once per event. Two names may still share
/// a hash: whoever matches a channel compares the bytes too. Means nothing in another process.
public struct ChannelHash: Hashable, Sendable {
    public let value: UInt64

    private static let seeds = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1)

    public init(_ name: UnsafeRawBufferPointer) {
        let (seed, factor) = Self.seeds
        var state = seed ^ UInt64(truncatingIfNeeded: name.count)
        var position = 0
        while position + 8 <= name.count {
            state = Self.mix(state ^ name.loadUnaligned(fromByteOffset: position, as: UInt64.self), factor)
            position += 8
        }
        if position < name.count {
            var rest: UInt64 = 0
            for byte in name[position...] { rest = rest << 8 | UInt64(byte) }
            state = Self.mix(state ^ rest, factor)
        }
        value = Self.mix(state, seed | 1)
    }

    /// Both halves of the product, so that each bit of the one reaches all of the result.
    @inline(__always)
    private static func mix(_ state: UInt64, _ factor: UInt64) -> UInt64 {
        let product = state.multipliedFullWidth(by: factor)
        return product.high ^ product.low
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
