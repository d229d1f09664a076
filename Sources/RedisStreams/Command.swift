import CHiredis
public import EventLog

/// A command as the bytes that Redis is sent. Arguments may hold any bytes.
public struct Command: Sendable, Equatable {
    public let bytes: [UInt8]
    /// The key that decides which node of a cluster it is for; nil: any.
    public let key: [UInt8]?

    /// Formats a command with hiredis (`redisFormatCommandArgv`). Empty only if there is no memory for it, or if the
    /// arguments are 1 GiB or more, which Redis would not take and hiredis 0.14, counting in `int`, would get wrong.
    public init(_ arguments: [[UInt8]], key: [UInt8]? = nil) {
        self.key = key
        // One block for all arguments, so that their pointers are good at the same time.
        let lengths = arguments.map { $0.count }
        guard lengths.reduce(0, +) < Self.maximumArgumentBytes else {
            bytes = []
            return
        }
        let joined = arguments.flatMap { $0 }
        bytes = joined.withUnsafeBytes { block -> [UInt8] in
            var offset = 0
            var pointers: [UnsafePointer<CChar>?] = lengths.map { length in
                defer { offset += length }
                return block.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
            }
            var target: UnsafeMutablePointer<CChar>?
            let count = sluice_format_command(&target, Int32(arguments.count), &pointers, lengths)
            guard let target, count >= 0 else { return [] }
            defer { redisFreeCommand(target) }
            return [UInt8](UnsafeRawBufferPointer(start: target, count: Int(count)))
        }
    }

    init(formatted bytes: [UInt8], key: [UInt8]) {
        self.bytes = bytes
        self.key = key
    }

    private static let maximumArgumentBytes = 1 << 30

    private init(_ name: String..., then arguments: [[UInt8]] = [], key: [UInt8]? = nil) {
        self.init(name.map { Array($0.utf8) } + arguments, key: key)
    }

    /// `AUTH [username] password`. Without a name of its own, the form that Redis before 6 knows.
    public static func auth(username: String, password: [UInt8]) -> Command {
        let named = !username.isEmpty && username != "default"
        return Command("AUTH", then: (named ? [Array(username.utf8)] : []) + [password])
    }

    /// `SELECT`
    public static func select(_ database: Int) -> Command { Command("SELECT", String(database)) }

    /// `CLIENT SETNAME`: what `CLIENT LIST` calls the connection. No spaces.
    public static func setName(_ name: String) -> Command { Command("CLIENT", "SETNAME", name) }

    /// `PING`
    public static var ping: Command { Command("PING") }

    /// `TIME`: the server's clock.
    public static var time: Command { Command("TIME") }

    /// `ROLE`: primary, replica or sentinel.
    public static var role: Command { Command("ROLE") }

    /// `ASKING`: the next command may be served by a node of a cluster that is only being given its slot.
    public static var asking: Command { Command("ASKING") }

    /// `CLUSTER SLOTS`: the nodes and what they serve. (`CLUSTER SHARDS`, which is to replace it, came with Redis 7.)
    public static var clusterSlots: Command { Command("CLUSTER", "SLOTS") }

    /// `SENTINEL GET-MASTER-ADDR-BY-NAME`: where the primary of this name is.
    public static func primaryAddress(name: String) -> Command {
        Command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
    }

    /// `INFO` of one section.
    public static func info(_ section: String) -> Command { Command("INFO", section) }

    /// `XINFO STREAM`
    public static func xinfoStream(_ stream: [UInt8]) -> Command {
        Command("XINFO", "STREAM", then: [stream], key: stream)
    }

    /// `XREAD` of one stream: entries above `after`, at most `count`, waiting for the first at most so long.
    public static func xread(count: Int, blockMilliseconds: Int, stream: [UInt8], after: StreamID) -> Command {
        Command(
            "XREAD", "COUNT", String(count), "BLOCK", String(blockMilliseconds), "STREAMS",
            then: [stream, Array(after.description.utf8)], key: stream)
    }

    /// `XRANGE`, ascending, both ends included.
    public static func xrange(stream: [UInt8], from: StreamID, to: StreamID, count: Int) -> Command {
        Command("XRANGE", then: range(stream, from, to, count), key: stream)
    }

    /// `XREVRANGE`, descending, both ends included; `from` is the higher one.
    public static func xrevrange(stream: [UInt8], from: StreamID, to: StreamID, count: Int) -> Command {
        Command("XREVRANGE", then: range(stream, from, to, count), key: stream)
    }

    private static func range(_ stream: [UInt8], _ first: StreamID, _ second: StreamID, _ count: Int) -> [[UInt8]] {
        [stream, Array(first.description.utf8), Array(second.description.utf8), Array("COUNT".utf8)]
            + [Array(String(count).utf8)]
    }

    /// `SET` of a key that says that somebody is there, and goes by itself.
    public static func setPresence(_ key: [UInt8], milliseconds: Int) -> Command {
        Command("SET", then: [key, [UInt8(ascii: "1")], Array("PX".utf8), Array("\(milliseconds)".utf8)], key: key)
    }

    /// `EXISTS` of one key.
    public static func exists(_ key: [UInt8]) -> Command { Command("EXISTS", then: [key], key: key) }

    /// `XADD` with an ID of the server's choice and one field `data`, as a producer does it.
    public static func xadd(stream: [UInt8], maximumLength: Int, data: [UInt8]) -> Command {
        Command(
            [Array("XADD".utf8), stream] + ["MAXLEN", "~", String(maximumLength), "*", "data"].map { Array($0.utf8) }
                + [data], key: stream)
    }
}
