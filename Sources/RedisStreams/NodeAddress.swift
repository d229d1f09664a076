/// Where a server is: what sentinels and clusters tell of each other.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    /// Host name or IP address, IPv6 without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:6379`, `[::1]:6379`
    public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}

extension Reply {
    /// The first word of an answer to `ROLE`: `master`, `slave` or `sentinel`.
    var role: String? {
        guard case .array(let parts) = self else { return nil }
        return parts.first?.text
    }

    /// An answer to `SENTINEL GET-MASTER-ADDR-BY-NAME`: host and port, both as strings; nil for any other answer.
    public var primaryAddress: NodeAddress? {
        guard case .array(let parts) = self, parts.count == 2, let host = parts[0].text, !host.isEmpty,
            let port = parts[1].text.flatMap({ UInt16($0) }), port > 0
        else { return nil }
        return NodeAddress(host: host, port: port)
    }

    /// The nodes in an answer to `CLUSTER SLOTS`, each once, primaries and replicas:
    /// `[[first, last, [host, port, id, …], …], …]`. Those that do not tell their host are left out.
    var clusterNodes: [NodeAddress] {
        guard case .array(let ranges) = self else { return [] }
        var found: [NodeAddress] = []
        for case .array(let range) in ranges {
            for case .array(let node) in range.dropFirst(2) where node.count >= 2 {
                guard let host = node[0].text, !host.isEmpty, host != "?", case .integer(let number) = node[1],
                    let port = UInt16(exactly: number), port > 0
                else { continue }
                let address = NodeAddress(host: host, port: port)
                if !found.contains(address) { found.append(address) }
            }
        }
        return found
    }
}
