/// An event as one of the two streams holds it, in the form in which the two can be compared.
public struct HistoryEntry: Equatable, Sendable {
    /// The ID in the stream it was read from.
    public var id: StreamID
    /// The producer's object without its opening brace, line ends turned into spaces: equal bytes in both streams mean
    /// the same event (among several equal ones the k-th is the k-th).
    public var body: [UInt8]

    public init(id: StreamID, body: [UInt8]) {
        self.id = id
        self.body = body
    }

    /// - Parameter data: a valid JSON object, as the producer wrote it.
    public init(id: StreamID, data: UnsafeRawBufferPointer) {
        self.id = id
        body = [UInt8](data[EventLayout.bodyStart(of: data)...])
        body.withUnsafeMutableBytes { EventLayout.flatten($0) }
    }
}

/// A body as a key: hashed as one block, where `[UInt8]` by itself is hashed byte by byte.
struct BodyKey: Hashable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
