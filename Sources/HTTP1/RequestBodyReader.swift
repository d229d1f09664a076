/// Takes a request's body off its connection, by its length or in chunks (RFC 9112 sections 6 and 7.1), up to a limit.
///
/// What comes of the bytes does not depend on how they are cut. What is allocated grows with what has arrived, and never
/// with what was announced.
public struct RequestBodyReader: Sendable {
    public enum Progress: Equatable, Sendable {
        case needMore
        /// ``bytes`` is the body; what follows is another request.
        case complete
        /// Where the body ends is not known, or it is too long: the connection cannot be read any further.
        case refused(Refusal)
    }

    /// Every way in which a body can be wrong.
    public enum Refusal: String, Equatable, Sendable, CaseIterable {
        case tooLarge
        /// A chunk's size is not hexadecimal digits, or beyond 63 bits.
        case invalidChunkSize
        /// A line of the framing does not end in CRLF: requests have been smuggled past proxies that took less.
        case invalidLineEnd
        /// Chunk extensions or trailers go on for ever.
        case framingTooLong

        /// One sentence, without any of the peer's bytes.
        public var reason: String {
            switch self {
            case .tooLarge: "The body is too large."
            case .invalidChunkSize: "A chunk's size is not a hexadecimal number."
            case .invalidLineEnd: "A line between the chunks does not end in CRLF."
            case .framingTooLong: "The chunks have too many extensions or trailers."
            }
        }
    }

    private enum State: Equatable {
        /// Bytes of the body are to come, by `Content-Length`.
        case length(Int)
        /// In a chunk's size.
        case size(value: Int, digits: Int)
        /// Behind it: extensions are passed over.
        case sizeExtension
        case sizeLineFeed(Int)
        case data(Int)
        case dataReturn
        case dataLineFeed
        /// At the beginning of a trailer's line; an empty one ends the body.
        case trailerStart
        case trailer
        case trailerLineFeed
        case lastLineFeed
        case complete
        case refused(Refusal)
    }

    /// What has come of the body so far.
    public private(set) var bytes: [UInt8] = []
    private var state: State
    private let limit: Int
    /// The size of the chunk whose extensions are being passed over.
    private var chunkSize = 0
    /// Bytes of extensions and trailers so far, all chunks together.
    private var framing = 0

    /// Extensions and trailers, which nobody sends, may take this many bytes in all.
    public static let maxFramingBytes = 4096

    /// - Parameters:
    ///   - head: of the request.
    ///   - limit: the most bytes of a body.
    public init(_ head: RequestHead, limit: Int) {
        self.limit = limit
        state = head.isChunked ? .size(value: 0, digits: 0) : .length(head.contentLength ?? 0)
    }

    /// Takes what has arrived.
    /// - Parameter consumed: how much of it belongs to the body; all unless the body is complete.
    public mutating func take(_ input: UnsafeRawBufferPointer, consumed: inout Int) -> Progress {
        consumed = 0
        while true {
            switch state {
            case .length(0):
                state = .complete
            case .complete:
                return .complete
            case .refused(let refusal):
                return .refused(refusal)
            case .length(let left):
                guard left <= limit - bytes.count else {
                    state = .refused(.tooLarge)
                    continue
                }
                guard consumed < input.count else { return .needMore }
                state = .length(left - copy(input, &consumed, atMost: left))
            case .data(let left):
                guard consumed < input.count else { return .needMore }
                let taken = copy(input, &consumed, atMost: left)
                state = taken == left ? .dataReturn : .data(left - taken)
            case .size, .sizeExtension, .sizeLineFeed, .dataReturn, .dataLineFeed, .trailerStart, .trailer,
                .trailerLineFeed, .lastLineFeed:
                guard consumed < input.count else { return .needMore }
                state = next(input[consumed])
                consumed += 1
            }
        }
    }

    private mutating func copy(_ input: UnsafeRawBufferPointer, _ consumed: inout Int, atMost count: Int) -> Int {
        let taken = min(count, input.count - consumed)
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[consumed..<consumed + taken]))
        consumed += taken
        return taken
    }

    /// Where a byte of the framing leads.
    private mutating func next(_ byte: UInt8) -> State {
        let carriageReturn = UInt8(ascii: "\r")
        let lineFeed = UInt8(ascii: "\n")
        switch state {
        case .size(let value, let digits):
            if let digit = ByteClass.hexValue(byte) {
                let (shifted, overflow) = value.multipliedReportingOverflow(by: 16)
                return overflow ? .refused(.invalidChunkSize) : .size(value: shifted + Int(digit), digits: digits + 1)
            }
            guard digits > 0 else { return .refused(.invalidChunkSize) }
            chunkSize = value
            if byte == carriageReturn { return .sizeLineFeed(value) }
            guard byte == UInt8(ascii: ";") || ByteClass.isWhitespace(byte) else { return .refused(.invalidChunkSize) }
            return countFraming(.sizeExtension)
        case .sizeExtension:
            if byte == carriageReturn { return .sizeLineFeed(chunkSize) }
            return byte == lineFeed ? .refused(.invalidLineEnd) : countFraming(.sizeExtension)
        case .sizeLineFeed(let size):
            guard byte == lineFeed else { return .refused(.invalidLineEnd) }
            if size == 0 { return .trailerStart }
            return size <= limit - bytes.count ? .data(size) : .refused(.tooLarge)
        case .dataReturn:
            return byte == carriageReturn ? .dataLineFeed : .refused(.invalidLineEnd)
        case .dataLineFeed:
            return byte == lineFeed ? .size(value: 0, digits: 0) : .refused(.invalidLineEnd)
        case .trailerStart:
            if byte == carriageReturn { return .lastLineFeed }
            return byte == lineFeed ? .refused(.invalidLineEnd) : countFraming(.trailer)
        case .trailer:
            if byte == carriageReturn { return .trailerLineFeed }
            return byte == lineFeed ? .refused(.invalidLineEnd) : countFraming(.trailer)
        case .trailerLineFeed:
            return byte == lineFeed ? .trailerStart : .refused(.invalidLineEnd)
        case .lastLineFeed:
            return byte == lineFeed ? .complete : .refused(.invalidLineEnd)
        case .length, .data, .complete, .refused:
            return state
        }
    }

    private mutating func countFraming(_ next: State) -> State {
        framing += 1
        return framing > Self.maxFramingBytes ? .refused(.framingTooLong) : next
    }
}
