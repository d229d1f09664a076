import Configuration
import Metrics
import TestSupport
import Testing

@Suite("Cluster")
struct RedisClusterTests {
    private static func gateway(
        _ cluster: RedisCluster, seed: Int = 0, _ configure: (inout Settings) -> Void = { _ in }
    ) throws -> TestGateway {
        try TestGateway(redis: cluster.nodes[seed]) {
            $0.redis.socketPath = nil
            $0.redis.port = cluster.nodes[seed].port ?? 0
            configure(&$0)
        }
    }

    @Test("events are delivered live and replayed, whichever nodes have the streams")
    func everyNode() throws {
        let cluster = try RedisCluster()
        let channels = try (0..<3).map { try cluster.channel(onNode: $0) }
        let earlier = try channels.map { try cluster.publish($0, sampleEvent($0, "earlier")).global }
        for seed in 0..<3 {
            // A log that holds next to nothing: what came before must be read from the streams.
            let gateway = try Self.gateway(cluster, seed: seed) { $0.historyBytes = 1024 }.open()
            for (index, channel) in channels.enumerated() {
                let client = try gateway.connect(channel, lastID: "0-0")
                let known = try cluster.nodes[cluster.node(of: "async-events-full")].texts(of: channel)
                #expect(known.first.map(eventID) == earlier[index])
                try client.expect(known)
                let (_, id) = try cluster.publish(channel, sampleEvent(channel, "now"))
                try client.expect(ids: [id])
            }
            #expect(try gateway.figures().figures.closedByError == 0)
        }
    }

    @Test("a global stream that moves to another node is read on there, each event once")
    func globalStreamMoves() throws {
        let cluster = try RedisCluster()
        let gateway = try Self.gateway(cluster).open()
        let client = try gateway.connect("alpha")
        for round in 0..<3 {
            let (_, before) = try cluster.publish("alpha", sampleEvent("alpha", "before \(round)"))
            try client.expect(ids: [before])
            var between = ""
            try cluster.move(slotOf: "async-events-full", to: round) {
                between = try cluster.publishWhileMoving("alpha", sampleEvent("alpha", "between"), to: round)
            }
            let (_, after) = try cluster.publish("alpha", sampleEvent("alpha", "after \(round)"))
            try client.expect(ids: between.isEmpty ? [after] : [between, after])
        }
    }

    @Test("a channel's stream that moves to another node is replayed from there, during the move too")
    func channelMoves() throws {
        let cluster = try RedisCluster()
        let channel = try cluster.channel(onNode: 0)
        let stream = "async-events-\(channel)"
        let gateway = try Self.gateway(cluster) { $0.historyBytes = 1024 }.open()
        let ids = try (0..<20).map { try cluster.publish(channel, sampleEvent(channel, "\($0)")).global }
        try gateway.settle()
        try gateway.connect(channel, lastID: ids[3]).expect(ids: Array(ids[4...]))
        try cluster.move(slotOf: stream, to: 1) {
            try gateway.connect(channel, lastID: ids[5]).expect(ids: Array(ids[6...]))
        }
        try gateway.connect(channel, lastID: ids[7]).expect(ids: Array(ids[8...]))
        try cluster.move(slotOf: stream, to: 2)
        try gateway.connect(channel, lastID: "0-0").expect(ids: ids)
    }

    @Test("a user with the rights that the README names is given what it missed, while a slot is on its way too")
    func user() throws {
        let cluster = try RedisCluster()
        for node in cluster.nodes {
            try RedisRights.grant(RedisRights.reading + RedisRights.readingInCluster, to: "gateway", "s3cr3t", on: node)
        }
        let channel = try cluster.channel(onNode: 0)
        let gateway = try Self.gateway(cluster) {
            $0.historyBytes = 1024
            $0.redis.username = "gateway"
            $0.redis.password = Secret("s3cr3t")
        }.open()
        let ids = try (0..<8).map { try cluster.publish(channel, sampleEvent(channel, "\($0)")).global }
        try gateway.settle()
        try gateway.connect(channel, lastID: ids[1]).expect(ids: Array(ids[2...]))
        try cluster.move(slotOf: "async-events-\(channel)", to: 1) {
            try gateway.connect(channel, lastID: ids[3]).expect(ids: Array(ids[4...]))
        }
        #expect(!gateway.log.contains("NOPERM"))
    }

    @Test("an answer that cannot be used, by a node that owes no other, is asked for again")
    func refusal() throws {
        let cluster = try RedisCluster()
        let owner = try cluster.node(of: "async-events-full")
        let seed = (owner + 1) % 3
        let channel = try cluster.channel(onNode: seed)
        let gateway = try Self.gateway(cluster, seed: seed) { $0.historyBytes = 1024 }.open()
        let ids = try (0..<8).map { try cluster.publish(channel, sampleEvent(channel, "\($0)")).global }
        try gateway.settle()
        try cluster.nodes[owner].command("ACL", "SETUSER", "default", "-xinfo")
        let client = try gateway.connect(channel, lastID: ids[1])
        try eventually("the refusal is said") { gateway.log.contains("lacks a permission") }
        try cluster.nodes[owner].command("ACL", "SETUSER", "default", "+@all")
        try client.expect(ids: Array(ids[2...]))
    }

    @Test("a node that only names others is connected to again as soon as one that answers itself")
    func guide() throws {
        let cluster = try RedisCluster()
        let owner = try cluster.node(of: "async-events-full")
        let seed = (owner + 1) % 3
        let channel = try cluster.channel(onNode: owner)
        let gateway = try Self.gateway(cluster, seed: seed) {
            $0.historyBytes = 1024
            $0.eventLoops = 1
        }.open()
        let ids = try (0..<8).map { try cluster.publish(channel, sampleEvent(channel, "\($0)")).global }
        try gateway.settle()
        guard let port = cluster.nodes[seed].port else { throw Failure("the seed has no port") }
        func losses() -> Int {
            gateway.log.lines.count {
                $0.contains("cannot be reached") && $0.contains("for=replays") && $0.contains(":\(port) ")
            }
        }
        // A loss is said once, until the node has done what it is there for; so are the pauses before it is tried again.
        for round in 1...4 {
            try gateway.connect(channel, lastID: ids[1]).expect(ids: Array(ids[2...]))
            try cluster.nodes[seed].command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
            try eventually("loss \(round) is said") { losses() == round }
            // So that it is asked anew who has the slots.
            try cluster.nodes[owner].command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
        }
    }

    @Test("the node that was configured may go, once the others are known")
    func seedGone() throws {
        let cluster = try RedisCluster()
        for node in cluster.nodes { try node.command("CONFIG", "SET", "cluster-require-full-coverage", "no") }
        let seed = try (0..<3).first { try cluster.node(of: "async-events-full") != $0 } ?? 0
        let owner = try cluster.node(of: "async-events-full")
        let channel = try cluster.channel(onNode: owner)
        let gateway = try Self.gateway(cluster, seed: seed) { $0.historyBytes = 1024 }.open()
        let client = try gateway.connect(channel)
        let (_, first) = try cluster.publish(channel, sampleEvent(channel, "before"))
        try client.expect(ids: [first])
        cluster.nodes[seed].kill()
        let (_, second) = try cluster.publish(channel, sampleEvent(channel, "after"))
        try client.expect(ids: [second])
        try cluster.nodes[owner].command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
        let (_, third) = try cluster.publish(channel, sampleEvent(channel, "later"))
        try client.expect(ids: [third])
        try gateway.connect(channel, lastID: "0-0").expect(ids: [first, second, third])
    }
}
