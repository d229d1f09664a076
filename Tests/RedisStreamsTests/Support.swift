import EventLog
import Foundation

@testable import RedisStreams

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Bytes of RESP2, written without the code under test.
enum RESP {
    static func bulk(_ bytes: [UInt8]) -> [UInt8] { Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10] }
    static func bulk(_ text: String) -> [UInt8] { bulk(Array(text.utf8)) }
    static func array(_ parts: [[UInt8]]) -> [UInt8] { Array("*\(parts.count)\r\n".utf8) + parts.flatMap { $0 } }
    static func integer(_ value: Int) -> [UInt8] { Array(":\(value)\r\n".utf8) }
    static let null = Array("*-1\r\n".utf8)

    /// `[id, [field, value, …]]`
    static func entry(_ id: String, _ fields: [[UInt8]]) -> [UInt8] {
        array([bulk(id), array(fields.map { bulk($0) })])
    }
    static func entry(_ id: String, data: String) -> [UInt8] { entry(id, [Array("data".utf8), Array(data.utf8)]) }

    /// An answer to `XREAD` of one stream.
    static func read(_ entries: [[UInt8]], stream: String = "async-events-full") -> [UInt8] {
        array([array([bulk(stream), array(entries)])])
    }
}

/// How a parser is fed: in one piece, byte by byte, in pieces that fit nothing.
let pieces = [Int.max, 1, 7]

extension [UInt8] {
    func inPieces(of size: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: count, by: Swift.min(size, Swift.max(count, 1))).map {
            self[$0..<Swift.min($0 + Swift.min(size, count), count)]
        }
    }
}

extension ReplyReader {
    func feed(_ bytes: some Sequence<UInt8>) { Array(bytes).withUnsafeBytes { feed($0) } }
}

struct Replies: Equatable {
    var replies: [Reply] = []
    var failure: String?
}

/// All that a reader makes of the bytes.
func parse(_ bytes: [UInt8], piece: Int) -> Replies {
    let reader = ReplyReader()
    var parsed = Replies()
    for part in bytes.inPieces(of: piece) {
        reader.feed(part)
        feeding: while true {
            switch reader.nextReply() {
            case .needMore: break feeding
            case .reply(let reply): parsed.replies.append(reply)
            case .protocolError(let text):
                parsed.failure = text
                return parsed
            }
        }
    }
    return parsed
}

/// What a ``StreamEntryDecoder`` handed out, with the bytes copied.
enum Decoded: Equatable {
    case entry(String, [UInt8]?)
    case end, empty
    case error(String)
    case protocolError

    static func entry(_ id: String, data: String) -> Decoded { .entry(id, Array(data.utf8)) }
}

/// Takes everything that the decoder has up to the next ``StreamEntryDecoder/Event/needMore``.
func drain(_ decoder: inout StreamEntryDecoder, _ reader: ReplyReader) -> [Decoded] {
    var decoded: [Decoded] = []
    while true {
        switch decoder.next(reader) {
        case .needMore: return decoded
        case .entry(let id, let data): decoded.append(.entry(id.description, data.map { Array($0) }))
        case .end: decoded.append(.end)
        case .empty: decoded.append(.empty)
        case .error(let text): decoded.append(.error(text))
        case .protocolError: return decoded + [.protocolError]
        }
    }
}

func decode(_ bytes: [UInt8], piece: Int) -> [Decoded] {
    let reader = ReplyReader()
    var decoder = StreamEntryDecoder()
    var decoded: [Decoded] = []
    for part in bytes.inPieces(of: piece) {
        reader.feed(part)
        decoded += drain(&decoder, reader)
        if decoded.last == .protocolError { break }
    }
    return decoded
}

/// Pages of memory that the process has reserved and holds, in bytes.
func processMemory() -> (reserved: Int, resident: Int) {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").compactMap { Int($0) }
    guard pages.count > 1 else { return (0, 0) }
    return (pages[0] * Int(getpagesize()), pages[1] * Int(getpagesize()))
}

extension Reply {
    /// The entries of an answer to `XRANGE` or `XREVRANGE`, in its order. Elements that are no entries are passed over.
    /// - Parameter body: is given the ID and the first field named `data`, nil if there is none; the pointer is valid
    ///   during the call.
    func forEachEntry(_ body: (_ id: StreamID, _ data: UnsafeRawBufferPointer?) -> Void) {
        guard case .array(let entries) = self else { return }
        for entry in entries {
            guard let (id, data) = entry.entry else { continue }
            if let data { data.withUnsafeBytes { body(id, $0) } } else { body(id, nil) }
        }
    }
}
