/// The ID of an entry of a stream, as the checker reads it: written anew rather than taken from `EventLog`, whose work it
/// judges.
struct EntryID: Comparable, Hashable, Sendable, CustomStringConvertible {
    var milliseconds: Int
    var sequence: Int

    init(_ milliseconds: Int, _ sequence: Int = 0) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = Int(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        // A place before an ID ends with the highest sequence there is.
        self.init(milliseconds, Int(clamping: sequence))
    }

    var description: String { "\(milliseconds)-\(sequence)" }

    static func < (a: EntryID, b: EntryID) -> Bool {
        a.milliseconds != b.milliseconds ? a.milliseconds < b.milliseconds : a.sequence < b.sequence
    }
}
