import Glibc

/// Whole files, read at once.
public enum FileBytes {
    /// Why a file was not read: a phrase such as `No such file or directory`.
    public struct Failure: Error, Equatable, Sendable {
        /// The phrase.
        public let reason: String
        let code: Int32?

        /// Whether the file is not there at all.
        var isAbsence: Bool { code == ENOENT }
    }

    /// Reads a file. Blocks for as long as its file system does.
    /// - Parameter limit: in bytes; keeps a wrong path (a device, a database) from filling memory.
    public static func read(_ path: String, atMost limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }

        // One byte more than allowed tells a full file from one that is too long.
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                // Sound: the slice lies within the array, which outlives the call.
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                return Glibc.read(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw failure(code)
            }
            if count == 0 { break }
            filled += count
        }
        guard filled <= limit else { throw Failure(reason: "it is longer than \(limit) bytes", code: nil) }
        return Array(bytes[..<filled])
    }

    private static func failure(_ code: Int32) -> Failure {
        // Sound: strerror gives a C string that holds until the next call, and it is copied at once.
        Failure(reason: strerror(code).map { String(cString: $0) } ?? "error \(code)", code: code)
    }
}
