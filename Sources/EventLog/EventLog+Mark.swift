extension EventLog {
    /// A body of no more bytes than this costs little to ask for.
    private static let shortMark = 4096
    private static let marksConsidered: EventNumber = 16

    /// An event by which the stream that was read is known again: the newest, or one of the few before it that is shorter.
    /// Nil while nothing was read since the last ``Break``.
    public var mark: HistoryEntry? {
        var best: (batch: Batch, index: Int)?
        var number = lastNumber
        while number > max(floorNumber, heldNumber), lastNumber - number < Self.marksConsidered,
            let place = locate(number)
        {
            let length = place.batch.body(place.index).count
            if best.map({ length < $0.batch.body($0.index).count }) ?? true { best = place }
            if length <= Self.shortMark { break }
            number -= 1
        }
        return best.map { batch, index in
            HistoryEntry(id: batch.entries[index].id, body: [UInt8](batch.body(index)))
        }
    }
}
