import EventLog
import RedisStreams

/// Events as Superset writes them, of 350 bytes, and what Redis makes of them.
enum Sample {
    /// A browser's opening handshake, as Chromium writes it.
    static let handshake = """
        GET /?last_id=1700000000000-0 HTTP/1.1\r
        Host: push.example:8080\r
        Connection: Upgrade\r
        Pragma: no-cache\r
        Cache-Control: no-cache\r
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r
        Upgrade: websocket\r
        Origin: https://push.example\r
        Sec-WebSocket-Version: 13\r
        Accept-Encoding: gzip, deflate, br, zstd\r
        Accept-Language: en-GB,en;q=0.9\r
        Cookie: session=.eJwlzjkOwjAQQNG7uKbwLLZnuAyaLYI2; async-token=eyJhbGciOiJIUzI1NiJ9.eyJjaGFubmVsIjoiYyJ9.x\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
        \r

        """

    static func event(_ number: Int, channels: Int) -> [UInt8] {
        var text =
            "{\"channel_id\": \"4ba1c9fe-6f6c-4bbd-8f37-\(padded(number % channels))\", "
            + "\"job_id\": \"9d1c7d1a-1f4e-4a63-b0a5-\(padded(number))\", \"user_id\": 17, "
            + "\"status\": \"done\", \"errors\": [], \"result_url\": \"/api/v1/chart/data/"
        text += String(repeating: "q", count: 350 - text.utf8.count - 2) + "\"}"
        return Array(text.utf8)
    }

    static func id(_ number: Int) -> StreamID {
        StreamID(milliseconds: 1_700_000_000_000 + UInt64(number / 4), sequence: UInt64(number % 4))
    }

    /// The answer to an `XREAD` that brings events with these numbers.
    static func reply(_ numbers: Range<Int>, channels: Int) -> [UInt8] {
        var reply = Array("*1\r\n*2\r\n$17\r\nasync-events-full\r\n*\(numbers.count)\r\n".utf8)
        for number in numbers {
            let id = id(number).description
            let event = event(number, channels: channels)
            reply += Array("*2\r\n$\(id.utf8.count)\r\n\(id)\r\n*2\r\n$4\r\ndata\r\n$\(event.count)\r\n".utf8)
            reply += event
            reply += Array("\r\n".utf8)
        }
        return reply
    }

    /// A batch in the making of events with these numbers.
    static func builder(_ numbers: Range<Int>, channels: Int) -> BatchBuilder {
        var builder = BatchBuilder()
        let reader = ReplyReader()
        var batches = BatchReader()
        reply(numbers, channels: channels).withUnsafeBytes { reader.feed($0) }
        guard case .end = batches.read(reader, into: &builder, limit: .max), builder.count == numbers.count else {
            fatalError("the sample is no reply")
        }
        return builder
    }

    /// A log of so many events.
    static func log(events: Int, channels: Int) -> EventLog {
        let bytes = events * 1024
        var log = EventLog(capacity: bytes, floor: .zero)
        var index = BucketIndex(historyBytes: bytes)
        for start in stride(from: 0, to: events, by: 500) {
            log.append(builder(start..<min(start + 500, events), channels: channels).seal(index: &index))
        }
        return log
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(12 - digits.count, 0)) + digits
    }
}
