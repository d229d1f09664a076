public import EventLog
import Glibc

/// Whether the global stream still is the one that was read, and nothing was removed from it unread.
///
/// IDs alone do not tell: a stream that was deleted and written anew, or another primary's, may have lower ones, or the
/// same ones for other entries. What tells is an entry that was read, the anchor: as long as it is there with the same
/// bytes, the stream is the same, and, since streams are trimmed from their beginning, all behind it is there too. Only
/// when it is not, `XINFO STREAM` is asked, and judged here. Sans-I/O.
public struct StreamContinuity: Sendable {
    /// An entry that was read; or where reading begins anew, the first that is to be read.
    public struct Anchor: Equatable, Sendable {
        public let id: StreamID
        /// Nil: it has no field "data".
        public let data: [UInt8]?

        public init(id: StreamID, data: [UInt8]?) {
            self.id = id
            self.data = data
        }

        /// Whether an entry with its ID has the same bytes, or none either.
        public func holds(_ other: UnsafeRawBufferPointer?) -> Bool {
            guard let data, let other else { return data == nil && other == nil }
            // Sound: both have as many bytes as are compared.
            return data.withUnsafeBytes { data in
                guard data.count == other.count, let mine = data.baseAddress, let others = other.baseAddress else {
                    return data.count == other.count
                }
                return memcmp(mine, others, data.count) == 0
            }
        }
    }

    public enum Verdict: Equatable, Sendable {
        /// Nothing is lost: read on.
        case continues
        /// Entries were removed before they were read. What comes next has an ID above `floor`.
        case hole(floor: StreamID)
        /// The stream begins anew.
        /// - Parameters:
        ///   - common: IDs up to here are in the past still.
        ///   - floor: whatever is written from now on has an ID above it.
        case replaced(common: StreamID, floor: StreamID)
        /// It has entries that were not read where all should have been: look for the last one that was, from this ID on
        /// backwards.
        case differs(from: StreamID)
    }

    /// Everything up to this ID was read.
    public private(set) var lastID: StreamID
    /// Entries read.
    public private(set) var readCount = 0
    /// Nil if the stream had no entry: then nothing that comes is behind another.
    public private(set) var anchor: Anchor?
    /// Entries ever added up to ``lastID``; nil when that is not known (before Redis 7 it never is).
    private var added: UInt64?
    /// The stream's first entry when it was looked at last: a stream that still begins with it is the same.
    private var firstID: StreamID?
    /// Nothing was read since the last hole or replacement.
    private var isFresh = false
    /// There was no stream when it was looked for last.
    private var isMissing: Bool

    /// - Parameter info: how the stream stands when reading begins behind all it has; nil if there is none.
    public init(_ info: StreamInfo?) {
        lastID = info?.lastGeneratedID ?? .zero
        added = info.map { $0.entriesAdded } ?? 0
        isMissing = info == nil
        firstID = info?.firstEntryID
        anchor = info?.last
    }

    /// An entry was read.
    public mutating func read(_ id: StreamID) { read(1, first: id, last: id) }

    /// Some entries in a row were read, at least one.
    public mutating func read(_ count: Int, first: StreamID, last: StreamID) {
        if isMissing { firstID = first }
        isFresh = false
        readCount += count
        lastID = last
        added = added.map { $0 + UInt64(count) }
        isMissing = false
    }

    /// The last entry of a reply: what is asked for from now on.
    public mutating func anchor(_ id: StreamID, _ data: [UInt8]?) { anchor = Anchor(id: id, data: data) }

    /// Whether all that came behind this place, which has no anchor, is there still.
    /// - Parameters:
    ///   - info: how the stream stands now; nil if there is none.
    ///   - isRead: entries behind this place were read before.
    public func hasAllBehind(_ info: StreamInfo?, isRead: Bool) -> Bool {
        guard let info else { return isMissing && !isRead }
        if let first = info.firstEntryID, first <= lastID { return false }
        return isWhole(info) ?? (info.firstEntryID != nil || info.lastGeneratedID == lastID)
    }

    /// Whether nothing was removed but what was read, as the counts say; nil: they do not.
    private func isWhole(_ info: StreamInfo) -> Bool? {
        guard let added, let total = info.entriesAdded else { return nil }
        return total >= added && total - added == info.length
    }

    /// The anchor was not found as it was; or there is none.
    /// - Parameters:
    ///   - info: nil if there is no stream.
    ///   - serverMilliseconds: the server's clock, read before.
    public func judge(_ info: StreamInfo?, serverMilliseconds: UInt64) -> Verdict {
        let now = StreamID(milliseconds: serverMilliseconds, sequence: 0).predecessor
        let gone = Verdict.replaced(common: min(lastID, now), floor: now)
        guard let info else { return isMissing ? .continues : gone }
        if isMissing { return isWhole(info) ?? true ? .continues : hole(info) }
        if info.lastGeneratedID < lastID {
            return info.firstEntryID == nil ? gone : .differs(from: info.lastGeneratedID)
        }
        if let first = info.firstEntryID, first <= lastID { return .differs(from: lastID) }
        // All that was read was removed, and perhaps more.
        return isWhole(info) ?? (info.lastGeneratedID == lastID) ? .continues : hole(info)
    }

    /// What is left is read, from its first entry on; unless nothing was read since the last time that reading began anew: then
    /// entries may go faster than they can be asked for, and what comes from now on is read.
    private func hole(_ info: StreamInfo) -> Verdict {
        .hole(floor: isFresh ? info.lastGeneratedID : info.firstEntryID?.predecessor ?? info.lastGeneratedID)
    }

    /// The verdict on a stream that differs, when the last entry that it has in common with what was read was looked for.
    /// - Parameters:
    ///   - common: that entry's ID; nil if there is none among those that are still known.
    ///   - isNewest: whether it is the newest entry up to ``lastID``.
    ///   - known: the lowest ID whose entries are known.
    ///   - knownCount: entries that are known.
    public func judge(
        _ info: StreamInfo, common: StreamID?, isNewest: Bool, known: StreamID, knownCount: UInt64
    ) -> Verdict {
        if let common {
            // Where the newest is ours, what is missing behind it was deleted, or lost by a primary that has gone on since.
            return isNewest && info.lastGeneratedID >= lastID ? .continues : .replaced(common: common, floor: common)
        }
        let begin = info.firstEntryID?.predecessor ?? info.lastGeneratedID
        if begin >= known || isYounger(info, knownCount: knownCount) {
            return .replaced(common: begin, floor: begin)
        }
        // It goes back to before what is known: there it will be the same.
        let common = min(known, info.lastGeneratedID)
        return .replaced(common: common, floor: common)
    }

    /// Whether the stream, as far as its counts tell, cannot be a continuation of the one that was there when what is
    /// known began.
    private func isYounger(_ info: StreamInfo, knownCount: UInt64) -> Bool {
        if let firstID, info.firstEntryID == firstID { return false }
        guard let added, let total = info.entriesAdded, added >= knownCount else { return false }
        let older = added - knownCount
        // Nothing lay before what is known; or there is less than lay there, and none of it was ever trimmed.
        return older == 0 || (total < older && total == info.length)
    }

    /// Goes by a verdict.
    /// - Parameters:
    ///   - isAfterSearch: it came of looking for the last common entry: the counts so far are another stream's.
    ///   - found: the newest entry at or below the place where reading goes on that was seen in the search, if any was.
    public mutating func accept(
        _ verdict: Verdict, _ info: StreamInfo?, isAfterSearch: Bool = false, found: Anchor? = nil
    ) {
        firstID = info?.firstEntryID
        switch verdict {
        case .continues:
            if isAfterSearch { added = nil }
            if info?.lastGeneratedID == lastID { added = info?.entriesAdded }
            // If nothing of it was read, nothing of it was removed.
            anchor = found ?? (info?.lastGeneratedID == lastID ? info?.last : info?.first)
            isMissing = info == nil
        case .hole(let floor):
            lastID = max(lastID, floor)
            isMissing = false
            isFresh = true
            let isAtEnd = info?.lastGeneratedID == lastID
            anchor = isAtEnd ? info?.last : info?.first
            let isAtFirst = info?.firstEntryID?.predecessor == lastID
            // Where what was read of it has gone meanwhile, how many came before is not known.
            added = isAtEnd ? info?.entriesAdded : isAtFirst ? info?.entriesRemoved : nil
        case .replaced(let common, _):
            let isWholeNew = info?.firstEntryID.map { common < $0 } ?? true
            let begin = info?.firstEntryID == nil ? info?.lastGeneratedID : nil
            lastID = isWholeNew ? begin ?? .zero : common
            added = isWholeNew ? info.map { $0.entriesRemoved } ?? 0 : nil
            anchor = isWholeNew ? info?.first : found ?? info?.first
            isMissing = info == nil
            isFresh = true
        case .differs:
            break
        }
    }
}

extension StreamInfo {
    /// Entries that were added and are not there any more.
    fileprivate var entriesRemoved: UInt64? { entriesAdded.map { $0 - min($0, length) } }
    fileprivate var first: StreamContinuity.Anchor? { firstEntryID.map { .init(id: $0, data: firstEntryData) } }
    fileprivate var last: StreamContinuity.Anchor? { lastEntryID.map { .init(id: $0, data: lastEntryData) } }
}
