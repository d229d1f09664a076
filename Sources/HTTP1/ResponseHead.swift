/// A status line and its header fields, as a client reads them.
public struct ResponseHead: Sendable {
    /// 0 for HTTP/1.0, 1 for HTTP/1.1 and above.
    public let minorVersion: Int
    /// The status code, 100 to 999; any, not only those of ``Status``.
    public let statusCode: Int
    /// The header fields.
    public let fields: HeaderFields
    private let reasonRange: Range<Int>

    init(minorVersion: Int, statusCode: Int, reasonRange: Range<Int>, fields: HeaderFields) {
        self.minorVersion = minorVersion
        self.statusCode = statusCode
        self.reasonRange = reasonRange
        self.fields = fields
    }

    /// The reason phrase as it was written; may be empty.
    public var reasonPhrase: ArraySlice<UInt8> { fields.bytes[reasonRange] }

    /// The value of the first field of that name, names compared without regard to case.
    public func first(_ name: StaticString) -> ArraySlice<UInt8>? { fields.first(name) }

    /// The values of all fields of that name, in the order they came.
    public func values(_ name: StaticString) -> [ArraySlice<UInt8>] { fields.values(name) }

    /// Whether the comma-separated lists of all fields of that name hold `token`, letters of either case being equal.
    public func listContains(_ name: StaticString, _ token: StaticString) -> Bool { fields.listContains(name, token) }

    /// The value of a single valid `Content-Length`; nil without one, or when the body is delimited otherwise.
    public var contentLength: Int? {
        do throws(Refusal) {
            return try MessageFraming(fields, minorVersion: minorVersion).contentLength
        } catch {
            return nil
        }
    }
}

/// Why bytes are not the head of a response.
public enum ResponseBreach: Equatable, Sendable, Error {
    /// The first line is not an HTTP/1.x status line (RFC 9112 section 4).
    case invalidStatusLine
    /// A breach of the rules that requests and responses share: lines, fields, lengths.
    case head(Refusal)

    /// One sentence for the person who called the server.
    public var reason: String {
        switch self {
        case .invalidStatusLine: "The server's answer does not begin with an HTTP/1.x status line."
        case .head(let refusal): "The server's answer is not valid HTTP (\(refusal.rawValue))."
        }
    }
}

/// What the bytes from a server are so far.
public enum ResponseHeadParse: Sendable {
    /// The head is not complete: call again when there are more bytes.
    case needMore
    /// A head; it took that many bytes.
    case head(ResponseHead, consumed: Int)
    /// Not HTTP/1.x; every further call says the same.
    case invalid(ResponseBreach)
}

/// Parses the head of a response (RFC 9112 section 4), for Sluice's own client. Called like ``RequestHeadParser``.
public struct ResponseHeadParser: Sendable {
    private struct StatusLine {
        var minorVersion: Int
        var statusCode: Int
        var reasonRange: Range<Int>
    }

    private enum Phase {
        case statusLine(searched: Int)
        case fields(StatusLine)
        case invalid(ResponseBreach)
    }

    private let limits: Limits
    private var phase = Phase.statusLine(searched: 0)
    private var scanner = FieldLineScanner(start: 0)

    /// A parser at the beginning of a response.
    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Reads on. `bytes` begins where the head begins and holds all of it that has come; they are not kept.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> ResponseHeadParse {
        let visible = UnsafeRawBufferPointer(rebasing: bytes.prefix(limits.maxHeadBytes))
        do throws(ResponseBreach) {
            guard let parsed = try advance(visible) else {
                guard bytes.count >= limits.maxHeadBytes else { return .needMore }
                throw .head(.headTooLong)
            }
            phase = .statusLine(searched: 0)
            return .head(parsed.head, consumed: parsed.consumed)
        } catch {
            phase = .invalid(error)
            return .invalid(error)
        }
    }

    private mutating func advance(
        _ head: UnsafeRawBufferPointer
    ) throws(ResponseBreach) -> (head: ResponseHead, consumed: Int)? {
        while true {
            switch phase {
            case .statusLine(let searched):
                guard let lineFeed = firstLineFeed(in: head, from: searched) else {
                    phase = .statusLine(searched: head.count)
                    return nil
                }
                let line = try Self.statusLine(head, lineFeed: lineFeed)
                scanner = FieldLineScanner(start: lineFeed + 1)
                phase = .fields(line)
            case .fields(let line):
                switch scanner.advance(head, maxFields: limits.maxFields) {
                case .needMore:
                    return nil
                case .end(let end):
                    let fields = HeaderFields(bytes: Array(head[..<end]), entries: scanner.entries)
                    let parsed = ResponseHead(
                        minorVersion: line.minorVersion, statusCode: line.statusCode, reasonRange: line.reasonRange,
                        fields: fields)
                    return (parsed, end)
                case .refused(let refusal):
                    throw .head(refusal)
                }
            case .invalid(let breach):
                throw breach
            }
        }
    }

    /// `HTTP/1.` digit, space, three digits, and a space with the reason phrase, which some servers leave out.
    private static func statusLine(_ head: UnsafeRawBufferPointer, lineFeed: Int) throws(ResponseBreach) -> StatusLine {
        guard lineFeed > 0, head[lineFeed - 1] == UInt8(ascii: "\r") else { throw .head(.bareLineFeed) }
        let end = lineFeed - 1
        let pattern: StaticString = "HTTP/1.x xxx"
        let fits = pattern.withUTF8Buffer { pattern in
            end >= pattern.count
                && pattern.indices.allSatisfy { index in
                    pattern[index] == UInt8(ascii: "x")
                        ? ByteClass.isDigit(head[index]) : head[index] == pattern[index]
                }
        }
        guard fits, end == 12 || head[12] == UInt8(ascii: " "), head[9] != UInt8(ascii: "0") else {
            throw .invalidStatusLine
        }
        guard head[12..<end].allSatisfy(ByteClass.isFieldContent) else { throw .invalidStatusLine }
        let code = head[9..<12].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return StatusLine(
            minorVersion: head[7] == UInt8(ascii: "0") ? 0 : 1, statusCode: code, reasonRange: min(13, end)..<end)
    }
}
