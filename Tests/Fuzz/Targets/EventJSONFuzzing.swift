import RedisStreams

/// The scan of an event beside Foundation's parser: both take the same texts, and find the same channel in them.
enum EventJSONFuzzing {
    static func finding(in input: [UInt8]) -> String? {
        let scan = input.withUnsafeBytes { EventJSON.scan($0) }
        let channel: [UInt8]?
        switch scan {
        case .event(let range):
            guard range.lowerBound >= 0, range.upperBound <= input.count else {
                return "a channel outside of the data: \(range)"
            }
            channel = Array(input[range])
        case .eventEscaped(let name):
            channel = name
        case .malformed:
            channel = nil
        }
        if JSONOracle.mayDiffer(on: input) { return nil }
        let members = JSONOracle.object(input)
        switch scan {
        case .event, .eventEscaped:
            guard let members else { return "taken, though no JSON object: \(input.shown)" }
            guard let name = members["channel_id"] as? String, Array(name.utf8) == channel else {
                return "the channel is \(channel?.shown ?? ""), Foundation has \(members["channel_id"] ?? "none")"
            }
            return nil
        case .malformed(.noChannel), .malformed(.channelNotString), .malformed(.channelNotUnicode):
            guard let members else { return "taken for JSON, which it is not: \(input.shown)" }
            return members["channel_id"] is String ? "the channel was not found in \(input.shown)" : nil
        case .malformed(.tooDeep):
            return nil
        case .malformed(let malformation):
            return members == nil ? nil : "refused (\(malformation)), though JSON: \(input.shown)"
        }
    }
}
