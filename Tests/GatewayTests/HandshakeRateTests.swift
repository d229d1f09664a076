import Configuration
import EventLoop
import Metrics
import TestSupport
import Testing

@testable import Gateway

@Suite("Handshakes of one address")
struct HandshakeRateTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func address(_ literal: String) throws -> SocketAddress {
        try #require(SocketAddress(literal: literal, port: .random(in: 1...UInt16.max)))
    }

    @Test("ten seconds' worth may come at once, then so many a second")
    func bucket() throws {
        let rate = HandshakeRate(perSecond: 3)
        let address = try address("192.0.2.7")
        for _ in 0..<30 { #expect(rate.admit(address, now: start)) }
        #expect(!rate.admit(address, now: start))
        #expect(!rate.admit(address, now: start.advanced(byMilliseconds: 333)))
        #expect(rate.admit(address, now: start.advanced(byMilliseconds: 334)))
        #expect(!rate.admit(address, now: start.advanced(byMilliseconds: 334)))
        let later = start.advanced(byMilliseconds: 3_600_000)
        for _ in 0..<30 { #expect(rate.admit(address, now: later)) }
        #expect(!rate.admit(address, now: later))
    }

    @Test("each address has its own, all of an IPv6 network of 64 bits have one together")
    func addresses() throws {
        let rate = HandshakeRate(perSecond: 1)
        for _ in 0..<10 { #expect(rate.admit(try address("192.0.2.7"), now: start)) }
        #expect(!rate.admit(try address("192.0.2.7"), now: start))
        #expect(rate.admit(try address("192.0.2.8"), now: start))
        for host in 0..<10 { #expect(rate.admit(try address("2001:db8::\(host)"), now: start)) }
        #expect(!rate.admit(try address("2001:db8::ffff:ffff:ffff:ffff"), now: start))
        #expect(rate.admit(try address("2001:db8:0:1::"), now: start))
    }

    @Test("addresses whose buckets are full again are forgotten when there are too many; beyond that nobody is held")
    func bounded() throws {
        let rate = HandshakeRate(perSecond: 1, maxAddresses: 2)
        for _ in 0..<10 { #expect(rate.admit(try address("192.0.2.1"), now: start)) }
        #expect(rate.admit(try address("192.0.2.2"), now: start))
        // Neither bucket is full: a third address is let in without one.
        for _ in 0..<20 { #expect(rate.admit(try address("192.0.2.3"), now: start)) }
        // A second later the second one's is.
        let later = start.advanced(byMilliseconds: 1000)
        for _ in 0..<10 { #expect(rate.admit(try address("192.0.2.3"), now: later)) }
        #expect(!rate.admit(try address("192.0.2.3"), now: later))
        #expect(rate.admit(try address("192.0.2.1"), now: later))
        #expect(!rate.admit(try address("192.0.2.1"), now: later))
    }

    @Test("a flood of new addresses does not make the full table be looked through at each handshake")
    func sweepsSeldom() throws {
        let rate = HandshakeRate(perSecond: 1, maxAddresses: 1)
        #expect(rate.admit(try address("192.0.2.1"), now: start))
        // Looked through in vain: the one address that is known has used its bucket.
        #expect(rate.admit(try address("192.0.2.2"), now: start.advanced(byMilliseconds: 999)))
        // Its bucket is full again, and is kept for a second from the last look on.
        for _ in 0..<20 { #expect(rate.admit(try address("192.0.2.2"), now: start.advanced(byMilliseconds: 1998))) }
        for _ in 0..<10 { #expect(rate.admit(try address("192.0.2.2"), now: start.advanced(byMilliseconds: 1999))) }
        #expect(!rate.admit(try address("192.0.2.2"), now: start.advanced(byMilliseconds: 1999)))
    }

    @Test("without a limit, and for a peer without an address, all are let in")
    func unlimited() throws {
        let none = HandshakeRate(perSecond: 0)
        for _ in 0..<1000 { #expect(none.admit(try address("192.0.2.7"), now: start)) }
        let one = HandshakeRate(perSecond: 1)
        for _ in 0..<1000 { #expect(one.admit(try .unix(path: "/tmp/x"), now: start)) }
    }

    @Test("one handshake more than the bucket holds is 429 with Retry-After, over all loops, whatever its token is")
    func refused() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 3
            $0.maxHandshakesPerAddress = 1
            $0.trustedProxies = ["127.0.0.0/8"]
        }.ready()
        func status(_ client: String?, token: String? = nil) throws -> HTTPAnswer {
            let socket = try TestSocket.connect(port: gateway.port)
            let request = RequestText(upgradeTo: "alpha", token: token)
            try socket.send(client.map { request.adding("X-Forwarded-For: \($0)").bytes } ?? request.bytes)
            return try HTTPAnswer.read(from: socket)
        }
        // The proxy says who it is for: its own address is held by no one's limit.
        for _ in 0..<10 { #expect(try status("10.9.9.9, 192.0.2.7", token: "garbage").status == 401) }
        var refused = try status("192.0.2.7")
        try eventually("the bucket is empty") {
            if refused.status != 429 { refused = try status("192.0.2.7") }
            return refused.status == 429
        }
        #expect(refused.field("Retry-After") == "10")
        #expect(refused.field("Connection") == "close")
        #expect(try gateway.figures().figures.handshakesRefused["too_many_from_address"] == 1)
        #expect(gateway.log.contains("maxHandshakesPerAddress is exceeded"))
        #expect(try status("192.0.2.8").status == 101)
        #expect(try status(nil).status == 101)
        #expect(try gateway.get("/health").status == 200)
    }
}
