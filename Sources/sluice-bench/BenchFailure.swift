/// Why a run could not be carried out: a sentence for the person who started it.
struct BenchFailure: Error, Equatable, CustomStringConvertible {
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }

    var description: String { sentence }
}
