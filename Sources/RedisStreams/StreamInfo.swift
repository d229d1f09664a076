public import EventLog

/// What `XINFO STREAM` tells.
public struct StreamInfo: Equatable, Sendable {
    /// Entries that are there.
    public var length: UInt64
    /// The highest ID that was ever given out.
    public var lastGeneratedID: StreamID
    public var firstEntryID: StreamID?
    /// The field `data` of the first entry.
    public var firstEntryData: [UInt8]?
    public var lastEntryID: StreamID?
    /// The field `data` of the last entry.
    public var lastEntryData: [UInt8]?
    /// Entries that were ever added; Redis 7 and later.
    public var entriesAdded: UInt64?
    /// The highest ID that was deleted (`XDEL`) or trimmed exactly; nil if none was, and before Redis 7.
    public var maxDeletedEntryID: StreamID?

    public enum Parsed: Equatable, Sendable {
        case info(StreamInfo)
        /// There is no such stream.
        case missing
        /// Redis refused or answered something else: a sentence.
        case failed(ServerError)
    }

    public static func parse(_ reply: Reply) -> Parsed {
        switch reply {
        case .error(let text):
            let error = ServerError(text)
            return error.kind == .noSuchKey ? .missing : .failed(error)
        case .array(let parts):
            var values: [String: Reply] = [:]
            for index in stride(from: 0, to: parts.count - 1, by: 2) {
                if let name = parts[index].text { values[name] = parts[index + 1] }
            }
            guard let length = values["length"]?.unsigned,
                let lastID = values["last-generated-id"]?.streamID
            else { return .failed(ServerError("XINFO STREAM was answered without length or last-generated-id")) }
            let firstEntry = values["first-entry"]?.entry
            let lastEntry = values["last-entry"]?.entry
            return .info(
                StreamInfo(
                    length: length, lastGeneratedID: lastID, firstEntryID: firstEntry?.id,
                    firstEntryData: firstEntry?.data, lastEntryID: lastEntry?.id, lastEntryData: lastEntry?.data,
                    entriesAdded: values["entries-added"]?.unsigned,
                    maxDeletedEntryID: values["max-deleted-entry-id"]?.streamID.flatMap { $0 == .zero ? nil : $0 }))
        case .status, .integer, .string, .null:
            return .failed(ServerError("XINFO STREAM was answered with something else than a table"))
        }
    }
}

extension Reply {
    fileprivate var unsigned: UInt64? {
        if case .integer(let value) = self { return UInt64(exactly: value) }
        return nil
    }

    fileprivate var streamID: StreamID? {
        if case .string(let text) = self { return text.withUnsafeBytes { StreamID(text: $0) } }
        return nil
    }
}
