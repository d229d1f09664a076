/// A fault: how it begins and, after a while, ends.
enum Fault: Equatable, Hashable, Sendable {
    case connectionsKilled
    case redisStalls
    case redisRestarts
    case connectionsCut(gateway: Int)
    case redisMute(gateway: Int)
    case redisAnswers(gateway: Int, line: Refusal)
    case redisGarbage(gateway: Int, kind: Garbage)
    case gatewayKilled(gateway: Int)
    case globalTrimmed(keep: Int)
    case channelsTrimmed(keep: Int)
    case globalDeleted
    case globalDeletedTwiceAtOnce
    case allFlushed
    case allFlushedTwiceAtOnce
    case failover
    case failoverToClockBehind
    /// These two only where sentinels keep Redis.
    case sentinelsFailOver
    case sentinelsLosePrimary
    case sentinelsLeaveStalledPrimary

    enum Refusal: String, CaseIterable, Sendable {
        case loading = "-LOADING Redis is loading the dataset in memory"
        case readOnly = "-READONLY You can't write against a read only replica."
        case outOfMemory = "-OOM command not allowed when used memory > 'maxmemory'."
        case noAuthentication = "-NOAUTH Authentication required."
    }

    enum Garbage: String, CaseIterable, Sendable {
        case binary, anotherProtocol, okToAll, numberToAll, endlessArray

        var bytes: [UInt8] {
            switch self {
            case .binary: [0, 255, 13, 10, 128, 7, 36, 42]
            case .anotherProtocol: Array("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".utf8)
            case .okToAll: Array("+OK\r\n".utf8)
            case .numberToAll: Array(":42\r\n".utf8)
            case .endlessArray: Array("*2147483647\r\n$5\r\nhello\r\n".utf8)
            }
        }
    }

    /// What two faults cannot have at the same time.
    enum Resource: Hashable, Sendable {
        case redis
        case front(Int)
        case gateway(Int)
    }

    var resource: Resource {
        switch self {
        case .connectionsCut(let gateway), .redisMute(let gateway), .redisAnswers(let gateway, _),
            .redisGarbage(let gateway, _):
            .front(gateway)
        case .gatewayKilled(let gateway): .gateway(gateway)
        case .connectionsKilled, .redisStalls, .redisRestarts, .globalTrimmed, .channelsTrimmed, .globalDeleted,
            .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce, .failover, .failoverToClockBehind,
            .sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary:
            .redis
        }
    }

    /// Whether the global stream begins a new life in which IDs may repeat or go back.
    var beginsNewLife: Bool {
        switch self {
        case .globalDeleted, .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce, .failoverToClockBehind:
            true
        case .connectionsKilled, .redisStalls, .redisRestarts, .connectionsCut, .redisMute, .redisAnswers,
            .redisGarbage,
            .gatewayKilled, .globalTrimmed, .channelsTrimmed, .failover, .sentinelsFailOver, .sentinelsLosePrimary,
            .sentinelsLeaveStalledPrimary:
            false
        }
    }

    var trimsGlobal: Bool { if case .globalTrimmed = self { true } else { false } }

    /// The longest it lasts, in milliseconds; 0 for what is over at once.
    var longest: Int {
        switch self {
        case .connectionsKilled, .connectionsCut, .globalTrimmed, .channelsTrimmed, .globalDeleted,
            .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce:
            0
        case .failover, .failoverToClockBehind: 300
        case .redisStalls, .redisMute: 4000
        // From then on it is waited for that there is another primary.
        case .sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary: 2500
        case .redisRestarts, .redisAnswers, .redisGarbage, .gatewayKilled: 1500
        }
    }

    /// How long it lasts where it is the only one: long enough to be felt, and for a silence to be found out.
    var typical: Int {
        switch self {
        case .redisMute: 3300
        case .redisStalls: 1500
        case .redisRestarts, .gatewayKilled: 800
        case .redisAnswers, .redisGarbage, .connectionsKilled, .connectionsCut, .globalTrimmed, .channelsTrimmed,
            .globalDeleted, .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce, .failover,
            .failoverToClockBehind:
            min(longest, 500)
        case .sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary: 0
        }
    }

    /// As the README's table has it.
    var title: String {
        switch self {
        case .connectionsKilled: "Redis' connections are killed (`CLIENT KILL`)"
        case .redisStalls: "Redis stalls (`SIGSTOP`)"
        case .redisRestarts: "Redis is killed and comes back with its data"
        case .connectionsCut: "the network cuts one gateway off from Redis for a moment"
        case .redisMute: "Redis accepts one gateway's connections and never answers"
        case .redisAnswers(_, let line): "Redis answers `\(line.rawValue.prefix { $0 != " " })`"
        case .redisGarbage(_, let kind): "Redis answers garbage (\(kind))"
        case .gatewayKilled: "a gateway is killed (`SIGKILL`) and started again"
        case .globalTrimmed(let keep): "the global stream is trimmed to \(keep) entries"
        case .channelsTrimmed(let keep): "the channels' streams are trimmed to \(keep) entries"
        case .globalDeleted: "the global stream is deleted (`DEL`)"
        case .globalDeletedTwiceAtOnce: "the global stream is deleted twice within a millisecond"
        case .allFlushed: "`FLUSHALL`"
        case .allFlushedTwiceAtOnce: "`FLUSHALL` twice within a millisecond"
        case .failover: "a replica is promoted"
        case .sentinelsFailOver: "Sentinel is told to fail over"
        case .sentinelsLosePrimary: "the primary is killed, and Sentinel promotes a replica"
        case .sentinelsLeaveStalledPrimary: "the primary stalls, Sentinel promotes a replica, and the old one wakes up"
        case .failoverToClockBehind: "a replica is promoted whose clock is 3 s behind"
        }
    }

    static let kinds: [Fault] =
        [.connectionsKilled, .redisStalls, .redisRestarts, .connectionsCut(gateway: 0), .redisMute(gateway: 0)]
        + Refusal.allCases.map { .redisAnswers(gateway: 0, line: $0) }
        + Garbage.allCases.map { .redisGarbage(gateway: 0, kind: $0) } + [
            .gatewayKilled(gateway: 0), .globalTrimmed(keep: 10), .channelsTrimmed(keep: 3), .globalDeleted,
            .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce, .failover, .failoverToClockBehind,
        ]
    static let sentinelKinds: [Fault] = [.sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary]
}

/// A fault at its time.
struct Step: Sendable, CustomStringConvertible {
    var fault: Fault
    /// Milliseconds from the round's start.
    var begins: Int
    var ends: Int

    init(fault: Fault, begins: Int, ends: Int) {
        self.fault = fault
        self.begins = begins
        self.ends = ends
    }

    /// - Parameter lasting: nil for as long as it typically does.
    init(_ fault: Fault, at begins: Int, lasting: Int? = nil) {
        self.init(fault: fault, begins: begins, ends: begins + (lasting ?? fault.typical))
    }

    var description: String { "\(begins)–\(ends) ms: \(fault)" }
}

/// What happens in a round, drawn from a generator: faults that follow each other or fall together, as chance has it.
struct Plan: Sendable {
    var steps: [Step] = []

    init(_ steps: [Step] = []) { self.steps = steps }

    /// - Parameter hasSentinels: whether sentinels keep Redis; then primaries change by them alone, and what needs a front
    ///   between a gateway and its Redis cannot happen.
    init(seed: UInt64, milliseconds: Int, hasSentinels: Bool = false) {
        var random = SplitMix64(seed: seed)
        var freeAt: [Fault.Resource: Int] = [:]
        var at = random.int(100...500)
        while at < milliseconds {
            let fault = hasSentinels ? Self.faultWithSentinels(&random) : Self.fault(&random)
            at += random.oneIn(3) ? random.int(0...20) : random.int(50...900)
            guard freeAt[fault.resource, default: 0] <= at else { continue }
            let ends = min(at + (fault.longest == 0 ? 0 : random.int(50...fault.longest)), max(milliseconds, at))
            steps.append(Step(fault: fault, begins: at, ends: ends))
            freeAt[fault.resource] = ends + 100
        }
    }

    private static func fault(_ random: inout SplitMix64) -> Fault {
        let gateway = random.int(0...1)
        switch random.int(0...39) {
        case 0...4: return .connectionsKilled
        case 5...6: return .redisStalls
        case 7...9: return .redisRestarts
        case 10...14: return .connectionsCut(gateway: gateway)
        case 15...16: return .redisMute(gateway: gateway)
        case 17...19:
            return .redisAnswers(
                gateway: gateway, line: Fault.Refusal.allCases.randomElement(using: &random) ?? .loading)
        case 20...22:
            return .redisGarbage(
                gateway: gateway, kind: Fault.Garbage.allCases.randomElement(using: &random) ?? .binary)
        case 23...28: return .gatewayKilled(gateway: gateway)
        case 29...31: return .globalTrimmed(keep: random.int(0...200))
        case 32: return .channelsTrimmed(keep: random.int(0...50))
        case 33: return .globalDeleted
        case 34: return .globalDeletedTwiceAtOnce
        case 35: return .allFlushed
        case 36: return .allFlushedTwiceAtOnce
        case 37...38: return .failover
        default: return .failoverToClockBehind
        }
    }

    private static func faultWithSentinels(_ random: inout SplitMix64) -> Fault {
        switch random.int(0...29) {
        case 0...4: .sentinelsFailOver
        case 5...8: .sentinelsLosePrimary
        case 9...10: .sentinelsLeaveStalledPrimary
        case 11...15: .connectionsKilled
        case 16...22: .gatewayKilled(gateway: random.int(0...1))
        case 23...25: .globalTrimmed(keep: random.int(0...200))
        case 26: .channelsTrimmed(keep: random.int(0...50))
        case 27: .globalDeleted
        case 28: .globalDeletedTwiceAtOnce
        default: .allFlushed
        }
    }
}
