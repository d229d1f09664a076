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
