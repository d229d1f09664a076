import EventLoop
import HTTP1

/// What ties a request to its log lines, and to those of the proxies before it.
enum RequestID {
    /// Longer ones are not taken over: a UUID has 36, the IDs of common proxies at most 100.
    static let maximumBytes = 128

    /// What a proxy gave, if it can stand in a header and in a log line as it is: 1 to 128 characters of visible ASCII.
    static func given(_ value: ArraySlice<UInt8>?) -> [UInt8]? {
        guard let value, !value.isEmpty, value.count <= maximumBytes, value.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return Array(value)
    }

    /// One for a connection whose client gave none: 16 hexadecimal digits, made only when it is wanted, the same each time.
    /// - Parameters:
    ///   - seed: drawn at random by each loop, so that IDs differ between loops, replicas and restarts.
    ///   - number: the connection's own.
    static func made(seed: UInt64, number: UInt64) -> String {
        // SplitMix64: one-to-one, so that no two connections of a loop have the same.
        var mixed = seed &+ number &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        let digits = String(mixed, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension Connection {
    /// Ties log lines and refusals to what a proxy has logged: what the request that is being answered said, or the one
    /// that began the session, or else one made for the connection.
    var requestID: String {
        let given = subscriber?.givenRequestID ?? loop.givenRequestID
        return given.map { String(decoding: $0, as: UTF8.self) }
            ?? RequestID.made(seed: loop.requestIDSeed, number: registration.number)
    }

    var requestIDField: Response.Field { Response.Field("X-Request-ID", requestID) }
}
