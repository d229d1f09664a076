import Foundation

/// A file that goes away with its owner.
public final class TemporaryFile {
    public let path: String

    public init(_ text: String, extension: String = "json") throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "sluice-\(UUID().uuidString).\(`extension`)"
            ).path
        try write(text)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Puts other contents in its place, in one step.
    public func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    public func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
