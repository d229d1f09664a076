/// The pieces of an event stream (HTML, section 9.2.5) other than events of the log, which stand in their batch ready to
/// be sent. All are whole lines in UTF-8 and may be written one behind the other.
public enum EventStreamText {
    /// Sets how long a client waits before it connects again, in milliseconds, and, with an ID, where it stands: a client
    /// takes both without being given an event (section 9.2.6).
    /// - Parameter id: without line ends and NUL.
    public static func preamble(retryMilliseconds: Int, id: String? = nil) -> [UInt8] {
        var text = "retry: \(max(retryMilliseconds, 0))\n"
        if let id { text += "id: \(id)\n" }
        return Array((text + "\n").utf8)
    }

    /// A line that clients pass over: it keeps proxies from taking a quiet stream for a dead one.
    /// - Parameter text: line ends in it are written as spaces.
    public static func comment(_ text: String = "") -> [UInt8] {
        var line = Array(":".utf8)
        if !text.isEmpty { line += Array(" ".utf8) + text.utf8.map(flat) }
        return line + Array("\n\n".utf8)
    }

    /// An event.
    /// - Parameters:
    ///   - name: without line ends; nil leaves it to be a `message`.
    ///   - id: without line ends and NUL; nil leaves the client where it stands.
    ///   - data: each of its lines is sent as one; clients join them with LF.
    public static func event(name: String? = nil, id: String? = nil, data: String) -> [UInt8] {
        var text: [UInt8] = []
        if let name { text += Array("event: \(name)\n".utf8) }
        if let id { text += Array("id: \(id)\n".utf8) }
        var line = Array("data: ".utf8)
        var isAfterReturn = false
        for byte in data.utf8 {
            defer { isAfterReturn = byte == UInt8(ascii: "\r") }
            if byte == UInt8(ascii: "\n"), isAfterReturn { continue }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                text += line + Array("\n".utf8)
                line = Array("data: ".utf8)
            } else {
                line.append(byte)
            }
        }
        return text + line + Array("\n\n".utf8)
    }

    private static func flat(_ byte: UInt8) -> UInt8 {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") ? UInt8(ascii: " ") : byte
    }
}
