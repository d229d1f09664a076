/// What the bytes of a connection are so far.
public enum HeadParse: Sendable {
    /// The head is not complete: call again when there are more bytes.
    case needMore
    /// A head; it took that many bytes, and what follows them is the body or the next head.
    case head(RequestHead, consumed: Int)
    /// Not a head that is served; every further call says the same.
    case refused(Refusal)
}

/// Parses request heads (RFC 9112 sections 2, 3 and 5), strictly.
///
/// A connection keeps one parser and calls ``parse(_:)`` with all bytes it has of the current head, from the head's
/// first byte, whenever some were added. The parser remembers how far it came: each byte is looked at once, however
/// slowly they come. After a head it is ready for the next one (drop the consumed bytes first).
///
/// A head that is handed out has: a token as method; a target in a form that fits it; version 1.x; fields with valid
/// names and values, none folded; one valid, non-empty `Host` (HTTP/1.0: at most one); at most one opinion on its
/// length.
public struct RequestHeadParser: Sendable {
    /// Empty lines that may stand before a request line (RFC 9112 section 2.2 asks for one at least).
    public static let maxEmptyLines = 4
    /// The longest method in the IANA registry has 17 characters.
    private static let maxMethodBytes = 32

    private enum Phase {
        case emptyLines(seen: Int)
        case emptyLineEnd(seen: Int)
        case method
        case target
        case version
        case fields
        case refused(Refusal)
    }

    private let limits: Limits
    private var phase = Phase.emptyLines(seen: 0)
    /// The next byte to look at, up to the end of the request line.
    private var position = 0
    private var scanner = FieldLineScanner(start: 0)
    /// Where the part that `phase` names begins.
    private var partStart = 0
    private var method = RequestHead.Method.other
    private var methodRange = 0..<0
    private var targetRange = 0..<0
    private var target: RequestTarget?
    private var minorVersion = 1

    /// A parser at the beginning of a connection.
    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Reads on. `bytes` begins where the current head begins and holds all of it that has come; they are not kept.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> HeadParse {
        let visible = UnsafeRawBufferPointer(rebasing: bytes.prefix(limits.maxHeadBytes))
        do throws(Refusal) {
            guard let parsed = try advance(visible) else {
                guard bytes.count >= limits.maxHeadBytes else { return .needMore }
                if case .target = phase { throw .targetTooLong }
                throw .headTooLong
            }
            self = RequestHeadParser(limits: limits)
            return .head(parsed.head, consumed: parsed.consumed)
        } catch {
            phase = .refused(error)
            return .refused(error)
        }
    }

    /// Nil when the bytes are used up.
    private mutating func advance(
        _ head: UnsafeRawBufferPointer
    ) throws(Refusal) -> (head: RequestHead, consumed: Int)? {
        while true {
            switch phase {
            case .emptyLines(let seen):
                guard position < head.count else { return nil }
                switch head[position] {
                case UInt8(ascii: "\r"):
                    guard seen < Self.maxEmptyLines else { throw .tooManyEmptyLines }
                    position += 1
                    phase = .emptyLineEnd(seen: seen + 1)
                case UInt8(ascii: "\n"):
                    throw .bareLineFeed
                case 0x16:
                    // ContentType handshake of a TLSPlaintext record (RFC 8446 section 5.1)
                    throw .tlsHandshake
                default:
                    begin(.method, at: position)
                }
            case .emptyLineEnd(let seen):
                guard position < head.count else { return nil }
                guard head[position] == UInt8(ascii: "\n") else { throw .bareCarriageReturn }
                position += 1
                phase = .emptyLines(seen: seen)
            case .method:
                guard try readMethod(head) else { return nil }
            case .target:
                guard try readTarget(head) else { return nil }
            case .version:
                guard try readVersion(head) else { return nil }
            case .fields:
                switch scanner.advance(head, maxFields: limits.maxFields) {
                case .needMore: return nil
                case .end(let end): return (try finish(head, end), end)
                case .refused(let refusal): throw refusal
                }
            case .refused(let refusal):
                throw refusal
            }
        }
    }

    private mutating func begin(_ next: Phase, at start: Int) {
        phase = next
        position = start
        partStart = start
    }

    /// True when the part is complete, here and below.
    private mutating func readMethod(_ head: UnsafeRawBufferPointer) throws(Refusal) -> Bool {
        while position < head.count {
            let byte = head[position]
            if ByteClass.isToken(byte) {
                guard position - partStart < Self.maxMethodBytes else { throw .methodTooLong }
                position += 1
                continue
            }
            guard byte == UInt8(ascii: " "), position > partStart else {
                throw byte == UInt8(ascii: "\n") ? .bareLineFeed : .invalidMethod
            }
            methodRange = partStart..<position
            method = RequestHead.Method(UnsafeRawBufferPointer(rebasing: head[methodRange]))
            begin(.target, at: position + 1)
            return true
        }
        return false
    }

    private mutating func readTarget(_ head: UnsafeRawBufferPointer) throws(Refusal) -> Bool {
        while position < head.count {
            let byte = head[position]
            if ByteClass.isTarget(byte) {
                guard position - partStart < limits.maxTargetBytes else { throw .targetTooLong }
                position += 1
                continue
            }
            switch byte {
            case UInt8(ascii: " "):
                guard position > partStart else { throw .invalidTarget }
                targetRange = partStart..<position
                begin(.version, at: position + 1)
                return true
            case UInt8(ascii: "\r"): throw .invalidVersion
            case UInt8(ascii: "\n"): throw .bareLineFeed
            default: throw .invalidTarget
            }
        }
        return false
    }

    /// `HTTP/` digit `.` digit CRLF; the name is case-sensitive (RFC 9112 section 2.3).
    private mutating func readVersion(_ head: UnsafeRawBufferPointer) throws(Refusal) -> Bool {
        let pattern: StaticString = "HTTP/x.x\r\n"
        while position < head.count {
            let byte = head[position]
            let index = position - partStart
            let expected = pattern.withUTF8Buffer { $0[index] }
            guard expected == UInt8(ascii: "x") ? ByteClass.isDigit(byte) : byte == expected else {
                guard byte != UInt8(ascii: "\n") else { throw .bareLineFeed }
                throw index == 9 ? .bareCarriageReturn : .invalidVersion
            }
            if index == 7 {
                guard head[partStart + 5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
                minorVersion = byte == UInt8(ascii: "0") ? 0 : 1
            }
            position += 1
            if index == 9 {
                // Not earlier: the preface of HTTP/2, `PRI * HTTP/2.0`, is to be refused for its version.
                target = RequestTarget(head, targetRange, method: method)
                guard target != nil else { throw .invalidTarget }
                scanner = FieldLineScanner(start: position)
                phase = .fields
                return true
            }
        }
        return false
    }

    /// The checks that need all fields.
    private func finish(_ head: UnsafeRawBufferPointer, _ end: Int) throws(Refusal) -> RequestHead {
        let fields = HeaderFields(bytes: Array(head[..<end]), entries: scanner.entries)
        try checkHost(fields)
        let framing = try MessageFraming(fields, minorVersion: minorVersion)
        guard let target else { throw .invalidTarget }
        return RequestHead(
            method: method, methodRange: methodRange, target: target, minorVersion: minorVersion, fields: fields,
            framing: framing)
    }

    /// RFC 9112 section 3.2.
    private func checkHost(_ fields: HeaderFields) throws(Refusal) {
        var count = 0
        fields.forEachValue("host") { _ in
            count += 1
            return true
        }
        guard count <= 1 else { throw .duplicateHost }
        guard let host = fields.first("host") else {
            guard minorVersion == 0 else { throw .missingHost }
            return
        }
        guard Authority(host) != nil else { throw .invalidHost }
    }
}
