import EventLoop
import Glibc

/// Where StatsD lines go, as its name is looked up again and again: a decision without effects.
struct StatsDDestination {
    /// What to do with what a lookup came to.
    enum Step: Equatable {
        /// Send to this address from now on.
        case open(SocketAddress)
        /// Go on as before.
        case keep
        /// Nothing can be sent yet. `isNew`: that was not so at the last lookup.
        case unknown(problem: String, isNew: Bool)
    }

    /// The name of a container that was replaced means another address: that is noticed after a minute. (The lookup is on
    /// a thread of its own, so that a slow name server holds up nobody.)
    static let refreshMilliseconds: Int64 = 60_000
    /// After a lookup that failed.
    static let retryMilliseconds: Int64 = 30_000

    private var current: SocketAddress?
    private var hasComplained = false

    mutating func resolved(_ result: Result<[SocketAddress], ResolverError>) -> Step {
        switch result {
        case .success(let addresses):
            hasComplained = false
            // Whichever of them it is: a name server gives them in another order each time.
            if let current, addresses.contains(current) { return .keep }
            // IPv4 first, as the Node server's library has it: a server on 127.0.0.1 does not hear what is sent to ::1,
            // and nobody would say so.
            guard let address = addresses.first(where: { $0.family == AF_INET }) ?? addresses.first else {
                return .keep
            }
            current = address
            return .open(address)
        case .failure(let error):
            // A name server that is away for a moment is no reason to stop sending.
            guard current == nil else { return .keep }
            defer { hasComplained = true }
            return .unknown(problem: "\(error)", isNew: !hasComplained)
        }
    }

    /// When to look again; nil for an address that is written as such, which cannot change.
    func millisecondsToNextLookup(host: String, failed: Bool) -> Int64? {
        if SocketAddress(literal: host, port: 0) != nil { return nil }
        return failed ? Self.retryMilliseconds : Self.refreshMilliseconds
    }
}
