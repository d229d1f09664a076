/// What went wrong in a helper: a sentence for the test's output.
public struct Failure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
