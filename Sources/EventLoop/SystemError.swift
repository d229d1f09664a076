import CLinux
import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call, sometimes with what it was applied to: `connect`, `TLS read (…)`.
    public let operation: String
    /// The `errno` value.
    public let code: Int32

    public init(operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// Captures `errno`; call it before anything else can change it.
    static func last(_ operation: String) -> SystemError {
        let code = errno
        return SystemError(operation: operation, code: code)
    }

    /// For example `connect: Connection refused (errno 111)`.
    public var description: String {
        "\(operation): \(reason)"
    }

    /// For example `Connection refused (errno 111)`: for sentences that already name the operation.
    public var reason: String {
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            // Sound: the buffer outlives the call, and the call ends the text with a zero inside the capacity.
            sluice_error_text(code, buffer.baseAddress, buffer.count)
            return String(cString: buffer.baseAddress!)
        }
        return text.isEmpty ? "errno \(code)" : "\(text) (errno \(code))"
    }
}
