import Testing

@Suite("The faults' readers")
struct ServerMessageTests {
    private static let event = "{\"id\":\"5-1\", \"n\": 7}"

    @Test("frames are read whole and byte by byte", arguments: [1, 2, 1000])
    func frames(step: Int) {
        let text = [UInt8](Self.event.utf8)
        let long = [UInt8]("{\"id\":\"6-0\", \"p\": \"\(String(repeating: "p", count: 300))\"}".utf8)
        let bytes =
            [0x81, UInt8(text.count)] + text + [
                0x89, 1, 65, 0x81, 126, UInt8(long.count >> 8), UInt8(long.count & 255),
            ]
            + long + [0x88, 2, 3, 233]
        var reader = WebSocketReader()
        #expect(
            Self.fed(bytes, step) { reader.feed($0) } == [
                .event(id: "5-1", data: text), .ping([65]), .event(id: "6-0", data: long), .close(1001),
            ])
    }

    @Test(
        "an event stream is read whole and byte by byte, in chunks and without", arguments: [1, 3, 1000], [false, true])
    func eventStream(step: Int, isChunked: Bool) {
        let text = "retry: 2000\n\n: still here\n\nid: 5-1\ndata: \(Self.event)\n\nid: 6-0\ndata: a\ndata: b\n\n"
        let bytes = Array(text.utf8)
        let sent =
            isChunked
            ? [bytes[..<20], bytes[20...]].flatMap { Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + [13, 10] }
            : bytes
        var reader = EventStreamReader(isChunked: isChunked)
        #expect(
            Self.fed(sent, step) { reader.feed($0) } == [
                .event(id: "5-1", data: Array(Self.event.utf8)), .event(id: "6-0", data: Array("a\nb".utf8)),
            ])
    }

    private static func fed(
        _ bytes: [UInt8], _ step: Int, _ feed: (ArraySlice<UInt8>) -> [ServerMessage]
    ) -> [ServerMessage] {
        stride(from: 0, to: bytes.count, by: step).flatMap { feed(bytes[$0..<min($0 + step, bytes.count)]) }
    }
}
