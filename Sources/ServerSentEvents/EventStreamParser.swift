/// Reads an event stream as a browser does (HTML, section 9.2.6), from input cut anywhere. A value without I/O.
public struct EventStreamParser: Sendable {
    /// What a client is given.
    public struct Event: Equatable, Sendable {
        /// The value of `event:`; `message` without one.
        public var name: String
        /// The values of `data:`, joined with LF. The bytes are the stream's: UTF-8 if the server keeps to the standard.
        public var data: [UInt8]
        /// The last `id:` in the stream up to this event; empty before the first.
        public var lastEventID: String

        /// An event as it would be read.
        public init(name: String = "message", data: [UInt8], lastEventID: String) {
            self.name = name
            self.data = data
            self.lastEventID = lastEventID
        }

        /// ``data`` as text; what is not UTF-8 is replaced.
        public var text: String { String(decoding: data, as: UTF8.self) }
    }

    /// The stream has an event or a line above the limit: nothing further can be read from it.
    public struct TooLong: Error, Equatable, Sendable {
        /// The limit, in bytes.
        public let maxEventBytes: Int

        /// The error for this limit.
        public init(maxEventBytes: Int) { self.maxEventBytes = maxEventBytes }
    }

    /// What a client that connects again sends as `Last-Event-ID`; empty if there is nothing to send. An `id:` counts
    /// from the empty line behind it on, whether or not there was any data.
    public private(set) var lastEventID: String
    /// The last `retry:`, in milliseconds; nil before the first.
    public private(set) var retryMilliseconds: Int?

    private let maxEventBytes: Int
    private var line: [UInt8] = []
    private var isAfterReturn = false
    private var isAtStart = true
    private var name = ""
    private var data: [UInt8] = []
    private var hasData = false
    private var idBuffer: String

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// - Parameters:
    ///   - lastEventID: where the client stands when it connects.
    ///   - maxEventBytes: the longest event, and the longest line, that is taken.
    public init(lastEventID: String = "", maxEventBytes: Int = 64 << 20) {
        self.lastEventID = lastEventID
        idBuffer = lastEventID
        self.maxEventBytes = maxEventBytes
    }

    /// Takes the next bytes of the stream. Returns the events that end in them, in order. An event that the stream's end
    /// cuts off is none.
    public mutating func receive(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            if isAfterReturn {
                isAfterReturn = false
                if byte == UInt8(ascii: "\n") { continue }
            }
            switch byte {
            case UInt8(ascii: "\r"):
                isAfterReturn = true
                endLine(into: &events)
            case UInt8(ascii: "\n"):
                endLine(into: &events)
            default:
                line.append(byte)
                guard line.count + data.count <= maxEventBytes else { throw TooLong(maxEventBytes: maxEventBytes) }
            }
        }
        return events
    }

    private mutating func endLine(into events: inout [Event]) {
        if isAtStart {
            isAtStart = false
            if line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
        }
        if line.isEmpty { return dispatch(into: &events) }
        defer { line.removeAll(keepingCapacity: true) }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return take(field: line[...], value: []) }
        var value = line[(colon + 1)...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        // A comment has the empty name, which is no field's.
        take(field: line[..<colon], value: value)
    }

    private mutating func take(field: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        if field.elementsEqual("data".utf8) {
            if hasData { data.append(UInt8(ascii: "\n")) }
            data += value
            hasData = true
        } else if field.elementsEqual("event".utf8) {
            name = String(decoding: value, as: UTF8.self)
        } else if field.elementsEqual("id".utf8) {
            if !value.contains(0) { idBuffer = String(decoding: value, as: UTF8.self) }
        } else if field.elementsEqual("retry".utf8) {
            let isNumber = !value.isEmpty && value.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if isNumber, let number = Int(String(decoding: value, as: UTF8.self)) { retryMilliseconds = number }
        }
    }

    private mutating func dispatch(into events: inout [Event]) {
        lastEventID = idBuffer
        // The standard asks whether the data buffer is empty; one lone `data:` line leaves an LF in it, so that is an event.
        if hasData {
            events.append(Event(name: name.isEmpty ? "message" : name, data: data, lastEventID: lastEventID))
        }
        name = ""
        data = []
        hasData = false
    }
}
