/// Whether a connection is given its channel's events each once and in order: the producer numbers them from 0.
struct SequenceChecker: Sendable {
    /// The number that must come next.
    private(set) var next: UInt32
    /// Events that were passed over.
    private(set) var lost = 0
    /// Events that came a second time, or too late.
    private(set) var doubled = 0

    init(next: UInt32 = 0) { self.next = next }

    /// Takes the next event's number. - Returns: by how many events the connection came forward; 0 for a double.
    mutating func receive(_ number: UInt32) -> Int {
        guard number >= next else {
            doubled += 1
            return 0
        }
        let step = Int(number - next) + 1
        lost += step - 1
        next = number + 1
        return step
    }

    /// No more will come, and there were events up to and without `end`.
    mutating func finish(end: UInt32) {
        guard end > next else { return }
        lost += Int(end - next)
        next = end
    }
}
