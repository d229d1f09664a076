/// The addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
public struct AddressRange: Equatable, Sendable {
    /// Of the first address; IPv4 as it is mapped into IPv6 (`::ffff:a.b.c.d`).
    private let high: UInt64
    private let low: UInt64
    private let maskHigh: UInt64
    private let maskLow: UInt64

    /// Reads an address, or an address, a slash and how many bits count; those behind must be 0. `nil` for everything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ SocketAddress(literal: String($0), port: 0) }),
            let bits = Self.bits(address)
        else { return nil }
        var count = 128
        if parts.count == 2 {
            let (offset, most) = if case .ipv4 = address { (96, 32) } else { (0, 128) }
            let isNumber = !parts[1].isEmpty && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
            guard isNumber, let length = Int(parts[1]), length <= most else { return nil }
            count = offset + length
        }
        maskHigh = count >= 64 ? ~0 : ~(~0 >> UInt64(count))
        maskLow = count <= 64 ? 0 : count == 128 ? ~0 : ~(~0 >> UInt64(count - 64))
        (high, low) = bits
        guard high & ~maskHigh == 0, low & ~maskLow == 0 else { return nil }
    }

    /// Whether the address is one of them, whatever its port; never that of a Unix socket.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let bits = Self.bits(address) else { return false }
        return bits.high & maskHigh == high && bits.low & maskLow == low
    }

    private static func bits(_ address: SocketAddress) -> (high: UInt64, low: UInt64)? {
        switch address {
        case .ipv4(let address, _): (0, 0xFFFF_0000_0000 | UInt64(address.bits))
        case .ipv6(let address, _, _): (address.high, address.low)
        case .local: nil
        }
    }
}
