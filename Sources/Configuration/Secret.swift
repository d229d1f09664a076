/// A password or key that keeps out of logs: printed, interpolated, dumped or mirrored, it shows `<redacted>`, or
/// `<empty>` when there is nothing to hide. Only ``reveal()`` gives the bytes.
public struct Secret: Sendable, Equatable {
    private let bytes: [UInt8]

    /// The UTF-8 bytes of `text`.
    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// These very bytes.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether there is no secret.
    public var isEmpty: Bool { bytes.isEmpty }

    /// Length in bytes.
    public var count: Int { bytes.count }

    /// The secret itself. Do not log what this gives.
    public func reveal() -> [UInt8] { bytes }

    func begins(with prefix: String) -> Bool {
        bytes.starts(with: prefix.utf8)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `<redacted>` or `<empty>`.
    public var description: String { isEmpty ? "<empty>" : "<redacted>" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without children, so that `dump` and reflection find nothing.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
