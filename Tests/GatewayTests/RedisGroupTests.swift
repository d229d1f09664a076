import TestSupport
import Testing

/// The helpers themselves: what they promise the tests that use them.
@Suite("Groups of Redis servers")
struct RedisGroupTests {
    @Test("sentinels promote the replica when they are asked, and when the primary is gone")
    func sentinels() throws {
        let group = try SentinelGroup(sentinelPassword: "sentinels-own", password: "servers-own")
        let first = try group.primary()
        #expect(first === group.servers[0])
        let second = try group.failOver()
        #expect(second === group.servers[1])
    }

    @Test("a cluster serves every slot, and one can be moved with its keys")
    func cluster() throws {
        let cluster = try RedisCluster()
        let channel = try cluster.channel(onNode: 1)
        try cluster.publish(channel, sampleEvent(channel, "one"))
        #expect(try cluster.nodes[1].entries("async-events-\(channel)").count == 1)
        try cluster.move(slotOf: "async-events-\(channel)", to: 2)
        #expect(try cluster.node(of: "async-events-\(channel)") == 2)
        #expect(try cluster.nodes[2].entries("async-events-\(channel)").count == 1)
    }
}
