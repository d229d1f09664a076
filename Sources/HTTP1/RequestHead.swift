/// A request line and its header fields, checked as ``RequestHeadParser`` promises.
///
/// Owns one copy of the head's bytes and a table of the fields (two allocations); whatever it hands out as
/// `ArraySlice` shares that copy. The bytes are those of the wire: header values may hold any byte from 0x80 on.
public struct RequestHead: Sendable {
    /// The methods of RFC 9110 section 9 and RFC 5789; names are case-sensitive.
    public enum Method: Sendable, Hashable, CaseIterable {
        case get, head, post, put, delete, options, patch, trace, connect
        /// Any other token; see ``RequestHead/methodBytes``.
        case other

        init(_ name: UnsafeRawBufferPointer) {
            func isNamed(_ text: StaticString) -> Bool { text.withUTF8Buffer { $0.elementsEqual(name) } }
            if isNamed("GET") {
                self = .get
            } else if isNamed("HEAD") {
                self = .head
            } else if isNamed("POST") {
                self = .post
            } else if isNamed("PUT") {
                self = .put
            } else if isNamed("DELETE") {
                self = .delete
            } else if isNamed("OPTIONS") {
                self = .options
            } else if isNamed("PATCH") {
                self = .patch
            } else if isNamed("TRACE") {
                self = .trace
            } else if isNamed("CONNECT") {
                self = .connect
            } else {
                self = .other
            }
        }
    }

    /// The method.
    public let method: Method
    /// 0 for HTTP/1.0, 1 for HTTP/1.1 and above (a higher minor version is served as 1.1, RFC 9110 section 2.5).
    public let minorVersion: Int
    /// The header fields.
    public let fields: HeaderFields
    /// The value of `Content-Length`; nil without one.
    public let contentLength: Int?
    /// Whether the body comes in chunks (`Transfer-Encoding`).
    public let isChunked: Bool

    private let methodRange: Range<Int>
    private var requestTarget: RequestTarget
    /// Whether ``below(_:)`` has taken something off the path.
    public private(set) var isBelowMountPoint = false

    init(
        method: Method, methodRange: Range<Int>, target: RequestTarget, minorVersion: Int, fields: HeaderFields,
        framing: MessageFraming
    ) {
        self.method = method
        self.methodRange = methodRange
        self.requestTarget = target
        self.minorVersion = minorVersion
        self.fields = fields
        self.contentLength = framing.contentLength
        self.isChunked = framing.isChunked
    }

    /// The method as it was written: a token.
    public var methodBytes: ArraySlice<UInt8> { fields.bytes[methodRange] }

    /// The whole target as it was written: visible ASCII, not empty.
    public var target: ArraySlice<UInt8> { fields.bytes[requestTarget.whole] }

    /// The target up to the `?`, not percent-decoded. `/` where an absolute target has none, `*` for `OPTIONS *`,
    /// empty for `CONNECT`.
    public var path: ArraySlice<UInt8> {
        if requestTarget.path.isEmpty && method != .connect && !isBelowMountPoint { return [UInt8(ascii: "/")] }
        return fields.bytes[requestTarget.path]
    }

    /// The target behind the `?`, not percent-decoded; nil without one.
    public var query: ArraySlice<UInt8>? { requestTarget.query.map { fields.bytes[$0] } }

    /// The same request to what lies below this path, which is taken off; nil if it does not lie there.
    /// - Parameter mountPoint: such as `/console`: of that path the rest is empty, of `/console/events` it is `/events`.
    public func below(_ mountPoint: StaticString) -> RequestHead? {
        let path = fields.bytes[requestTarget.path]
        let rest = path.dropFirst(mountPoint.utf8CodeUnitCount)
        guard mountPoint.withUTF8Buffer({ path.starts(with: $0) }), rest.isEmpty || rest.first == UInt8(ascii: "/")
        else { return nil }
        var below = self
        below.isBelowMountPoint = true
        below.requestTarget.path = rest.startIndex..<rest.endIndex
        return below
    }

    /// Whether ``path`` is exactly `path`.
    public func hasPath(_ path: StaticString) -> Bool {
        path.withUTF8Buffer { $0.elementsEqual(self.path) }
    }

    /// The value of the first field of that name, names compared without regard to case.
    public func first(_ name: StaticString) -> ArraySlice<UInt8>? { fields.first(name) }

    /// The values of all fields of that name, in the order they came.
    public func values(_ name: StaticString) -> [ArraySlice<UInt8>] { fields.values(name) }

    /// Whether the comma-separated lists of all fields of that name hold `token`, letters of either case being equal.
    public func listContains(_ name: StaticString, _ token: StaticString) -> Bool { fields.listContains(name, token) }

    /// Where the request is meant to go: the authority of an absolute target (RFC 9112 section 3.2.2 sets it above
    /// the field), else the `Host` field. Nil only in HTTP/1.0 without either.
    public var authority: Authority? {
        if let range = requestTarget.authority { return Authority(fields.bytes[range]) }
        return first("host").flatMap { Authority($0) }
    }

    /// The text of ``authority``, host and port as they were written; empty only in HTTP/1.0 without one.
    public var host: String {
        if let range = requestTarget.authority { return String(decoding: fields.bytes[range], as: UTF8.self) }
        return first("host").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Whether the client wants the connection kept (RFC 9112 section 9.3): HTTP/1.1 without `Connection: close`. An
    /// HTTP/1.0 connection is never kept.
    public var keepAlive: Bool { minorVersion >= 1 && !listContains("connection", "close") }

    /// Whether a body follows. Who does not read it must close the connection after the answer, or would take the
    /// body for the next request.
    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

    /// Whether the content's type is this one, whatever its parameters (RFC 9110 section 8.3); letters of either case are
    /// equal.
    public func hasContentType(_ type: StaticString) -> Bool {
        let values = values("content-type")
        guard values.count == 1, let value = values.first else { return false }
        let essence = value.prefix { $0 != UInt8(ascii: ";") }.trimmed
        return type.withUTF8Buffer { essence.equalsIgnoringCase($0) }
    }

    /// What `Expect` asks for (RFC 9110 section 10.1.1).
    public enum Expectation: Sendable, Equatable {
        case nothing
        /// The answer 100 before the body is sent.
        case goOn
        case unknown
    }

    /// What the client expects; in HTTP/1.0 that does not count.
    public var expectation: Expectation {
        guard minorVersion >= 1 else { return .nothing }
        var expectation = Expectation.nothing
        fields.forEachElement("expect") { element in
            let goOn: StaticString = "100-continue"
            expectation = goOn.withUTF8Buffer { element.equalsIgnoringCase($0) } ? .goOn : .unknown
            return expectation == .goOn
        }
        return expectation
    }

    /// The value of the first query parameter of that name, decoded as browsers encode forms: `%XX` is the byte, `+`
    /// is a space, a `%` without two hexadecimal digits is itself. A parameter without `=` has an empty value.
    public func queryParameter(_ name: StaticString) -> [UInt8]? {
        query.flatMap { Query.value(of: name, in: $0) }
    }

    /// The token that the client gave by itself, rather than by a cookie.
    public var bearerToken: BearerToken { BearerToken(fields) }

    /// The value of the first cookie of that name, in all `Cookie` fields; quotes around a value are taken off
    /// (RFC 6265 section 4.1.1), nothing is decoded. Names are case-sensitive.
    public func cookies(named name: [UInt8]) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        fields.forEachValue("cookie") { field in
            found = Cookies.value(of: name, in: field)
            return found == nil
        }
        return found
    }
}
