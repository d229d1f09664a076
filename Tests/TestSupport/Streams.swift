import Foundation
import Gateway
import Locks

/// The text a client is given for an event: `id` put first, line ends between tokens turned into spaces.
public func eventText(_ id: String, _ data: String) -> String {
    let flat = data.utf8.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0 }
    let body = String(decoding: flat, as: UTF8.self).drop { $0 != "{" }.dropFirst()
    return "{\"id\":\"\(id)\", " + body
}

/// An entry of a stream: its ID and its field `data`.
public struct StreamEntry: Equatable, Sendable {
    public var id: String
    public var data: String
    public var text: String { eventText(id, data) }

    public init(id: String, data: String) {
        self.id = id
        self.data = data
    }
}

extension RedisProcess {
    /// An event with IDs of the test's choosing, in both streams.
    public func addEvent(_ channel: String, _ data: String, channelID: String, globalID: String) throws {
        try add("async-events-\(channel)", channelID, data: data)
        try add("async-events-full", globalID, data: data)
    }

    /// An entry of the global stream of any bytes. Returns its ID.
    @discardableResult
    public func addGlobal(_ id: String = "*", bytes: [UInt8]) throws -> String {
        try command(["XADD", "async-events-full", id, "data"].map { Array($0.utf8) } + [bytes]).text
    }

    /// What a stream holds, oldest first.
    public func entries(_ stream: String = "async-events-full") throws -> [StreamEntry] {
        guard case .array(let entries) = try command("XRANGE", stream, "-", "+") else { return [] }
        return entries.compactMap { entry in
            guard case .array(let pair) = entry, pair.count == 2, case .array(let fields) = pair[1], fields.count >= 2
            else { return nil }
            return StreamEntry(id: pair[0].text, data: fields[1].text)
        }
    }

    /// The texts of a channel's events that the global stream holds, oldest first.
    public func texts(of channel: String, after id: String? = nil) throws -> [String] {
        var found = try entries().filter { $0.data.contains("\"channel_id\": \"\(channel)\"") }
        if let id, let index = found.firstIndex(where: { $0.id == id }) { found.removeFirst(index + 1) }
        return found.map(\.text)
    }

    /// Writes `count` events in one go, on the server, to the channels `c0`, `c1`, … in turn: to both streams.
    /// - Parameter first: the number of the first, which stands in the events as `"n"`.
    public func burst(_ count: Int, channels: Int, first: Int = 0) throws {
        let script = """
            for n = tonumber(ARGV[2]), tonumber(ARGV[2]) + tonumber(ARGV[3]) - 1 do
              local channel = 'c' .. (n % tonumber(ARGV[1]))
              local data = '{"channel_id": "' .. channel .. '", "n": ' .. n .. '}'
              redis.call('XADD', 'async-events-' .. channel, '*', 'data', data)
              redis.call('XADD', 'async-events-full', '*', 'data', data)
            end
            """
        try command("EVAL", script, "0", "\(channels)", "\(first)", "\(count)")
    }

    /// Redis' clock, as its IDs have it.
    public func milliseconds() throws -> UInt64 {
        guard case .array(let time) = try command("TIME"), time.count == 2, let seconds = UInt64(time[0].text),
            let microseconds = UInt64(time[1].text)
        else { throw Failure("TIME was not answered with the time") }
        return seconds * 1000 + microseconds / 1000
    }

    /// The ID of the client that sits in `XREAD`: the gateway's reader.
    public func readerClientID() throws -> String? {
        let clients = try command("CLIENT", "LIST").text.split(separator: "\n")
        guard let reader = clients.first(where: { $0.contains(" cmd=xread ") }) else { return nil }
        return reader.split(separator: " ").first.map { String($0.dropFirst("id=".count)) }
    }
}

extension TestGateway {
    /// Waits until every loop has what any of them had when this was called.
    public func settle() throws {
        // All loops answer in turn: when the first round is over the one that reads has told all others, and when the
        // second is they have heard it.
        _ = try figures()
        _ = try figures()
    }

    /// Waits until every loop accepts WebSockets.
    public func open() throws -> TestGateway {
        let gateway = try ready()
        try settle()
        return gateway
    }
}

/// Something that runs on a thread beside the test.
public final class Background: Sendable {
    private let state = Mutex<(isStopped: Bool, result: Result<Void, any Error>?)>((false, nil))

    /// - Parameter body: is given this, to ask whether it should stop.
    public init(_ body: @escaping @Sendable (Background) throws -> Void) {
        Thread.detachNewThread {
            let result = Result { try body(self) }
            self.state.withLock { $0.result = result }
        }
    }

    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Tells it to stop.
    public func stop() { state.withLock { $0.isStopped = true } }

    /// Waits until it has ended, and throws what it threw.
    public func join() throws {
        try eventually("the work in the background ends", within: 120) { state.withLock { $0.result != nil } }
        try state.withLock { $0.result }?.get()
    }

    deinit { stop() }
}

/// Writes events as a producer does, over a connection of its own.
public final class Producer {
    private let connection: RESPConnection
    private let channel: String

    public init(socketPath: String, channel: String) throws {
        connection = try RESPConnection(path: socketPath)
        self.channel = channel
    }

    /// Both XADDs of an event with this data. Returns the ID in the global stream.
    @discardableResult
    public func publish(_ data: String) throws -> String {
        var id = ""
        for stream in ["async-events-\(channel)", "async-events-full"] {
            let reply = try connection.command(["XADD", stream, "*", "data", data])
            if case .error(let text) = reply { throw Failure("Redis answered \(text)") }
            id = reply.text
        }
        return id
    }
}

extension WebSocketClient {
    /// Reads until the socket has had as many events as expected, and looks that no further one is there.
    public func drain(_ count: Int, deadline: Deadline = Deadline(seconds: 60)) throws -> [String] {
        let texts = try events(count, deadline: deadline)
        return try texts + barrier("drain")
    }

    /// Reads up to and including the first event whose text has this part.
    public func events(throughText part: String) throws -> [String] {
        var texts: [String] = []
        repeat { texts.append(try event()) } while texts.last?.contains(part) != true
        return texts
    }

    /// Reads up to and including the event with this ID.
    public func eventsThrough(_ id: String) throws -> [String] {
        var texts: [String] = []
        repeat { texts.append(try event()) } while texts.last.map(eventID) != id
        return texts
    }
}

/// IDs of a time long past: this many milliseconds after its beginning.
public func past(_ milliseconds: Int, _ sequence: Int = 0) -> String {
    "\(1_700_000_000_000 + milliseconds)-\(sequence)"
}
