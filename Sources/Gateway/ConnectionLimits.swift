import EventLog
import Locks

/// `maxTotalConnections` and `maxConnectionsPerChannel`, over all loops.
///
/// The one thing loops share besides batches: a count under a lock, touched only when a limit is set, once per
/// connection that comes and once when it goes.
final class ConnectionLimits: Sendable {
    enum Admission: Equatable {
        case admitted
        case tooMany
        case tooManyOnChannel
    }

    private struct Counts {
        var total = 0
        var byChannel: [[UInt8]: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let total: Int
    private let perChannel: Int

    /// - Parameters: the most connections there may be; 0 = no limit.
    init(total: Int, perChannel: Int) {
        self.total = total
        self.perChannel = perChannel
    }

    private var isUnlimited: Bool { total == 0 && perChannel == 0 }

    /// Whether ``admit(_:)`` would refuse any channel now.
    var isFull: Bool { total > 0 && counts.withLock { $0.total >= total } }

    /// Counts a connection in, if there is room. Each admission is given back with ``release(_:)``.
    func admit(_ channel: Channel) -> Admission {
        guard !isUnlimited else { return .admitted }
        return counts.withLock { counts in
            if total > 0, counts.total >= total { return .tooMany }
            if perChannel > 0 {
                let here = counts.byChannel[channel.name, default: 0]
                if here >= perChannel { return .tooManyOnChannel }
                counts.byChannel[channel.name] = here + 1
            }
            counts.total += 1
            return .admitted
        }
    }

    func release(_ channel: Channel) {
        guard !isUnlimited else { return }
        counts.withLock { counts in
            counts.total -= 1
            guard perChannel > 0, let here = counts.byChannel[channel.name] else { return }
            counts.byChannel[channel.name] = here > 1 ? here - 1 : nil
        }
    }
}
