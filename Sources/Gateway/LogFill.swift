import EventLog
import EventLoop
import RedisStreams

/// What is read backwards from the global stream at the start, so that a restarted gateway serves the clients that come
/// back from memory.
final class LogFill {
    /// How long a start may take for it.
    static let maximumMilliseconds: Int64 = 2000

    enum Outcome {
        case needMore
        case taken
        case refused(ServerError)
        /// A sentence.
        case failed(String)
    }

    /// Newest first; within each the oldest event first.
    private var batches: [PendingBatch] = []
    let through: StreamID
    private let capacity: Int
    private let deadline: MonotonicTime
    private var bytes = 0
    private var eventCount = 0
    /// There was nothing further to read.
    private var isExhausted = false
    private var reached: StreamID?
    /// Where the next page begins, going backwards.
    private(set) var next: StreamID
    /// Small at first: nobody knows yet how large this stream's events are.
    private(set) var pageCount = 64
    private static let pageBytes = 1024 * 1024
    /// No more than this is read for the trail alone: enough to fill it with events of a few hundred bytes.
    private static let trailBytes = 8 * pageBytes
    /// How much larger the next page may be: what comes before small events may be large ones.
    private static let maximumGrowth = 4

    private var decoder = StreamEntryDecoder(.range)
    /// The page that is arriving, newest first.
    private var page: [(id: StreamID, data: [UInt8]?)] = []
    private var pageHeld = 0
    /// Entries of the page that were let go: it has more bytes than one page may.
    private var isCut = false

    /// - Parameters:
    ///   - through: the pinned last ID.
    ///   - capacity: `historyBytes`. What is more is read all the same if it takes that to fill the reader's trail.
    init(through: StreamID, capacity: Int, deadline: MonotonicTime) {
        self.through = through
        self.capacity = capacity
        self.deadline = deadline
        next = through
    }

    /// Every event of the stream above this ID, up to the pinned one, is in the batches. Not even a stream of which nothing was
    /// ever removed tells more: it may have been trimmed between two pages, or be one that was begun anew, and what was
    /// removed may still be in its channel's stream.
    var floor: StreamID { reached?.predecessor ?? through }

    func isDone(now: MonotonicTime) -> Bool { isExhausted || (hasLog && hasTrail) || now >= deadline }

    private var hasLog: Bool { bytes >= capacity }
    private var hasTrail: Bool { bytes >= Self.trailBytes || eventCount >= ReadTrail.maximumCount }

    /// Takes what has arrived of a page: the reply to `XREVRANGE`, newest entry first.
    func take(_ replies: ReplyReader, assembler: inout EventAssembler) -> Outcome {
        while true {
            switch decoder.next(replies) {
            case .needMore:
                return .needMore
            case .entry(let id, let data):
                take(id, data)
            case .end, .empty:
                finishPage(assembler: &assembler)
                return .taken
            case .error(let text):
                return .refused(ServerError(text))
            case .protocolError(let text):
                return .failed(text)
            }
        }
    }

    private func take(_ id: StreamID, _ data: UnsafeRawBufferPointer?) {
        let count = data?.count ?? 0
        guard !isCut, page.isEmpty || pageHeld + count <= 4 * Self.pageBytes else {
            isCut = true
            return
        }
        pageHeld += count
        page.append((id, data.map { [UInt8]($0) }))
    }

    private func finishPage(assembler: inout EventAssembler) {
        defer {
            page = []
            pageHeld = 0
            isCut = false
            decoder = StreamEntryDecoder(.range)
        }
        guard let oldest = page.last else {
            isExhausted = true
            return
        }
        var full: [PendingBatch] = []
        var pending: PendingBatch?
        for (id, data) in page.reversed() {
            if let data {
                data.withUnsafeBytes { assembler.append(id, $0, to: &pending) }
            } else {
                assembler.append(id, nil, to: &pending)
            }
            if let batch = pending, batch.byteCount >= StreamReader.batchBytes {
                full.append(batch)
                pending = nil
            }
        }
        if let pending { full.append(pending) }
        let pageBytes = full.reduce(0) { $0 + $1.byteCount }
        bytes += pageBytes
        eventCount += full.reduce(0) { $0 + $1.count }
        batches.append(contentsOf: full.reversed())
        reached = oldest.id
        next = oldest.id.predecessor
        if !isCut, page.count < pageCount { isExhausted = true }
        if oldest.id == .zero { isExhausted = true }
        let average = max(pageBytes / page.count, 256)
        pageCount = min(max(Self.pageBytes / average, 16), pageCount * Self.maximumGrowth, 2048)
    }

    /// Hands out the batches, oldest first, and forgets them.
    func forEachBatch(_ body: (PendingBatch) -> Void) {
        while let batch = batches.popLast() { body(batch) }
    }
}

/// A batch in the making that can be kept in a list.
final class PendingBatch {
    private var builder: BatchBuilder

    init(capacity: Int = 4096) { builder = BatchBuilder(capacity: capacity) }

    var count: Int { builder.count }
    var byteCount: Int { builder.byteCount }

    /// Appends what has come of an answer to `XREAD`.
    func append(_ replies: ReplyReader, by reader: inout BatchReader, limit: Int) -> BatchReader.Stop {
        reader.read(replies, into: &builder, limit: limit)
    }

    func append(id: StreamID, data: UnsafeRawBufferPointer, channel: BatchBuilder.ChannelSource) {
        builder.append(id: id, data: data, channel: channel)
    }

    /// Ends it; it is empty afterwards.
    func seal(index: inout BucketIndex) -> Batch {
        var ended = BatchBuilder(capacity: 0)
        swap(&ended, &builder)
        return ended.seal(index: &index)
    }
}
