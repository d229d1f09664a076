/// What a publish is made of (DESIGN 1.1): the two entries of a producer, and the record of an `Idempotency-Key`.
///
/// A script is what Redis does as one: nobody sees one entry without the other, and of two gateways with the same key one
/// finds the other's record.
extension Command {
    /// What a producer keeps of a channel and of all channels, both about so many.
    public static let channelLength = 1000
    public static let globalLength = 1_000_000

    /// Where the ID of what was published under a key is kept, and for how long.
    public struct PublicationRecord: Sendable, Equatable {
        /// In the same slot of a cluster as the global stream.
        public let key: [UInt8]
        public let milliseconds: Int

        /// - Parameters:
        ///   - prefix: `redisStreamPrefix`.
        ///   - idempotencyKey: the client's, which counts within the channel.
        public init(prefix: [UInt8], channel: [UInt8], idempotencyKey: [UInt8], milliseconds: Int) {
            // Behind a prefix with a hash tag of its own the second one does not count, and need not. The length keeps
            // "a:b" with "c" apart from "a" with "b:c".
            key =
                prefix + Array("idempotency:{".utf8) + prefix + Array("full}:\(idempotencyKey.count):".utf8)
                + idempotencyKey + [UInt8(ascii: ":")] + channel
            self.milliseconds = milliseconds
        }
    }

    /// Both entries at once. Answered as ``PublicationReply`` reads it. All keys must be in one slot.
    public static func publish(
        channelStream: [UInt8], globalStream: [UInt8], data: [UInt8], record: PublicationRecord?
    ) -> Command {
        script(
            publishScript, keys: [channelStream, globalStream] + (record.map { [$0.key] } ?? []),
            data, numbers: [channelLength, globalLength] + (record.map { [$0.milliseconds] } ?? []))
    }

    /// Says that an event is about to be written under the record's key, unless it was already: where the streams are in
    /// different slots, and nothing can be done at once.
    public static func claim(_ record: PublicationRecord, data: [UInt8], milliseconds: Int) -> Command {
        script(claimScript, keys: [record.key], data, numbers: [milliseconds])
    }

    /// The claim is void: nothing was written.
    public static func release(_ record: PublicationRecord) -> Command {
        Command([Array("DEL".utf8), record.key], key: record.key)
    }

    /// The second entry, and the record of it. Answered as ``publish(channelStream:globalStream:data:record:)`` is.
    public static func publishGlobally(globalStream: [UInt8], data: [UInt8], record: PublicationRecord?) -> Command {
        script(
            globalScript, keys: [globalStream] + (record.map { [$0.key] } ?? []),
            data, numbers: [globalLength] + (record.map { [$0.milliseconds] } ?? []))
    }

    /// The first entry, as a producer writes it.
    public static func publishToChannel(stream: [UInt8], data: [UInt8]) -> Command {
        xadd(stream: stream, maximumLength: channelLength, data: data)
    }

    private static func script(_ text: String, keys: [[UInt8]], _ data: [UInt8], numbers: [Int]) -> Command {
        let beginning = ["EVAL", text, "\(keys.count)"].map { Array($0.utf8) }
        return Command(beginning + keys + [data] + numbers.map { Array("\($0)".utf8) }, key: keys.first)
    }

    /// A record is the SHA-1 of what was published and its global ID, `-` while that is not known.
    private static let look = """
        local function look(record, data)
          local known = redis.call('GET', record)
          if not known then return nil end
          if string.sub(known, 1, 40) ~= redis.sha1hex(data) then return {'other'} end
          local id = string.sub(known, 42)
          if id == '-' then return {'claimed'} end
          return {'known', id}
        end

        """

    private static let publishScript =
        look + """
            if KEYS[3] then
              local known = look(KEYS[3], ARGV[1])
              if known then return known end
            end
            redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'data', ARGV[1])
            local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'data', ARGV[1])
            if KEYS[3] then redis.call('SET', KEYS[3], redis.sha1hex(ARGV[1]) .. ' ' .. id, 'PX', ARGV[4]) end
            return {'added', id}
            """

    private static let claimScript =
        look + """
            local known = look(KEYS[1], ARGV[1])
            if known then return known end
            redis.call('SET', KEYS[1], redis.sha1hex(ARGV[1]) .. ' -', 'PX', ARGV[2])
            return {'free'}
            """

    private static let globalScript = """
        local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'data', ARGV[1])
        if KEYS[2] then redis.call('SET', KEYS[2], redis.sha1hex(ARGV[1]) .. ' ' .. id, 'PX', ARGV[3]) end
        return {'added', id}
        """
}

/// What a script of ``Command``'s has answered.
public enum PublicationReply: Equatable, Sendable {
    /// Written now, under this ID of the global stream.
    case added([UInt8])
    /// Written before under the same key.
    case known([UInt8])
    /// Something else was written under the same key.
    case other
    /// Under the same key the same is being written, or was begun and broken off.
    case claimed
    /// Nothing was written under the key: it is claimed now.
    case free
    case failed(ServerError)
    case notUnderstood

    /// Before Redis 7 a script's error comes wrapped: `ERR Error running script (call to f_…): @user_script:9: -READONLY …`.
    private static func cause(of text: String) -> String {
        guard text.hasPrefix("ERR Error running script"), let mark = text.utf8.lastIndex(of: UInt8(ascii: "-")) else {
            return text
        }
        let cause = text[text.index(after: mark)...]
        // A dash of the message itself stands behind no colon.
        return text[..<mark].hasSuffix(": ") ? String(cause) : text
    }

    public init(_ reply: Reply) {
        if let text = reply.errorText {
            self = .failed(ServerError(Self.cause(of: text)))
            return
        }
        guard case .array(let parts) = reply, let word = parts.first?.text else {
            self = .notUnderstood
            return
        }
        var id: [UInt8]?
        if parts.count == 2, case .string(let bytes) = parts[1] { id = bytes }
        switch (word, id) {
        case ("added", let id?): self = .added(id)
        case ("known", let id?): self = .known(id)
        case ("other", nil): self = .other
        case ("claimed", nil): self = .claimed
        case ("free", nil): self = .free
        default: self = .notUnderstood
        }
    }
}
