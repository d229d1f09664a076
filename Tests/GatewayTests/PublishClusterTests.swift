import Configuration
import TestSupport
import Testing

/// `POST /api/publish` where the two streams may be on two nodes.
@Suite("Publishing into a cluster")
struct PublishClusterTests {
    private static func gateway(_ cluster: RedisCluster, prefix: String = "async-events-") throws -> TestGateway {
        try TestGateway.quiet(cluster.nodes[0]) {
            $0.redis.socketPath = nil
            $0.redis.port = cluster.nodes[0].port ?? 0
            $0.redisStreamPrefix = prefix
        }.open()
    }

    private func entries(_ cluster: RedisCluster, _ stream: String) throws -> [StreamEntry] {
        try cluster.nodes[cluster.node(of: stream)].entries(stream)
    }

    @Test("both streams get the event, whichever nodes have them, and a key holds")
    func everyNode() throws {
        let cluster = try RedisCluster()
        let gateway = try Self.gateway(cluster)
        for index in 0..<3 {
            let channel = try cluster.channel(onNode: index)
            let client = try gateway.connect(channel)
            for round in 0..<2 {
                let data = sampleEvent(channel, "job-\(round)")
                let id = try #require(try gateway.publish(data, to: [channel]).publishedID)
                #expect(try entries(cluster, "async-events-full").last == StreamEntry(id: id, data: data))
                #expect(try entries(cluster, "async-events-\(channel)").last?.data == data)
                try client.expect(ids: [id])
            }
            let data = sampleEvent(channel, "once")
            let first = try gateway.publish(data, to: [channel], key: "k")
            let again = try gateway.publish(data, to: [channel], key: "k")
            #expect(first.publishedID != nil)
            #expect(again.publishedID == first.publishedID)
            #expect(again.field("Idempotent-Replayed") == "true")
            #expect(try gateway.publish(sampleEvent(channel, "x"), to: [channel], key: "k").status == 422)
            #expect(try entries(cluster, "async-events-\(channel)").count == 3)
            try client.expect(ids: [first.publishedID ?? ""])
        }
        #expect(try entries(cluster, "async-events-full").count == 9)
    }

    @Test("a prefix with a hash tag keeps all in one slot, and an event is written at once")
    func hashTag() throws {
        let cluster = try RedisCluster()
        let gateway = try Self.gateway(cluster, prefix: "{events}-")
        let data = sampleEvent("alpha", "once")
        let first = try gateway.publish(data, key: "k")
        #expect(first.publishedID != nil)
        #expect(try gateway.publish(data, key: "k").publishedID == first.publishedID)
        #expect(try entries(cluster, "{events}-full").count == 1)
        #expect(try entries(cluster, "{events}-alpha").count == 1)
    }

    @Test("a key whose event was begun and never finished is refused until the claim is over")
    func claimed() throws {
        let cluster = try RedisCluster()
        let gateway = try Self.gateway(cluster)
        let owner = try cluster.node(of: "async-events-full")
        let channel = try cluster.channel(onNode: (owner + 1) % 3)
        let data = sampleEvent(channel, "x")
        let record = "async-events-idempotency:{async-events-full}:1:k:\(channel)"
        // Until the gateway has seen that the streams are apart, it looks at no record.
        #expect(try gateway.publish(data, to: [channel]).status == 200)
        let digest = try cluster.nodes[owner].command("EVAL", "return redis.sha1hex(ARGV[1])", "0", data).text
        try cluster.nodes[owner].command("SET", record, "\(digest) -", "PX", "60000")
        let answer = try gateway.publish(data, to: [channel], key: "k")
        #expect(answer.status == 409)
        #expect(answer.field("Retry-After") == "1")
        #expect(try gateway.publish(sampleEvent(channel, "y"), to: [channel], key: "k").status == 422)
        try cluster.nodes[owner].command("DEL", record)
        #expect(try gateway.publish(data, to: [channel], key: "k").status == 200)
        #expect(try entries(cluster, "async-events-\(channel)").count == 2)
    }
}
