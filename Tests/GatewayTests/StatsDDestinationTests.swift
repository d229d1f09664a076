import EventLoop
import Testing

@testable import Gateway

@Suite("Where StatsD lines go")
struct StatsDDestinationTests {
    private func address(_ literal: String) throws -> SocketAddress {
        try #require(SocketAddress(literal: literal, port: 8125))
    }

    private let failure = Result<[SocketAddress], ResolverError>.failure(ResolverError(host: "x", reason: "gone"))

    @Test("the first IPv4 address, else the first, and again only when it is no longer among them")
    func following() throws {
        var destination = StatsDDestination()
        let (six, four, next) = (try address("::1"), try address("10.0.0.1"), try address("10.0.0.2"))
        #expect(destination.resolved(.success([six, four, next])) == .open(four))
        #expect(destination.resolved(.success([next, four])) == .keep, "another order is no other server")
        #expect(destination.resolved(.success([next])) == .open(next))
        #expect(destination.resolved(.success([six])) == .open(six))
    }

    @Test("a lookup that fails later changes nothing; one that fails at first is said once, and again after a good one")
    func failing() throws {
        var destination = StatsDDestination()
        let problem = "\(ResolverError(host: "x", reason: "gone"))"
        #expect(destination.resolved(failure) == .unknown(problem: problem, isNew: true))
        #expect(destination.resolved(failure) == .unknown(problem: problem, isNew: false))
        let four = try address("10.0.0.1")
        #expect(destination.resolved(.success([four])) == .open(four))
        #expect(destination.resolved(failure) == .keep)
    }

    @Test("names are looked up again and again, addresses are not")
    func again() {
        let destination = StatsDDestination()
        #expect(destination.millisecondsToNextLookup(host: "127.0.0.1", failed: false) == nil)
        #expect(destination.millisecondsToNextLookup(host: "::1", failed: false) == nil)
        #expect(destination.millisecondsToNextLookup(host: "statsd", failed: false) == 60_000)
        #expect(destination.millisecondsToNextLookup(host: "statsd", failed: true) == 30_000)
    }
}
