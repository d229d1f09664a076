import CLinux
import EventLog

/// The member `id` of one of the generator's own events, which have no other of that name.
enum EventIDText {
    private static let name = Array("\"id\"".utf8)

    static func find(in text: UnsafeRawBufferPointer) -> StreamID? {
        let place = name.withUnsafeBytes { memmem(text.baseAddress, text.count, $0.baseAddress, $0.count) }
        guard let place, let base = text.baseAddress else { return nil }
        var start = UnsafeRawPointer(place) - base + name.count
        // Servers that write the JSON anew put a space behind the colon, or none.
        while start < text.count, text[start] == UInt8(ascii: ":") || text[start] == UInt8(ascii: " ") { start += 1 }
        guard start < text.count, text[start] == UInt8(ascii: "\"") else { return nil }
        let value = text[(start + 1)...].prefix { $0 != UInt8(ascii: "\"") }
        return StreamID(text: UnsafeRawBufferPointer(rebasing: value))
    }
}
