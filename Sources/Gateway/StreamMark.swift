import EventLog
import RedisStreams

/// Whether the global stream that is asked now is the one that the log was read from, as far as one look tells.
///
/// When another primary takes over, or the stream is deleted and written anew, a replay may come upon the new one before
/// the reader does. Its IDs mean nothing in the log then: rounds that read both would give events twice, or never. Or it is
/// the reader that has gone on, and the replay still asks the former primary, which follows from afar.
struct StreamMark {
    private let mark: HistoryEntry?
    private let readThrough: StreamID

    init(_ log: borrowing EventLog) {
        mark = log.mark
        readThrough = log.lastID
    }

    /// To be asked together with what is to be of the same stream.
    func questions(_ stream: [UInt8]) -> [Command] {
        mark.map { [.xrange(stream: stream, from: $0.id, to: $0.id, count: 1)] } ?? []
    }

    /// - Parameters:
    ///   - replies: the answers to ``questions(_:)``.
    ///   - facts: the stream's, asked at the same time.
    func isThere(_ replies: ArraySlice<Reply>, _ facts: StreamFacts) -> Bool {
        guard !isAhead(of: facts) else { return false }
        guard let mark else {
            // Nothing was read: all that is there, if anything, must have been there when reading began.
            return facts.lastGenerated == .zero || facts.lastGenerated == readThrough
        }
        guard let (id, data) = replies.first?.entries?.first, id == mark.id, let data else { return false }
        return data.withUnsafeBytes { HistoryEntry(id: id, data: $0) } == mark
    }

    /// Whether the server that was asked has not come as far as the log had read.
    func isAhead(of facts: StreamFacts) -> Bool { mark != nil && facts.lastGenerated < readThrough }
}
