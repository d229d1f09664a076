import EventLoop
import HTTP1

/// What a server answers to a request: the head, and what came behind it.
struct HTTPAnswer {
    let head: ResponseHead
    /// Bytes behind the head: of the body, or of what the connection was switched to.
    private(set) var rest: [UInt8]

    /// Reads the head.
    static func read(from stream: ClientStream, until deadline: MonotonicTime) throws(WaitError) -> HTTPAnswer {
        var parser = ResponseHeadParser()
        var bytes: [UInt8] = []
        while true {
            let more = try stream.read(until: deadline)
            guard !more.isEmpty else { throw .failed("The server closed the connection without an answer.") }
            bytes += more
            switch bytes.withUnsafeBytes({ parser.parse($0) }) {
            case .needMore: continue
            case .head(let head, let consumed): return HTTPAnswer(head: head, rest: Array(bytes[consumed...]))
            case .invalid(let breach): throw .failed(breach.reason)
            }
        }
    }

    /// The most of a body that is shown.
    private static let shownBytes = 500

    /// The first line of the body, such as the gateway's reason for a refusal; empty if it does not come in time.
    mutating func bodyText(from stream: ClientStream, until deadline: MonotonicTime) -> String {
        let wanted = min(head.contentLength ?? Self.shownBytes, Self.shownBytes)
        while rest.count < wanted {
            guard let more = try? stream.read(until: deadline), !more.isEmpty else { break }
            rest += more
        }
        let line = rest.prefix(wanted).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return printable(String(decoding: line, as: UTF8.self))
    }

    /// `401 Unauthorized`
    var statusText: String {
        let phrase = printable(String(decoding: head.reasonPhrase, as: UTF8.self))
        return phrase.isEmpty ? "\(head.statusCode)" : "\(head.statusCode) \(phrase)"
    }
}
