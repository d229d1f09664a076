import EventLog
import Testing

@testable import RedisStreams

@Suite("Against a real redis-server: errors and odd entries")
struct RedisServerErrorTests {
    @Test("each error that a server can be made to give is known for what it is")
    func errors() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        func kind(_ reply: Reply) -> ServerError.Kind? { reply.errorText.map { ServerError($0).kind } }
        let add = Command.xadd(stream: [1], maximumLength: 1, data: [1])
        let range = Command.xrange(stream: [1], from: .zero, to: .max, count: 1)

        #expect(kind(try redis.command("NONESUCH", "x")) == .unknownCommand)
        #expect(kind(try redis.command("XADD", "s", "0-0", "data", "x")) == .other)
        #expect(try redis.command("CONFIG", "SET", "maxmemory", "1") == .status("OK"))
        #expect(kind(try redis.command(add)) == .outOfMemory)
        #expect(try redis.command("CONFIG", "SET", "maxmemory", "0") == .status("OK"))

        // A replica of a primary that is not there: nothing listens at port 1.
        #expect(try redis.command("REPLICAOF", "127.0.0.1", "1") == .status("OK"))
        #expect(kind(try redis.command(add)) == .readOnly)
        #expect(try redis.command("CONFIG", "SET", "replica-serve-stale-data", "no") == .status("OK"))
        #expect(kind(try redis.command(range)) == .loading)
    }

    static let data = Array("data".utf8)
    static let everyByte = Array(UInt8.min...UInt8.max)

    /// Fields of an entry, and what is to come out.
    static let shapes: [([[UInt8]], [UInt8]?)] = [
        ([data, []], []),
        ([data, everyByte], everyByte),
        ([[1], [2], data, [3], [4], [5]], [3]),
        ([data, [1], data, [2]], [1]),
        ([[1], data, data, [2]], [2]),
        ([[1], data], nil),
        ([Array("Data".utf8), [1], Array("data ".utf8), [2], [], [3]], nil),
        ([everyByte, [1], data, [9]], [9]),
    ]

    @Test("of an entry with any fields, the first named data comes out, by XREAD and by XRANGE alike")
    func fields() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        var expected: [Decoded] = []
        for (index, shape) in Self.shapes.enumerated() {
            let id = "\(index + 1)-0"
            let reply = try redis.command(Command([Array("XADD".utf8), [0x73], Array(id.utf8)] + shape.0))
            #expect(reply == .string(Array(id.utf8)))
            expected.append(.entry(id, shape.1))
        }
        try redis.send(.xread(count: 100, blockMilliseconds: 1, stream: [0x73], after: .zero))
        #expect(try redis.entries().decoded == expected + [.end])
        var ranged: [Decoded] = []
        try redis.command(.xrange(stream: [0x73], from: .zero, to: .max, count: 100))
            .forEachEntry { ranged.append(.entry($0.description, $1.map { Array($0) })) }
        #expect(ranged == expected)
    }

    @Test("the highest deleted ID is told, and none before anything was deleted")
    func deleted() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        func info() throws -> StreamInfo {
            guard case .info(let info) = StreamInfo.parse(try redis.command(.xinfoStream([0x73]))) else {
                throw TestFailure(description: "no facts")
            }
            return info
        }
        for index in 1...5 { _ = try redis.command("XADD", "s", "7-\(index)", "data", "x") }
        #expect(try info().maxDeletedEntryID == nil)
        #expect(try redis.command("XDEL", "s", "7-4", "7-2") == .integer(2))
        #expect(try info().maxDeletedEntryID == StreamID(milliseconds: 7, sequence: 4))
        #expect(try info().entriesAdded == 5)
    }
}
