/// A response as the gateway writes it: status, header fields and a body, made into bytes in one go.
public struct Response: Sendable {
    /// One header field. The name is fixed in the program's text, so no peer can choose it.
    public struct Field: Sendable {
        /// The field's name.
        public var name: StaticString
        /// The field's value; control characters in it are written as spaces (RFC 9110 section 5.5), so that a value
        /// that came from outside cannot begin a line of its own.
        public var value: String

        /// A field.
        public init(_ name: StaticString, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What follows the head.
    public enum Body: Sendable {
        /// These bytes, announced with `Content-Length`.
        case bytes([UInt8])
        /// Whatever is written until the connection is closed (RFC 9112 section 6.3): an event stream.
        case untilClose
    }

    /// What becomes of the connection, said in the `Connection` field (RFC 9110 section 7.6.1).
    public enum Connection: Sendable {
        case keepAlive
        case close
        /// It goes on in the protocol that the `Upgrade` field names (status 101 or 426).
        case upgrade
    }

    /// The status.
    public var status: Status
    /// Fields besides `Date`, `Content-Length` and `Connection`, which ``serialized(connection:date:toHead:)`` adds.
    public var fields: [Field]
    /// The body; not written with a status that has none (101, 204).
    public var body: Body

    /// A response with these parts.
    public init(_ status: Status, fields: [Field] = [], body: Body = .bytes([])) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A response of plain text in UTF-8, `text` and a line end.
    public init(_ status: Status, text: String, fields: [Field] = []) {
        self.init(
            status, fields: [Field("Content-Type", "text/plain; charset=utf-8")] + fields,
            body: .bytes(Array((text + "\n").utf8)))
    }

    /// The answer to a head that was refused: its status and its reason. To be sent with `Connection: close`.
    public init(_ refusal: Refusal) {
        self.init(refusal.status, text: refusal.reason)
    }

    /// The interim answer to `Expect: 100-continue`: the body may come (RFC 9110 section 15.2.1).
    public static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The bytes to send.
    /// - Parameters:
    ///   - connection: said in the `Connection` field; a body until close always says `close`.
    ///   - date: the value of the `Date` field (RFC 9110 section 5.6.7), which the caller makes since codecs know no
    ///     time; nil leaves the field out.
    ///   - toHead: the request's method was HEAD: the fields of the body without the body (RFC 9110 section 9.3.2).
    public func serialized(connection: Connection, date: [UInt8]? = nil, toHead: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(capacity)
        out.append("HTTP/1.1 ")
        out.append(contentsOf: String(status.rawValue).utf8)
        out.append(UInt8(ascii: " "))
        out.append(status.reasonPhrase)
        out.append("\r\n")
        for field in fields {
            out.append(field.name)
            out.append(": ")
            for byte in field.value.utf8 { out.append(ByteClass.isFieldContent(byte) ? byte : UInt8(ascii: " ")) }
            out.append("\r\n")
        }
        if let date {
            out.append("Date: ")
            out.append(contentsOf: date)
            out.append("\r\n")
        }
        var connection = connection
        if status.allowsBody {
            switch body {
            case .bytes(let bytes):
                out.append("Content-Length: ")
                out.append(contentsOf: String(bytes.count).utf8)
                out.append("\r\n")
            case .untilClose:
                connection = .close
            }
        }
        switch connection {
        case .keepAlive: out.append("Connection: keep-alive\r\n\r\n")
        case .close: out.append("Connection: close\r\n\r\n")
        case .upgrade: out.append("Connection: Upgrade\r\n\r\n")
        }
        if status.allowsBody, !toHead, case .bytes(let bytes) = body { out.append(contentsOf: bytes) }
        return out
    }

    /// Enough for everything in one allocation: 160 covers the status line and the fields that are always there.
    private var capacity: Int {
        var total = 160
        for field in fields { total += field.name.utf8CodeUnitCount + field.value.utf8.count + 4 }
        if case .bytes(let bytes) = body { total += bytes.count }
        return total
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}
