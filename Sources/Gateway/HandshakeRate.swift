import EventLoop
import Locks

/// `maxHandshakesPerAddress`: a token bucket for each client address, over all loops.
///
/// Shared by the loops under a lock, like ``ConnectionLimits``: an address's connections come to any of them. The lock is
/// touched only when the limit is set, once per handshake.
final class HandshakeRate: Sendable {
    /// Seconds' worth of handshakes that may come at once: a browser with many tabs comes back as a whole.
    static let burstSeconds = 10
    /// Addresses that are remembered; whoever has as many as that is not held by a limit for each.
    static let maxAddresses = 100_000

    private struct Bucket {
        /// Handshakes it has room for, in thousandths.
        var room: Int64
        var filledAt: MonotonicTime
    }

    /// What counts as one: an IPv4 address, or the network of 64 bits that a user of IPv6 is given, where a further address
    /// costs nothing.
    private enum Site: Hashable {
        case ipv4(IPv4Address)
        case ipv6(high: UInt64)

        /// Nil for a Unix socket.
        init?(_ address: SocketAddress) {
            switch address.unmapped {
            case .ipv4(let address, _): self = .ipv4(address)
            case .ipv6(let address, _, _): self = .ipv6(high: address.high)
            case .local: return nil
            }
        }
    }

    private struct State {
        var buckets: [Site: Bucket] = [:]
        var sweptAt: MonotonicTime?
    }

    /// Between two sweeps: looking through all addresses at each handshake would be a gift to a flood of new ones.
    private static let sweepMilliseconds: Int64 = 1000

    private let state = Mutex(State())
    private let perSecond: Int64
    private let maxAddresses: Int

    /// - Parameter perSecond: handshakes of an address per second in the long run; 0 = no limit.
    init(perSecond: Int, maxAddresses: Int = HandshakeRate.maxAddresses) {
        self.perSecond = Int64(perSecond)
        self.maxAddresses = maxAddresses
    }

    private var capacity: Int64 { perSecond * Int64(Self.burstSeconds) * 1000 }

    /// Takes a handshake of this address from its bucket. Returns whether there was room for it.
    func admit(_ address: SocketAddress, now: MonotonicTime) -> Bool {
        guard perSecond > 0, let key = Site(address) else { return true }
        return state.withLock { state in
            var bucket: Bucket
            if let known = state.buckets[key] {
                bucket = known
                refill(&bucket, now)
            } else {
                if state.buckets.count >= maxAddresses { sweep(&state, now) }
                guard state.buckets.count < maxAddresses else { return true }
                bucket = Bucket(room: capacity, filledAt: now)
            }
            let hasRoom = bucket.room >= 1000
            if hasRoom { bucket.room -= 1000 }
            state.buckets[key] = bucket
            return hasRoom
        }
    }

    private func refill(_ bucket: inout Bucket, _ now: MonotonicTime) {
        let elapsed = max(now.milliseconds(since: bucket.filledAt), 0)
        // Milliseconds times handshakes per second are thousandths of handshakes.
        let (gain, overflow) = elapsed.multipliedReportingOverflow(by: perSecond)
        bucket.room = overflow || gain > capacity - bucket.room ? capacity : bucket.room + gain
        bucket.filledAt = now
    }

    /// Forgets the addresses whose buckets are full again.
    private func sweep(_ state: inout State, _ now: MonotonicTime) {
        if let last = state.sweptAt, now.milliseconds(since: last) < Self.sweepMilliseconds { return }
        state.sweptAt = now
        state.buckets = state.buckets.filter { _, bucket in
            var bucket = bucket
            refill(&bucket, now)
            return bucket.room < capacity
        }
    }
}
