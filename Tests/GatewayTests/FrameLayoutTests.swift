import EventLog
import Testing
import WebSocket

/// The log writes frame headers by itself, since it may import no protocol; here they are held together.
@Suite("Frame layout")
struct FrameLayoutTests {
    private func batch(textLength: Int) throws -> Batch {
        let id = StreamID(milliseconds: 1_700_000_000_000, sequence: 0)
        let opening = #"{"id":"1700000000000-0", "#
        let fixed = #""channel_id":"c","x":""}"#
        let padding = String(repeating: "x", count: textLength - opening.utf8.count - fixed.utf8.count)
        let data = Array((#"{"channel_id":"c","x":""# + padding + #""}"#).utf8)
        var builder = BatchBuilder()
        data.withUnsafeBytes { builder.append(id: id, data: $0, channel: .data(15..<16)) }
        return builder.sealForReplay()
    }

    @Test(
        "the log's frames are those of the WebSocket codec, at every boundary of the length",
        arguments: [60, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 1 << 20])
    func header(textLength: Int) throws {
        let batch = try batch(textLength: textLength)
        let expected = Frame.encode(.text, payload: batch.text(0))
        #expect(batch.text(0).count == textLength)
        #expect(batch.frame(0).elementsEqual(expected))
        var header = [UInt8](repeating: 0, count: FrameHeader.maximumLength)
        let length = header.withUnsafeMutableBytes {
            FrameHeader.write(opcode: .text, payloadLength: textLength, into: $0)
        }
        #expect(batch.frame(0).prefix(length).elementsEqual(header.prefix(length)))
        #expect(batch.frame(0).count == length + textLength)
        #expect(batch.entries[0].frameLength == length + textLength)
    }

    @Test("a client's decoder reads the log's frames one after the other")
    func decoded() throws {
        for length in [60, 125, 126, 65535, 65536] {
            let batch = try batch(textLength: length)
            var bytes = [UInt8](batch.frame(0)) + [UInt8](batch.frame(0))
            var decoder = FrameDecoder(role: .client, maxMessageBytes: 1 << 20)
            var messages: [[UInt8]] = []
            bytes.withUnsafeMutableBytes { bytes in
                var consumed = 0
                while let decoded = decoder.decode(bytes, consumed: &consumed) {
                    guard case .data(.text, let payload, true) = decoded else { return }
                    messages.append([UInt8](payload))
                }
            }
            #expect(messages == [[UInt8](batch.text(0)), [UInt8](batch.text(0))])
        }
    }
}
