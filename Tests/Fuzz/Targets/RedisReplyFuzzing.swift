import EventLog
import RedisStreams
import WebSocket

/// What Redis sends, up to the batch that goes to the clients: the same entries whatever pieces a reply comes in, and every
/// frame of the batch is one text message that holds the producer's data.
enum RedisReplyFuzzing {
    /// Replies of a connection; more would only repeat it.
    private static let maxReplies = 16

    static func finding(in input: [UInt8]) -> String? {
        var broken: String?
        for shape in [StreamEntryDecoder.Shape.xread, .range] {
            let difference = findingOfCuts(input) { pieces in
                var seen = ""
                var entries: [(id: StreamID, data: [UInt8])] = []
                let reader = ReplyReader()
                var decoder = StreamEntryDecoder(shape)
                var replies = 0
                for piece in pieces {
                    piece.withUnsafeBytes { reader.feed($0) }
                    reading: while true {
                        switch decoder.next(reader) {
                        case .needMore:
                            break reading
                        case .entry(let id, let data):
                            seen += "\(id) \(data.map { Array($0) } ?? [])\n"
                            if let data { entries.append((id, Array(data))) }
                            continue
                        case .end: seen += "end\n"
                        case .empty: seen += "empty\n"
                        case .error(let text): seen += "error \(text.debugDescription)\n"
                        case .protocolError:
                            // The sentence may name what was read so far, which depends on the cuts.
                            return seen + "protocol error"
                        }
                        replies += 1
                        if replies == maxReplies { return seen }
                    }
                }
                broken = broken ?? problem(of: batch(of: entries))
                return seen
            }
            if let finding = broken ?? difference { return finding }
        }
        return findingOfCuts(input) { pieces in
            let reader = ReplyReader()
            var seen = ""
            for piece in pieces {
                piece.withUnsafeBytes { reader.feed($0) }
                reading: while true {
                    switch reader.nextReply() {
                    case .needMore: break reading
                    case .reply(let reply): seen += "\(reply)\n"
                    case .protocolError: return seen + "protocol error"
                    }
                    if seen.utf8.count > 65_536 { return seen }
                }
            }
            return seen
        }
    }

    private static func batch(of entries: [(id: StreamID, data: [UInt8])]) -> Batch {
        var batch = BatchBuilder()
        for (id, bytes) in entries {
            bytes.withUnsafeBytes { data in
                switch EventJSON.scan(data) {
                case .event(let range): batch.append(id: id, data: data, channel: .data(range))
                case .eventEscaped(let name):
                    name.withUnsafeBytes { batch.append(id: id, data: data, channel: .decoded($0)) }
                case .malformed: break
                }
            }
        }
        return batch.sealForReplay()
    }

    private static func problem(of batch: Batch) -> String? {
        for index in batch.entries.indices {
            let text = Array(batch.text(index))
            var frame = Array(batch.frame(index))
            var messages: [[UInt8]] = []
            var decoder = FrameDecoder(role: .client, maxMessageBytes: frame.count)
            frame.withUnsafeMutableBytes { bytes in
                var consumed = 0
                while let decoded = decoder.decode(bytes, consumed: &consumed) {
                    if case .data(.text, let payload, endOfMessage: true) = decoded { messages.append(Array(payload)) }
                }
            }
            guard messages == [text] else { return "a frame is not one message with its text: \(frame)" }
            guard !text.contains(UInt8(ascii: "\n")), !text.contains(UInt8(ascii: "\r")) else {
                return "a text has a line end: \(text.shown)"
            }
            guard text.starts(with: "{\"id\":\"\(batch.entries[index].id)\", ".utf8) else {
                return "a text does not begin with its ID: \(text.shown)"
            }
            let scan = text.withUnsafeBytes { EventJSON.scan($0) }
            let channel: [UInt8]
            switch scan {
            case .event(let range): channel = Array(text[range])
            case .eventEscaped(let name): channel = name
            case .malformed(let malformation): return "a text is no event (\(malformation)): \(text.shown)"
            }
            guard Array(batch.channelName(index)) == channel else {
                return "another channel than its text's: \(text.shown)"
            }
        }
        return nil
    }
}
