import EventLoop

/// Whom the gateway believes when they say for whom they speak (`trustedProxies`).
struct TrustedProxies: Equatable {
    private let ranges: [AddressRange]

    /// - Throws: a sentence for each entry that is neither an address nor a range of them.
    init(_ texts: [String]) throws(SettingsProblems) {
        ranges = texts.compactMap(AddressRange.init)
        guard ranges.count < texts.count else { return }
        let sentences = texts.filter { AddressRange($0) == nil }.map {
            "\"trustedProxies\" has \"\($0)\"; an address or a range such as 10.0.0.0/8 or 2001:db8::/32 was expected."
        }
        throw SettingsProblems(sentences)
    }

    var isEmpty: Bool { ranges.isEmpty }

    func contains(_ address: SocketAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// Whom a request of a trusted proxy comes from by its `X-Forwarded-For` fields: the last address that is not a trusted
    /// proxy's, since what stands before that anybody can have written. Nil when there is none.
    func client(forwardedFor fields: [ArraySlice<UInt8>]) -> SocketAddress? {
        let entries = fields.flatMap { $0.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) }
        var client: SocketAddress?
        for entry in entries.reversed() {
            guard let address = Self.address(entry) else { break }
            client = address
            guard contains(address) else { break }
        }
        return client
    }

    /// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    private static func address(_ bytes: ArraySlice<UInt8>) -> SocketAddress? {
        let text = String(decoding: bytes, as: UTF8.self).split(separator: " ").joined()
        if let address = SocketAddress(literal: text, port: 0) { return address.unmapped }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        return SocketAddress(literal: String(host), port: port)?.unmapped
    }
}
