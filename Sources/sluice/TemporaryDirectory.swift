import EventLoop
import Glibc

/// A directory that only this user can look into (mode 0700), for as long as it is needed.
struct TemporaryDirectory: ~Copyable {
    let path: String

    /// Makes one in `TMPDIR`, or in /tmp.
    /// - Parameter roomForName: the longest name of a Unix socket in it: paths of sockets are short.
    init(prefix: String, roomForName: Int) throws(CommandFailure) {
        let configured = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        let ending = "/\(prefix)XXXXXX"
        let fits = ending.utf8.count + configured.utf8.count + 1 + roomForName <= UnixSocketPath.maxBytes
        let parent = configured.hasPrefix("/") && fits ? configured : "/tmp"
        var template = Array((parent + ending).utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            // Sound: mkdtemp changes the six X in place and gives the same pointer back.
            mkdtemp(buffer.baseAddress!) != nil
        }
        guard made else {
            let error = SystemError(operation: "mkdtemp", code: errno)
            throw CommandFailure("A directory cannot be made in \(parent): \(error.reason).")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file that only this user can read (mode 0600).
    func write(_ text: String, to name: String) throws(CommandFailure) -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("\(file) cannot be made: \(SystemError(operation: "open", code: errno).reason).")
        }
        defer { close(descriptor) }
        guard writeAll(Array(text.utf8), to: descriptor) else {
            throw CommandFailure("\(file) cannot be written: \(SystemError(operation: "write", code: errno).reason).")
        }
        return file
    }

    /// Removes it with the files in it.
    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
