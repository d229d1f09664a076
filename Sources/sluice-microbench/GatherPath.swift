import EventLog
import Gateway

/// Events are gathered for a write, one alone as at a steady rate and then eight together. A step is an event.
struct GatherPath: HotPath {
    private var gather = Gather()
    private let batch: Batch
    private let encoding: Encoding

    /// Frames are a slice each; of an event stream the header of the frame is left out, and one event's text and the next
    /// one's head are a slice.
    private let slicesBeside: Int

    init(_ encoding: Encoding, slicesBeside: Int) {
        self.encoding = encoding
        self.slicesBeside = slicesBeside
        var index = BucketIndex(historyBytes: 1 << 20)
        batch = Sample.builder(0..<1000, channels: 1000).seal(index: &index)
    }

    mutating func walk() -> Int {
        var events = 0
        var index = 0
        while index < batch.count - 9 {
            for length in [1, 8] {
                gather.removeAll(for: encoding)
                for _ in 0..<length {
                    gather.add(batch, index)
                    index += 1
                }
                guard gather.slices.count == length + slicesBeside else { fatalError("events are missing") }
                events += length
            }
        }
        return events
    }
}
