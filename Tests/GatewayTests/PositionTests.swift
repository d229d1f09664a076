import TestSupport
import Testing

@testable import Gateway

/// `?position=1`: a WebSocket's client is told where it stands, as an event stream's always is.
@Suite("Where a WebSocket's client stands")
struct PositionTests {
    private func open(_ gateway: TestGateway, _ query: String) throws -> TestSocket {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText(upgradeTo: "alpha").with(target: "/?\(query)").text)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        return socket
    }

    @Test("is said before its first event to who asks and brings no ID; resuming there misses nothing")
    func position() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let before = try redis.publish("alpha", sampleEvent("alpha", "0")).global
        let witness = try gateway.connect("alpha", lastID: "1-1")
        #expect(try witness.event().contains(before))
        try gateway.settle()
        let socket = try open(gateway, "position=1")
        let notice = try socket.frame().text
        let place = try #require(notice.wholeMatch(of: /\{"id": "([0-9]+-[0-9]+)", "position": true\}/)).1
        socket.close()
        let missed = try redis.publish("alpha", sampleEvent("alpha", "1")).global
        var texts: [String] = []
        let again = try gateway.connect("alpha", lastID: String(place))
        repeat { texts.append(try again.event()) } while !(texts.last ?? "").contains(missed)
        #expect(texts.count <= 2, "at most what was published in the same millisecond as the last before")
    }

    @Test("is not said to who brings an ID or does not ask")
    func silent() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let sockets = try ["position=0", "position=true", "position", "gaps=1"].map { try open(gateway, $0) }
        let id = try redis.publish("alpha", sampleEvent("alpha", "0")).global
        for socket in sockets { #expect(try socket.frame().text == eventText(id, sampleEvent("alpha", "0"))) }
        let resumed = try open(gateway, "last_id=\(id)&position=1")
        let next = try redis.publish("alpha", sampleEvent("alpha", "1")).global
        #expect(try resumed.frame().text == eventText(next, sampleEvent("alpha", "1")))
    }
}
