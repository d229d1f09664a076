/// Where to look for Redis: at the configured place, at what sentinels call the primary, or at the nodes of a cluster.
///
/// Sans-I/O: says where to connect, and is told what came of it. A lost connection always leads back to asking: who was
/// the primary, or had the slot, need not be it now.
public struct RedisLocator: Sendable {
    /// Where to connect, and for what.
    public enum Destination: Equatable, Sendable {
        /// The configured place; the node of a cluster if it is one.
        case configured
        /// To be asked where the primary is.
        case sentinel(NodeAddress)
        /// What a sentinel called the primary: its role is to be checked.
        case primary(NodeAddress)
        /// A node of a cluster, that has the slot or may know who has.
        case node(NodeAddress)
    }

    /// What to do after a failure.
    public enum Advice: Equatable, Sendable {
        /// There is another place to try.
        case tryNext
        /// All have been tried: wait, then begin again.
        case wait
    }

    private enum State: Sendable {
        /// Trying the places that may know, one after the other.
        case seeking(Int)
        /// Sent here by one that knew.
        case sent(Destination)
    }

    private var seeds: [Destination]
    private var state = State.seeking(0)
    /// How often it was sent on since Redis last did what it was asked for.
    private var hops = 0

    /// More than a cluster in the middle of a change can need; a circle would go on for ever.
    public static let maximumHops = 5

    /// Redis is at the configured place; if that is a cluster, it tells of its other nodes.
    public init() { seeds = [.configured] }

    /// The primary is where one of the sentinels says.
    public init(sentinels: [NodeAddress]) { seeds = sentinels.map { .sentinel($0) } }

    /// One node, and no other.
    public init(node: NodeAddress) { seeds = [.node(node)] }

    /// Where to connect now.
    public var destination: Destination {
        switch state {
        case .seeking(let index): seeds[index]
        case .sent(let destination): destination
        }
    }

    /// The sentinel that was asked has answered: it is the first that will be asked from now on.
    public mutating func primary(at address: NodeAddress) {
        if case .seeking(let index) = state, index > 0 { seeds.insert(seeds.remove(at: index), at: 0) }
        state = .sent(.primary(address))
    }

    /// What the sentinel said turned out to be out of date: the others are asked before it.
    public mutating func distrust() {
        guard seeds.count > 1, case .sentinel? = seeds.first, case .sent(.primary) = state else { return }
        seeds.append(seeds.removeFirst())
    }

    /// These nodes belong to the cluster: if the configured one is gone, one of them will do.
    public mutating func learn(_ nodes: [NodeAddress]) {
        guard !nodes.isEmpty, case .configured? = seeds.first else { return }
        // The places in the list are about to change; whoever has just answered stays the destination.
        if case .seeking = state, destination != .configured { state = .sent(destination) }
        seeds = [.configured] + nodes.map { .node($0) }
    }

    /// The slot is at this node. False when this has happened too often in a row: that is a failure.
    public mutating func moved(to address: NodeAddress) -> Bool {
        hops += 1
        guard hops <= Self.maximumHops else { return false }
        state = .sent(.node(address))
        return true
    }

    /// Redis did what it was asked for.
    public mutating func answered() { hops = 0 }

    /// Connecting or logging in failed, or the connection was lost.
    public mutating func failed(wasReady: Bool) -> Advice {
        switch state {
        case .seeking(let index) where !wasReady && index + 1 < seeds.count:
            state = .seeking(index + 1)
            return .tryNext
        case .seeking, .sent:
            state = .seeking(0)
            hops = 0
            return .wait
        }
    }
}
