import CHiredis

/// Bytes from Redis into replies (RESP2): whole ones by hiredis' reader, a stream's entries in place by
/// ``StreamEntryDecoder``.
///
/// Confined to one thread. A reader that has met bytes that are no RESP says so from then on: drop the connection.
public final class ReplyReader {
    public enum Outcome {
        /// More bytes are needed.
        case needMore
        case reply(Reply)
        /// Not RESP: a sentence.
        case protocolError(String)
    }

    /// Fed and not taken yet; what hiredis has is no longer in it.
    private var input = ReplyInput()
    private let tape: ReplyTape
    private let reader: UnsafeMutablePointer<redisReader>?
    /// hiredis may hold bytes that it has not parsed.
    private var isInHiredis = false
    private let sink: UnsafeMutablePointer<sluice_reply_sink>
    private var failure: String?

    /// What hiredis has come to.
    private enum Progress: Equatable {
        case needMore
        /// The tokens on the tape end with the end of a reply.
        case complete
        case failed(String)
    }

    public init() {
        let tape = ReplyTape()
        self.tape = tape
        sink = .allocate(capacity: 1)
        // The callbacks are only called from within `advance`, while `self` and so the tape are alive.
        sink.initialize(
            to: sluice_reply_sink(
                context: Unmanaged.passUnretained(tape).toOpaque(),
                string: { context, type, bytes, length in
                    let tape = ReplyReader.tape(context)
                    let offset = tape.store(UnsafeRawBufferPointer(start: bytes, count: length))
                    switch type {
                    case REDIS_REPLY_ERROR: tape.append(.error(offset: offset, length: length))
                    case REDIS_REPLY_STATUS: tape.append(.status(offset: offset, length: length))
                    default: tape.append(.string(offset: offset, length: length))
                    }
                },
                array: { context, count in ReplyReader.tape(context).append(.array(count: Int(count))) },
                integer: { context, value in ReplyReader.tape(context).append(.integer(value)) },
                null: { context in ReplyReader.tape(context).append(.null) }))
        reader = sluice_reader_create(sink)
    }

    deinit {
        if let reader { redisReaderFree(reader) }
        sink.deinitialize(count: 1)
        sink.deallocate()
    }

    /// Sound: the context is the tape of the reader whose `advance` is running.
    private static func tape(_ context: UnsafeMutableRawPointer?) -> ReplyTape {
        Unmanaged<ReplyTape>.fromOpaque(context!).takeUnretainedValue()
    }

    /// Takes bytes as they came from the socket; they are copied.
    ///
    /// What is in memory at a time is what was fed and not yet parsed, and the largest entry or string that is still
    /// arriving: taking what is whole after each piece keeps that close to one entry.
    public func feed(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
        input.append(bytes)
    }

    /// Memory for the socket to write to where the bytes will be read: ``feed(_:)`` without the copy. Valid until the reader
    /// is used again; ``wrote(_:)`` says how much of it was written.
    public func room() -> UnsafeMutableRawBufferPointer { input.room() }

    /// The first `count` bytes of ``room()`` were written.
    public func wrote(_ count: Int) { input.wrote(count) }

    /// Bytes that are allocated for what arrives.
    var footprint: Int { input.capacity + tape.footprint }

    // MARK: In place

    /// What is there to be read in place; nil when the reader has failed. Valid until the reader is fed.
    func beginInPlace() -> UnsafeRawBufferPointer? {
        if isInHiredis { takeBack() }
        return failure == nil ? input.bytes : nil
    }

    /// The first bytes of what was there were taken.
    func drop(_ count: Int) {
        if count > 0 { input.dropFirst(count) }
    }

    /// A reply is over, and nothing points into it any more.
    func trim() { input.trim() }

    /// From now on there is nothing to be had.
    func fail(_ text: String) {
        if failure == nil { failure = text }
    }

    /// What hiredis was given beyond the replies that were taken.
    private func takeBack() {
        isInHiredis = false
        guard let reader else { return }
        let left = sluice_reader_unparsed(reader)
        // Sound: the bytes are hiredis' own until it is called again, and are copied here.
        input.prepend(UnsafeRawBufferPointer(start: left.bytes, count: left.length))
        sluice_reader_forget(reader)
    }

    // MARK: Whole replies

    private var errorText: String {
        reader.map { String(cString: sluice_reader_error($0)) } ?? "out of memory"
    }

    /// Parses on, up to the end of a reply at the most.
    private func advance() -> Progress {
        guard let reader else { return .failed("hiredis has no memory for a reader") }
        if let failure { return .failed(failure) }
        if !input.isEmpty {
            let bytes = input.bytes
            let result = redisReaderFeed(reader, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
            guard result == REDIS_OK else {
                let text = "hiredis could not take what Redis sent: \(errorText)"
                failure = text
                return .failed(text)
            }
            input.dropFirst(bytes.count)
            input.trim()
            isInHiredis = true
        }
        // The callbacks use the tape, which nothing else here would keep alive.
        switch withExtendedLifetime(tape, { sluice_reader_next(reader) }) {
        case 1: return .complete
        case 0: return .needMore
        default:
            let text = "Redis sent something that is no reply: \(errorText)"
            failure = text
            return .failed(text)
        }
    }

    /// The next whole reply. Not to be mixed with a ``StreamEntryDecoder`` in the middle of a reply.
    public func nextReply() -> Outcome {
        switch advance() {
        case .needMore: return .needMore
        case .failed(let text): return .protocolError(text)
        case .complete:
            guard let reply = Reply(tape) else {
                let text = "Redis sent a reply that is nested more than \(Reply.maximumDepth) levels deep"
                failure = text
                return .protocolError(text)
            }
            tape.dropFirst(tape.tokens.count)
            return .reply(reply)
        }
    }
}
