import EventLog
import EventLoop
import HTTP1
import ServerSentEvents

/// Following a channel by server-sent events.
extension TailClient {
    /// HTTP/1.0, so that no proxy between takes the answer apart into chunks; `Last-Event-ID` as a browser sends it.
    func eventStreamRequest(cookie: String) -> [UInt8] {
        var lines = [
            "GET \(url.target) HTTP/1.0", "Host: \(url.authority)", "Accept: text/event-stream",
            "Cache-Control: no-store", "Cookie: \(cookie)",
        ]
        if let lastID { lines.append("Last-Event-ID: \(lastID)") }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// Takes events until the stream ends. - Parameter early: bytes that came with the answer's head.
    func follow(eventStream stream: ClientStream, _ early: [UInt8]) -> End {
        var parser = EventStreamParser(lastEventID: lastID?.description ?? "")
        var input = early
        do throws(WaitError) {
            while true {
                let events: [EventStreamParser.Event]
                do throws(EventStreamParser.TooLong) {
                    events = try parser.receive(input)
                } catch {
                    return .lost("\(url.text) sent an event of more than \(error.maxEventBytes) bytes.")
                }
                if let milliseconds = parser.retryMilliseconds { retryMilliseconds = milliseconds }
                for event in events {
                    stand(at: event.lastEventID)
                    if event.name == "message", let end = print(event.data) { return end }
                }
                stand(at: parser.lastEventID)
                // There is no ping: but for an event or a comment now and then the gateway may be gone.
                input = try stream.read(until: waiter.deadline(milliseconds: Self.silenceMilliseconds))
                guard !input.isEmpty else { return .lost("\(url.text) ended the stream.") }
            }
        } catch {
            return end(error)
        }
    }

    private func stand(at id: String) {
        if let id = Array(id.utf8).withUnsafeBytes({ StreamID(text: $0) }) { lastID = id }
    }
}

extension HTTPAnswer {
    /// Whether events follow as they are.
    var isEventStream: Bool {
        let type = head.first("Content-Type").map { String(decoding: $0, as: UTF8.self).lowercased() } ?? ""
        return type.hasPrefix("text/event-stream") && head.first("Transfer-Encoding") == nil
    }
}
