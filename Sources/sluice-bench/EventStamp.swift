import CLinux

/// What the generator writes into an event so as to know it again: its number in its channel, and when it was to be sent.
///
/// It stands in `job_id` with fixed widths, so that it is found without parsing JSON, whatever a server does to the rest
/// of the object.
struct EventStamp: Equatable, Sendable {
    /// Counts from 0 within the channel.
    var number: UInt32
    /// On the monotonic clock, in nanoseconds. At a fixed rate it is the time the schedule gives, not the time at which the
    /// generator came to it: a server that holds the generator up is not spared the delay (coordinated omission).
    var intendedNanoseconds: UInt64

    private static let marker = Array("bench:".utf8)
    private static let numberDigits = 10
    private static let timeDigits = 20

    /// An event as Superset's producer writes it, filled up to `size` bytes where that is more.
    func event(channel: String, size: Int) -> [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(max(size, 256))
        json += "{\"channel_id\": \"".utf8
        json += channel.utf8
        json += "\", \"job_id\": \"".utf8
        json += Self.marker
        Self.append(UInt64(number), digits: Self.numberDigits, to: &json)
        json.append(UInt8(ascii: ":"))
        Self.append(intendedNanoseconds, digits: Self.timeDigits, to: &json)
        json += "\", \"user_id\": 1, \"status\": \"done\", \"errors\": [], \"result_url\": \"/api/v1/chart/data/".utf8
        let end = "\"}".utf8
        let fill = size - json.count - end.count
        if fill > 0 { json.append(contentsOf: repeatElement(UInt8(ascii: "q"), count: fill)) }
        json += end
        return json
    }

    /// Finds the stamp in an event's text; nil in one that the generator did not write.
    init?(in text: UnsafeRawBufferPointer) {
        let place = Self.marker.withUnsafeBytes { marker in
            memmem(text.baseAddress, text.count, marker.baseAddress, marker.count)
        }
        guard let place, let base = text.baseAddress else { return nil }
        let start = UnsafeRawPointer(place) - base + Self.marker.count
        let separator = start + Self.numberDigits
        guard text.count > separator + Self.timeDigits, text[separator] == UInt8(ascii: ":"),
            let number = Self.number(text[start..<separator]),
            let time = Self.number(text[(separator + 1)..<(separator + 1 + Self.timeDigits)])
        else { return nil }
        self.number = UInt32(truncatingIfNeeded: number)
        intendedNanoseconds = time
    }

    init(number: UInt32, intendedNanoseconds: UInt64) {
        self.number = number
        self.intendedNanoseconds = intendedNanoseconds
    }

    private static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        var rest = value
        var index = start + digits - 1
        while rest > 0, index >= start {
            bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            index -= 1
        }
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var value: UInt64 = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
