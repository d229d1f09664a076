/// A Redis cluster of masters on 127.0.0.1, each with an equal share of the slots.
public final class RedisCluster {
    public let nodes: [RedisProcess]
    private var ids: [String] = []

    private static let slots = 16_384

    /// Returns when every node says that the cluster is well.
    /// - Parameter arguments: further ones of `redis-server`; given the node's port.
    public init(masters: Int = 3, _ arguments: (UInt16) -> [String] = { _ in [] }) throws {
        var nodes: [RedisProcess] = []
        var busPorts: [UInt16] = []
        for _ in 0..<masters {
            var busPort: UInt16 = 0
            nodes.append(
                try RedisProcess.onPort { port in
                    // The default, 10000 above the port, may lie beyond the last one.
                    busPort = try freePort()
                    return [
                        "--cluster-enabled", "yes", "--cluster-port", "\(busPort)", "--cluster-node-timeout", "2000",
                        "--cluster-announce-ip", "127.0.0.1",
                    ] + arguments(port)
                })
            busPorts.append(busPort)
        }
        self.nodes = nodes
        let share = Self.slots / masters
        for (index, node) in nodes.enumerated() {
            let last = index == masters - 1 ? Self.slots - 1 : (index + 1) * share - 1
            try node.command("CLUSTER", "ADDSLOTSRANGE", "\(index * share)", "\(last)")
            // Otherwise all begin with epoch 0 and must first settle who is who.
            try node.command("CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)")
            ids.append(try node.command("CLUSTER", "MYID").text)
        }
        for (index, node) in nodes.enumerated() where index > 0 {
            guard let port = node.port else { continue }
            try nodes[0].command("CLUSTER", "MEET", "127.0.0.1", "\(port)", "\(busPorts[index])")
        }
        try waitUntilWell()
    }

    /// Waits until every running node has all slots served and knows all nodes.
    public func waitUntilWell() throws {
        for node in nodes where node.processID != 0 {
            try eventually("the cluster is well", within: 40) {
                let facts = try node.command("CLUSTER", "INFO").text
                return facts.contains("cluster_state:ok") && facts.contains("cluster_known_nodes:\(nodes.count)")
            }
        }
    }

    /// Waits until all running nodes name the same epochs and slots of each other.
    ///
    /// A node takes a higher epoch with a slot that it is given, but higher only than those it has heard of; who claims a
    /// slot by a lower one than its former owner loses it again, with all keys in it.
    private func waitUntilAgreed() throws {
        try eventually("the cluster's nodes agree on who has which slot, and by which epoch", within: 40) {
            let views = try nodes.filter { $0.processID != 0 }.map { node in
                try node.command("CLUSTER", "NODES").text.split(separator: "\n").map { line in
                    let fields = line.split(separator: " ")
                    // ID, epoch and slots; not those on their way.
                    return (fields.prefix(1) + fields.dropFirst(6).prefix(1) + fields.dropFirst(8))
                        .filter { !$0.hasPrefix("[") }
                        .joined(separator: " ")
                }.sorted()
            }
            return views.allSatisfy { $0 == views.first }
        }
    }

    /// The slot of a key.
    public func slot(of key: String) throws -> Int {
        guard let node = nodes.first(where: { $0.processID != 0 }) else { throw Failure("no node is running") }
        return Int(try node.command("CLUSTER", "KEYSLOT", key).text) ?? 0
    }

    /// The number of the node that serves a key, as it says itself.
    public func node(of key: String) throws -> Int {
        let slot = try slot(of: key)
        for (index, node) in nodes.enumerated() where node.processID != 0 {
            let nodes = try node.command("CLUSTER", "NODES").text.split(separator: "\n")
            guard let own = nodes.first(where: { $0.contains("myself,") }) else { continue }
            for range in own.split(separator: " ").dropFirst(8) where !range.hasPrefix("[") {
                let ends = range.split(separator: "-").compactMap { Int($0) }
                if let first = ends.first, let last = ends.last, (first...last).contains(slot) { return index }
            }
        }
        throw Failure("no node serves the slot \(slot) of \(key)")
    }

    /// The name of a channel whose stream the node with this number serves.
    public func channel(onNode index: Int, prefix: String = "async-events-") throws -> String {
        for number in 0... {
            let name = "channel-\(number)"
            if try node(of: prefix + name) == index { return name }
        }
        throw Failure("no name leads to the node \(index)")
    }

    /// `XADD` where the key is; with `*` Redis chooses the ID. Returns the ID.
    @discardableResult
    public func add(_ stream: String, _ id: String = "*", data: String) throws -> String {
        try nodes[node(of: stream)].add(stream, id, data: data)
    }

    /// An event as a producer writes it: first to the channel's stream, then to the global one. Returns both IDs.
    @discardableResult
    public func publish(
        _ channel: String, _ data: String, prefix: String = "async-events-"
    ) throws -> (channel: String, global: String) {
        (try add(prefix + channel, data: data), try add(prefix + "full", data: data))
    }

    /// An event, written while the slot of the global stream is on its way to a node: as a producer that follows `ASK`.
    /// Returns its ID in the global stream.
    public func publishWhileMoving(_ channel: String, _ data: String, to target: Int) throws -> String {
        try add("async-events-\(channel)", data: data)
        guard let port = nodes[target].port else { throw Failure("the node has no port") }
        let connection = try RESPConnection(port: port)
        _ = try connection.command(["ASKING"])
        let reply = try connection.command(["XADD", "async-events-full", "*", "data", data])
        if case .error(let text) = reply { throw Failure("Redis answered \(text)") }
        return reply.text
    }

    /// Moves the slot of a key, with all keys in it, to another node, as `redis-cli --cluster reshard` does.
    /// - Parameter whileMoving: runs when the keys are there and the slot still belongs to the first node.
    public func move(slotOf key: String, to target: Int, whileMoving: () throws -> Void = {}) throws {
        try waitUntilAgreed()
        let slot = try "\(self.slot(of: key))"
        let source = try node(of: key)
        guard source != target, let port = nodes[target].port else { return }
        try nodes[target].command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        try nodes[source].command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        guard case .array(let keys) = try nodes[source].command("CLUSTER", "GETKEYSINSLOT", slot, "1000") else {
            throw Failure("CLUSTER GETKEYSINSLOT was not answered with keys")
        }
        for key in keys { try nodes[source].command("MIGRATE", "127.0.0.1", "\(port)", key.text, "0", "10000") }
        try whileMoving()
        for node in [nodes[target], nodes[source]] + nodes {
            try node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        }
        try waitUntilAgreed()
    }
}
