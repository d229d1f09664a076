/// Why a command ends with exit status 1: sentences for the person who called it, each a line of its own on standard
/// error.
struct CommandFailure: Error, Equatable {
    let sentences: [String]

    init(_ sentences: String...) { self.sentences = sentences }
    init(_ sentences: [String]) { self.sentences = sentences }
}
