import Foundation
import TestSupport

extension World {
    func begin(_ fault: Fault) throws {
        note("begins: \(fault)")
        switch fault {
        case .connectionsKilled: try killConnections()
        case .redisStalls: redis.suspend()
        case .redisRestarts: redis.kill()
        case .connectionsCut(let gateway): fronts[gateway].cut()
        case .redisMute(let gateway): fronts[gateway].set(.mute)
        case .redisAnswers(let gateway, let line): fronts[gateway].set(.answer(line.rawValue))
        case .redisGarbage(let gateway, let kind): fronts[gateway].set(.garbage(kind.bytes))
        case .gatewayKilled(let gateway): try gateways[gateway].kill()
        case .globalTrimmed(let keep): try trimGlobal(keep: keep)
        case .channelsTrimmed(let keep):
            for channel in 0..<size.channels {
                try redis.command("XTRIM", Streams.channel(channel), "MAXLEN", "\(keep)")
            }
        case .globalDeleted: try endLife(["DEL", Streams.global])
        case .globalDeletedTwiceAtOnce: try endLifeTwice(["DEL", Streams.global])
        case .allFlushed: try endLife(["FLUSHALL"])
        case .allFlushedTwiceAtOnce: try endLifeTwice(["FLUSHALL"])
        case .failover: try failOver(millisecondsAhead: 0)
        case .failoverToClockBehind: try failOver(millisecondsAhead: 3000)
        case .sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary: try beginSentinels(fault)
        }
    }

    func end(_ fault: Fault) throws {
        switch fault {
        case .redisStalls: redis.resume()
        case .redisRestarts: try redis.start()
        case .redisMute(let gateway), .redisAnswers(let gateway, _), .redisGarbage(let gateway, _):
            fronts[gateway].set(.pass)
        case .gatewayKilled(let gateway):
            try gateways[gateway].start()
        case .connectionsKilled, .connectionsCut, .globalTrimmed, .channelsTrimmed, .globalDeleted,
            .globalDeletedTwiceAtOnce, .allFlushed, .allFlushedTwiceAtOnce, .failover, .failoverToClockBehind:
            return
        case .sentinelsFailOver, .sentinelsLosePrimary, .sentinelsLeaveStalledPrimary: try endSentinels(fault)
        }
        note("over: \(fault)")
    }

    private func killConnections() throws {
        var killed = 0
        for client in try redis.command("CLIENT", "LIST").text.split(separator: "\n")
        where client.contains(" name=sluice") {
            guard let id = client.split(separator: " ").first?.dropFirst("id=".count) else { continue }
            // It may have gone by itself in the meantime.
            if case .integer(1) = try redis.command("CLIENT", "KILL", "ID", String(id)) { killed += 1 }
        }
        note("killed \(killed) connections")
    }

    private func trimGlobal(keep: Int) throws {
        try redis.command("XTRIM", Streams.global, "MAXLEN", "\(keep)")
        guard keep > 0, let first = try firstGlobal(from: "-") else { return try noteEmptied() }
        ledger.noteTrim(firstKept: first)
    }

    /// Nothing is left of what was written until now. What a gateway sees of it later is the entry that the stream then
    /// begins with, which may be written a good while after.
    private func noteEmptied() throws {
        let first = EntryID(Int(try redis.milliseconds()) + 1)
        ledger.noteTrim(firstKept: first)
        try eventually("something is written to the global stream again") {
            guard let written = try firstGlobal(from: "\(first)") else { return false }
            ledger.noteTrim(firstKept: written)
            return true
        }
    }

    private func firstGlobal(from start: String) throws -> EntryID? {
        guard case .array(let first) = try redis.command("XRANGE", Streams.global, start, "+", "COUNT", "1"),
            case .array(let entry)? = first.first
        else { return nil }
        return entry.first.flatMap { EntryID($0.text) }
    }

    private func endLife(_ command: [String]) throws {
        // Whatever is written meanwhile belongs to the one life or the other.
        ledger.noteDeletion()
        ledger.beginEpoch()
        ledger.noteDeletion()
        try redis.command(command.map { Array($0.utf8) })
        ledger.beginEpoch()
        try noteEmptied()
    }

    /// In one packet: an event in each of three lives of the stream, so that they may well have the same ID.
    private func endLifeTwice(_ command: [String]) throws {
        ledger.noteDeletion()
        ledger.beginEpoch()
        let pipeline = try Pipeline(path: redis.socketPath)
        let channel = 0
        var events: [Checker.Event] = []
        for life in 0..<3 {
            var event = Checker.Event(number: ledger.newNumber(), channel: channel)
            let data = eventData(event.number, channel: channel)
            event.epochs = ledger.epoch...ledger.epoch
            pipeline.add(["XADD", Streams.channel(channel), "*", "data", data])
            pipeline.add(["XADD", Streams.global, "*", "data", data])
            events.append(event)
            if life < 2 {
                pipeline.add(command)
                ledger.noteDeletion()
                ledger.beginEpoch()
            }
        }
        let replies = try pipeline.run()
        // Two writes, then what ends the life.
        for index in events.indices {
            events[index].channelID = EntryID(replies[3 * index])
            events[index].globalID = EntryID(replies[3 * index + 1])
            events[index].writtenAt = nowMilliseconds()
            // Producers write all the time: which of the three lives theirs fall into is not known.
            ledger.record(events[index])
        }
        note("three lives: \(events.map { $0.globalID.map { "\($0)" } ?? "?" })")
        // What the producers wrote meanwhile may have been in any of them.
        ledger.noteDeletion()
        ledger.beginEpoch()
        try noteEmptied()
    }

    /// Milliseconds; far more than a replica on the same machine is behind.
    private static let replicationLag = 500

    /// The sentinels are given reason to make another server the primary. They take a while, in which other things happen.
    private func beginSentinels(_ fault: Fault) throws {
        guard let group else { throw Failure("no sentinels keep this Redis") }
        // A primary that was left takes about ten seconds to become a replica.
        try group.restore()
        try follow(group)
        ledger.beginEpoch()
        switch fault {
        case .sentinelsFailOver:
            try eventually("a sentinel takes on the failover", within: 40) { group.beginFailover() }
        case .sentinelsLosePrimary: redis.kill()
        default: redis.suspend()
        }
    }

    /// The sentinels have made another server the primary, and the producers follow.
    private func endSentinels(_ fault: Fault) throws {
        guard let group else { throw Failure("no sentinels keep this Redis") }
        let old = redis
        try lead(to: group.otherPrimary(than: old, asking: fault == .sentinelsFailOver)) {
            if fault == .sentinelsLeaveStalledPrimary { old.resume() }
        }
        note("the sentinels have another primary")
    }

    /// The sentinels may change the primary by themselves: one of them alone thinks that it is down, on a machine that is busy,
    /// or two of them have begun to replace it.
    func follow(_ group: SentinelGroup) throws {
        let primary = try group.primary()
        if primary !== redis {
            ledger.beginEpoch()
            try lead(to: primary) {}
            note("the sentinels have changed the primary by themselves")
        }
        wasPrimaryAt = nowMilliseconds()
    }

    /// - Parameter then: what is done when the producers have been led to the new primary.
    private func lead(to primary: RedisProcess, then: () -> Void) throws {
        let old = redis
        redis = primary
        // What is written to the new one is of the new epoch, and what still goes to the old one is not.
        let lastOfOld = ledger.epoch
        ledger.beginEpoch()
        orders.lead(to: redis.socketPath, lastOfOld: lastOfOld)
        then()
        try orders.waitUntilLeft(old.socketPath)
        ledger.noteLoss(from: wasPrimaryAt - Self.replicationLag, through: nowMilliseconds())
        ledger.beginEpoch()
    }

    /// A replica that has been kept up is cut off, the primary goes on for a moment and dies, and everyone is led to the
    /// replica.
    /// - Parameter ahead: how far the old primary's clock was ahead of the new one's: its last entries have such IDs.
    private func failOver(millisecondsAhead ahead: Int) throws {
        let port = try redis.command("CONFIG", "GET", "port")
        guard case .array(let pair) = port, pair.count == 2 else { throw Failure("CONFIG GET port: \(port.text)") }
        let replica = try Self.redisServer()
        try replica.command("REPLICAOF", "127.0.0.1", pair[1].text)
        try eventually("the replica has its primary's data") {
            try replica.command("INFO", "replication").text.contains("master_link_status:up")
        }
        ledger.beginEpoch()
        let lossBegins = nowMilliseconds() - Self.replicationLag
        try replica.command("REPLICAOF", "NO", "ONE")
        note("the replica is cut off")
        if ahead > 0 {
            let now = Int(try redis.milliseconds())
            try writeToAll(idMilliseconds: now + ahead)
        }
        // What the old primary takes now is lost with it; the gateways have it, though.
        pause(milliseconds: 150)
        let old = redis
        old.kill()
        redis = replica
        ledger.noteLoss(from: lossBegins, through: nowMilliseconds() + Self.replicationLag)
        orders.lead(to: replica.socketPath)
        for front in fronts { front.lead(to: replica.socketPath) }
        ledger.beginEpoch()
        note("the replica is the primary")
    }
}

/// Commands that go out in one packet.
private final class Pipeline {
    private let socket: TestSocket
    private var bytes: [UInt8] = []
    private var count = 0

    init(path: String) throws { socket = try TestSocket.connect(path: path) }

    func add(_ arguments: [String]) {
        bytes += Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments { bytes += Array("$\(argument.utf8.count)\r\n\(argument)\r\n".utf8) }
        count += 1
    }

    /// Sends them; their replies are lines, or strings of one line.
    func run() throws -> [String] {
        try socket.send(bytes)
        return try (0..<count).map { _ in
            let line = try socket.read(through: "\r\n")
            if line.hasPrefix("-") { throw Failure("Redis answered \(line)") }
            return line.hasPrefix("$") ? String(try socket.read(through: "\r\n").dropLast(1)) : String(line.dropLast(1))
        }
    }
}
