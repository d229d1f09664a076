import Testing

@testable import RedisStreams

@Suite("Where Redis is looked for")
struct RedisLocatorTests {
    private let a = NodeAddress(host: "a", port: 1)
    private let b = NodeAddress(host: "b", port: 2)
    private let c = NodeAddress(host: "c", port: 3)

    @Test("a single Redis is tried again and again")
    func single() {
        var locator = RedisLocator()
        for _ in 0..<3 {
            #expect(locator.destination == .configured)
            #expect(locator.failed(wasReady: false) == .wait)
        }
    }

    @Test("sentinels are asked in turn; the first that answers is the first from then on")
    func sentinels() {
        var locator = RedisLocator(sentinels: [a, b, c])
        #expect(locator.destination == .sentinel(a))
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .sentinel(b))
        locator.primary(at: NodeAddress(host: "p", port: 9))
        #expect(locator.destination == .primary(NodeAddress(host: "p", port: 9)))
        #expect(locator.failed(wasReady: true) == .wait)
        #expect(locator.destination == .sentinel(b))
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .sentinel(a))
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .sentinel(c))
        #expect(locator.failed(wasReady: false) == .wait)
        #expect(locator.destination == .sentinel(b))
    }

    @Test("a primary that cannot be reached, or is none, is asked for again")
    func primaryGone() {
        var locator = RedisLocator(sentinels: [a, b])
        locator.primary(at: c)
        #expect(locator.failed(wasReady: false) == .wait)
        #expect(locator.destination == .sentinel(a))
    }

    @Test("a sentinel that named a former primary is asked after the others")
    func distrusted() {
        var locator = RedisLocator(sentinels: [a, b])
        locator.primary(at: c)
        locator.distrust()
        #expect(locator.failed(wasReady: true) == .wait)
        #expect(locator.destination == .sentinel(b))
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .sentinel(a))
        // Who was asked nothing has named nobody.
        #expect(locator.failed(wasReady: false) == .wait)
        locator.distrust()
        #expect(locator.destination == .sentinel(b))
    }

    @Test("a cluster's nodes are tried when the configured one is gone, and after them that one again")
    func clusterNodes() {
        var locator = RedisLocator()
        locator.learn([a, b])
        #expect(locator.destination == .configured)
        #expect(locator.failed(wasReady: true) == .wait)
        #expect(locator.destination == .configured)
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .node(a))
        locator.learn([b, c])
        #expect(locator.destination == .node(a))
        #expect(locator.failed(wasReady: true) == .wait)
        #expect(locator.destination == .configured)
        #expect(locator.failed(wasReady: false) == .tryNext)
        #expect(locator.destination == .node(b))
    }

    @Test("a moved slot is followed, but not for ever")
    func moved() {
        var locator = RedisLocator()
        for _ in 0..<3 {
            for hop in 0..<RedisLocator.maximumHops {
                let isFollowed = locator.moved(to: hop % 2 == 0 ? a : b)
                #expect(isFollowed)
                #expect(locator.destination == .node(hop % 2 == 0 ? a : b))
            }
            locator.answered()
        }
        for _ in 0..<RedisLocator.maximumHops { _ = locator.moved(to: a) }
        let isFollowed = locator.moved(to: b)
        #expect(!isFollowed)
        #expect(locator.failed(wasReady: true) == .wait)
        #expect(locator.destination == .configured)
        let isFollowedAgain = locator.moved(to: a)
        #expect(isFollowedAgain)
    }

    @Test("one node is that node, whatever it tells of others")
    func oneNode() {
        var locator = RedisLocator(node: a)
        locator.learn([b, c])
        #expect(locator.failed(wasReady: false) == .wait)
        #expect(locator.destination == .node(a))
    }
}

@Suite("Slots of a cluster")
struct ClusterSlotTests {
    @Test(
        "the slot is the one that Redis gives",
        arguments: [
            ("123456789", 0x31C3), ("", 0), ("foo", 12182), ("bar", 5061), ("{foo}.x", 12182), ("x{foo}y{bar}", 12182),
            ("foo{bar}{zap}", 5061),
        ])
    func slot(key: String, slot: Int) { #expect(Int(ClusterSlot.of(Array(key.utf8))) == slot) }

    @Test("an empty tag, or one without an end, is no tag", arguments: ["{}foo", "foo{}{bar}", "foo{bar", "}foo{"])
    func noTag(key: String) {
        #expect(ClusterSlot.of(Array(key.utf8)) == ClusterSlot.crc16(Array(key.utf8)[...]) & 0x3FFF)
    }
}

@Suite("Questions after a login")
struct HandshakeQuestionTests {
    private func handshake(_ question: ConnectionHandshake.Question) -> ConnectionHandshake {
        ConnectionHandshake(username: "", password: [], database: 0, question: question)
    }

    /// What the second reply leads to; the first is that of `CLIENT SETNAME`.
    private func step(_ question: ConnectionHandshake.Question, _ reply: Reply) -> ConnectionHandshake.Step {
        var handshake = handshake(question)
        guard handshake.receive(.status("OK")) == .wait else { return .failed("it did not wait") }
        return handshake.receive(reply)
    }

    private func text(_ text: String) -> Reply { .string(Array(text.utf8)) }

    @Test("a primary is taken, a replica refused")
    func role() {
        #expect(step(.isPrimary, .array([text("master"), .integer(0), .array([])])) == .ready)
        #expect(
            step(.isPrimary, .array([text("slave"), text("127.0.0.1")]))
                == .failed("this is not the primary; its role is slave"))
        guard case .failed = step(.isPrimary, .error("NOPERM no")), case .failed = step(.isPrimary, .null) else {
            Issue.record("a server that does not tell its role was taken for a primary")
            return
        }
    }

    @Test("a sentinel's answer is the primary's address; no answer is a failure")
    func sentinel() {
        let question = ConnectionHandshake.Question.primary(name: "events")
        #expect(
            step(question, .array([text("::1"), text("6379")])) == .primary(NodeAddress(host: "::1", port: 6379)))
        for reply in [Reply.null, .error("ERR no"), .array([]), .array([text("a"), text("0")]), .integer(1)] {
            guard case .failed = step(question, reply) else {
                Issue.record("\(reply) was taken")
                continue
            }
        }
    }

    @Test("a cluster's nodes are learned, each once; whoever is no cluster, or may not tell, has none")
    func nodes() {
        func node(_ host: Reply, _ port: Int64) -> Reply { .array([host, .integer(port), text("id")]) }
        var cluster = handshake(.nodes)
        #expect(cluster.receive(.status("OK")) == .wait)
        let first = Reply.array([.integer(0), .integer(99), node(text("a"), 1), node(text("b"), 2), node(.null, 3)])
        let second = Reply.array([.integer(100), .integer(199), node(text("b"), 2), node(text(""), 1)])
        #expect(cluster.receive(.array([first, second])) == .ready)
        #expect(cluster.nodes == [NodeAddress(host: "a", port: 1), NodeAddress(host: "b", port: 2)])
        #expect(step(.nodes, .error("ERR This instance has cluster support disabled")) == .ready)
        #expect(step(.nodes, .error("NOPERM no")) == .ready)
    }
}
