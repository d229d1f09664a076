import RedisStreams

/// An event as `sluice publish` writes it.
enum ProducedEvent {
    /// `json` with `channel_id` put first if it has none; everything else stays as it is, but for white space around
    /// the object.
    /// - Throws: a sentence if it is no JSON object, or one of another channel.
    static func adding(channel: String, to json: [UInt8]) throws(CommandFailure) -> [UInt8] {
        let json = Array(trimmed(json[...]))
        guard !json.isEmpty else { throw CommandFailure("The event is empty; a JSON object was expected.") }
        let found: [UInt8]
        switch json.withUnsafeBytes({ EventJSON.scan($0) }) {
        case .event(let range): found = Array(json[range])
        case .eventEscaped(let bytes): found = bytes
        case .malformed(.noChannel): return insert(channel, into: json)
        case .malformed(let malformation):
            throw CommandFailure("The event cannot be published: \(malformation); a JSON object was expected.")
        }
        guard found.elementsEqual(channel.utf8) else {
            throw CommandFailure(
                "The event's channel_id is \"\(String(decoding: found, as: UTF8.self))\", but --channel is \"\(channel)\"; "
                    + "the same was expected, or no channel_id.")
        }
        return json
    }

    /// `json` is known to be an object, so it begins with its brace.
    private static func insert(_ channel: String, into json: [UInt8]) -> [UInt8] {
        let rest = json.dropFirst()
        let isEmpty = rest.first(where: { !isSpace($0) }) == UInt8(ascii: "}")
        var event = Array("{\"channel_id\": \(jsonString(channel))".utf8)
        if !isEmpty {
            event += Array(",".utf8)
            // As Python writes it; a space that is there already is kept.
            if rest.first.map(isSpace) != true { event.append(UInt8(ascii: " ")) }
        }
        return event + rest
    }

    private static func trimmed(_ json: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var json = json
        while let first = json.first, isSpace(first) { json = json.dropFirst() }
        while let last = json.last, isSpace(last) { json = json.dropLast() }
        return json
    }

    /// RFC 8259, section 2.
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// A complete event like Superset's, but for its channel, under a job of its own.
    static var example: String {
        let job = String(UInt64.random(in: .min ... .max), radix: 16)
        return #"{"job_id": "\#(job)", "user_id": null, "status": "done", "errors": [], "result_url": null}"#
    }
}
