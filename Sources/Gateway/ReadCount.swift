/// How many entries are asked for at once: as many as the settings say, or what a reply may hold of larger ones.
struct ReadCount {
    /// Entries.
    private(set) var now: Int
    private let most: Int
    /// Bytes of a reply that are kept.
    private let limit: Int

    init(most: Int, limit: Int) {
        now = most
        self.most = most
        self.limit = limit
    }

    /// A reply had more than is kept at once.
    /// - Parameter kept: entries that were kept of it.
    mutating func replyWasCut(kept: Int) { now = max(kept, 1) }

    /// A reply was taken whole.
    mutating func replyHad(entries: Int, bytes: Int) {
        if entries >= now, bytes < limit / 4 { now = min(now * 2, most) }
    }
}
