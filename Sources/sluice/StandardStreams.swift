import Glibc

/// Lines for the person or the script that called the program.
enum StandardOutput {
    /// Writes a line, at once. - Returns: whether it could be written.
    @discardableResult
    static func write(_ line: String) -> Bool { write(Array(line.utf8)) }

    /// Writes bytes and a line feed, at once.
    @discardableResult
    static func write(_ line: [UInt8]) -> Bool { writeAll(line + [UInt8(ascii: "\n")], to: STDOUT_FILENO) }
}

/// Lines about what goes on and what went wrong.
enum StandardError {
    /// Writes a line, at once. Control characters are shown escaped: parts of it may come from a peer.
    static func write(_ line: String) {
        writeAll(Array((printable(line) + "\n").utf8), to: STDERR_FILENO)
    }
}

/// Writes all of `bytes`, in one write(2) unless the system takes less. False when it cannot be written.
@discardableResult
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, slice.baseAddress, slice.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Somebody else made the terminal or pipe non-blocking; it is theirs too.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
            default: return false
            }
        }
        return true
    }
}

/// `text` without anything that ends a line, moves a cursor or turns the direction of writing: such characters are
/// shown as `\n`, `\t` or `\u{…}`.
func printable(_ text: String) -> String {
    guard !text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars { result += escaped(scalar) ?? String(scalar) }
    return result
}

/// The escape of a character that ``printable(_:)`` does not let through; nil for any other.
func escaped(_ scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
        return "\\u{\(String(scalar.value, radix: 16))}"
    default:
        return nil
    }
}
