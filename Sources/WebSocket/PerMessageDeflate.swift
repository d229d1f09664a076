/// What two endpoints agreed on for permessage-deflate (RFC 7692 section 7.1).
public struct PerMessageDeflate: Equatable, Sendable {
    /// The server compresses each message by itself.
    public var serverNoContextTakeover = false
    /// The client compresses each message by itself.
    public var clientNoContextTakeover = false
    /// The server's messages refer back at most 2 to the power of this many bytes: 8...15.
    public var serverMaxWindowBits = 15
    /// The same of the client's.
    public var clientMaxWindowBits = 15

    /// Without limits: what the offer and the answer `permessage-deflate` come to.
    public init() {}

    /// The extension's name.
    public static let name = "permessage-deflate"

    /// The windows that ``Deflater`` has. zlib has none of 8 bits for raw DEFLATE: deflateInit2() refuses it, since 256-byte
    /// windows do not work (madler/zlib issue 171 and the note in zlib.h).
    public static let deflaterWindowBits = 9...15

    // MARK: A server's side

    /// What a server takes.
    public struct Policy: Sendable {
        /// The windows that it compresses with; the largest that an offer allows is taken. Within
        /// ``PerMessageDeflate/deflaterWindowBits``.
        public var windowBits: ClosedRange<Int>
        /// Compress each message by itself, whether or not the client asks for that.
        public var serverNoContextTakeover: Bool
        /// Have the client compress each message by itself.
        public var clientNoContextTakeover: Bool

        /// Any offer is taken as it is, by default.
        public init(
            windowBits: ClosedRange<Int> = PerMessageDeflate.deflaterWindowBits, serverNoContextTakeover: Bool = false,
            clientNoContextTakeover: Bool = false
        ) {
            self.windowBits = windowBits
            self.serverNoContextTakeover = serverNoContextTakeover
            self.clientNoContextTakeover = clientNoContextTakeover
        }
    }

    /// A server's answer to what a client offers.
    public enum Answer: Equatable, Sendable {
        /// Go on without: nothing was offered, or nothing that can be taken.
        case declined
        /// With this value in `Sec-WebSocket-Extensions`.
        case accepted(PerMessageDeflate, response: String)
        /// The fields do not keep the grammar: the handshake fails (RFC 6455 section 9.1).
        case malformed
    }

    /// Answers the first offer that can be taken (RFC 7692 section 5).
    /// - Parameter fields: the values of all `Sec-WebSocket-Extensions` fields.
    public static func answer(_ fields: [ArraySlice<UInt8>], policy: Policy) -> Answer {
        guard let offers = ExtensionList.parse(fields) else { return .malformed }
        for offer in offers where offer.name == name {
            guard let parameters = Parameters(offer.parameters, isOffer: true) else { continue }
            let bits = min(parameters.serverMaxWindowBits ?? 15, policy.windowBits.upperBound)
            guard bits >= policy.windowBits.lowerBound else { continue }
            var agreed = PerMessageDeflate()
            agreed.serverNoContextTakeover = parameters.serverNoContextTakeover || policy.serverNoContextTakeover
            agreed.clientNoContextTakeover = parameters.clientNoContextTakeover || policy.clientNoContextTakeover
            agreed.serverMaxWindowBits = bits
            // A client that names 8 is not held to it: it would be left with a window that its zlib may not have.
            if let bits = parameters.clientMaxWindowBits, deflaterWindowBits.contains(bits) {
                agreed.clientMaxWindowBits = bits
            }
            // A window is named only if the client did: there are clients that know no such parameter (section 7.1.2).
            var response = name
            if agreed.serverNoContextTakeover { response += "; server_no_context_takeover" }
            if agreed.clientNoContextTakeover { response += "; client_no_context_takeover" }
            if parameters.serverMaxWindowBits != nil { response += "; server_max_window_bits=\(bits)" }
            if agreed.clientMaxWindowBits < 15 {
                response += "; client_max_window_bits=\(agreed.clientMaxWindowBits)"
            }
            return .accepted(agreed, response: response)
        }
        return .declined
    }

    // MARK: A client's side

    /// Reads a server's answer to the offer `permessage-deflate`, without parameters (section 7.1).
    /// - Parameter fields: the values of all `Sec-WebSocket-Extensions` fields.
    /// - Returns: nil for an answer that must not be: the connection is to be failed.
    public static func agreement(_ fields: [ArraySlice<UInt8>]) -> PerMessageDeflate? {
        guard let answers = ExtensionList.parse(fields), answers.count == 1, answers[0].name == name,
            let parameters = Parameters(answers[0].parameters, isOffer: false),
            // To be named only by a server that was offered it (section 7.1.2.2).
            parameters.clientMaxWindowBits == nil
        else { return nil }
        var agreed = PerMessageDeflate()
        agreed.serverNoContextTakeover = parameters.serverNoContextTakeover
        agreed.clientNoContextTakeover = parameters.clientNoContextTakeover
        agreed.serverMaxWindowBits = parameters.serverMaxWindowBits ?? 15
        return agreed
    }
}

/// The parameters of an offer or an answer, if they are in order (sections 7.1.1 and 7.1.2).
private struct Parameters {
    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits: Int?
    /// 15 if it stands there without a value, as it may in an offer.
    var clientMaxWindowBits: Int?

    /// Nil where one is unknown, comes twice or has a value that it cannot have.
    init?(_ parameters: [ExtensionElement.Parameter], isOffer: Bool) {
        for parameter in parameters {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil) where !serverNoContextTakeover: serverNoContextTakeover = true
            case ("client_no_context_takeover", nil) where !clientNoContextTakeover: clientNoContextTakeover = true
            case ("server_max_window_bits", let value?) where serverMaxWindowBits == nil:
                guard let bits = Self.windowBits(value) else { return nil }
                serverMaxWindowBits = bits
            case ("client_max_window_bits", let value?) where clientMaxWindowBits == nil:
                guard let bits = Self.windowBits(value) else { return nil }
                clientMaxWindowBits = bits
            case ("client_max_window_bits", nil) where clientMaxWindowBits == nil && isOffer: clientMaxWindowBits = 15
            default: return nil
            }
        }
    }

    /// 8...15 in decimal, without leading zeros.
    private static func windowBits(_ text: String) -> Int? {
        (8...15).first { String($0) == text }
    }
}
