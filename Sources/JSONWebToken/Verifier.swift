/// What came of checking a token.
public enum Verification: Sendable, Equatable {
    /// The token is good now.
    case accepted(Identity)
    /// It is not, and nobody gets in with it.
    case refused(Refusal)
}

/// What came of checking the token of somebody who wants to publish.
public enum PublisherVerification: Sendable, Equatable {
    /// The token is good now, and names these channels, in UTF-8 as they were written; perhaps none.
    case accepted(channels: [[UInt8]])
    /// The token is good now, and says nothing of publishing that could be understood.
    case noPermission
    /// It is not good.
    case refused(Refusal)
}

/// What a good token says.
public struct Identity: Sendable, Equatable {
    /// The channel in UTF-8: not empty, not `full`, without control characters.
    public let channel: [UInt8]
    /// `exp` in milliseconds since 1970, without the leeway, in −2^62...2^62 (so a leeway can be added without
    /// overflow); nil if the token lives for ever.
    public let expiresAtMilliseconds: Int64?
}

/// Checks tokens: JWS compact serialization (RFC 7515), the claims `exp`, `nbf` and the channel's (RFC 7519).
///
/// Immutable; may be shared by all event loops, none of which waits for another. Everything else in a token (`typ`, `sub`,
/// `iat`, `aud` …) does not matter.
public struct Verifier: Sendable {
    /// Longer tokens are refused before they are looked at. Cookies of 4 KiB are all that browsers keep.
    public static let maxTokenBytes = 8192

    /// The leeway that `exp` and `nbf` are given, for clocks that differ, in milliseconds.
    public let leewayMilliseconds: Int64

    private let keys: VerificationKeys
    private let channelClaim: [UInt8]
    private static let publishClaim = Array("publish".utf8)
    private let algorithmNames: [(algorithm: Algorithm, name: [UInt8])]

    /// - Parameters:
    ///   - keys: what a token may be signed with.
    ///   - channelClaim: the name of the claim that names the channel (`jwtChannelIdKey`).
    ///   - leewaySeconds: what is outside of 0...1_000_000_000 is brought into it.
    public init(keys: VerificationKeys, channelClaim: String, leewaySeconds: Int64 = 30) {
        self.keys = keys
        self.channelClaim = Array(channelClaim.utf8)
        self.algorithmNames = keys.algorithms.map { ($0, Array($0.rawValue.utf8)) }
        self.leewayMilliseconds = min(max(leewaySeconds, 0), 1_000_000_000) * 1000
    }

    /// Checks a token.
    /// - Parameters:
    ///   - token: the cookie's value, without quotes; not kept.
    ///   - nowMilliseconds: the time since 1970.
    public func verify(_ token: UnsafeRawBufferPointer, nowMilliseconds: Int64) -> Verification {
        switch check(token, nowMilliseconds: nowMilliseconds, claim: channelClaim, read: Self.channel) {
        case .refused(let refusal): .refused(refusal)
        case .good(.refused(let refusal), _): .refused(refusal)
        case .good(.name(let name), let expiresAt):
            .accepted(Identity(channel: name, expiresAtMilliseconds: expiresAt))
        }
    }

    /// Checks the token of somebody who wants to publish: the same, but that the claim which counts is `publish`, an array
    /// of channels' names. No name stands for others than itself.
    public func verifyPublisher(
        _ token: UnsafeRawBufferPointer, nowMilliseconds: Int64
    ) -> PublisherVerification {
        switch check(token, nowMilliseconds: nowMilliseconds, claim: Self.publishClaim, read: Self.names) {
        case .refused(let refusal): .refused(refusal)
        case .good(nil, _): .noPermission
        case .good(let names?, _): .accepted(channels: names)
        }
    }

    private enum Check<Value> {
        /// What the claim says, and `exp`.
        case good(Value, expiresAtMilliseconds: Int64?)
        case refused(Refusal)
    }

    /// - Parameters:
    ///   - claim: the name of the one that is looked for.
    ///   - read: makes something of it.
    private func check<Value>(
        _ token: UnsafeRawBufferPointer, nowMilliseconds: Int64, claim: [UInt8],
        read: (JSONValue?, Span<UInt8>) -> Value
    ) -> Check<Value> {
        guard !token.isEmpty else { return .refused(.empty) }
        guard token.count <= Self.maxTokenBytes else { return .refused(.tooLong) }
        // Room for all three parts decoded; the usual token is short enough for this to be on the stack.
        return token.withMemoryRebound(to: UInt8.self) { token in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: token.count) { scratch in
                scratch.initialize(repeating: 0)
                var decoded = scratch.mutableSpan
                return check(token.span, nowMilliseconds: nowMilliseconds, decoded: &decoded, claim: claim, read: read)
            }
        }
    }

    private func check<Value>(
        _ token: Span<UInt8>, nowMilliseconds: Int64, decoded: inout MutableSpan<UInt8>, claim: [UInt8],
        read: (JSONValue?, Span<UInt8>) -> Value
    ) -> Check<Value> {
        guard let parts = CompactSerialization(token) else { return .refused(.notThreeParts) }
        guard let headerBytes = Base64URL.decode(token.extracting(parts.header), into: &decoded, at: 0),
            let payloadBytes = Base64URL.decode(token.extracting(parts.payload), into: &decoded, at: headerBytes),
            let signatureBytes = Base64URL.decode(
                token.extracting(parts.signature), into: &decoded, at: headerBytes + payloadBytes)
        else { return .refused(.notBase64URL) }
        let payloadEnd = headerBytes + payloadBytes
        let bytes = decoded.span

        let header = bytes.extracting(0..<headerBytes)
        let algorithm: Algorithm
        let keyID: JSONString?
        switch readHeader(header) {
        case .read(let named, let id): (algorithm, keyID) = (named, id)
        case .refused(let refusal): return .refused(refusal)
        }
        switch keys.check(
            bytes.extracting(payloadEnd..<payloadEnd + signatureBytes), of: token.extracting(parts.signingInput),
            algorithm: algorithm, keyID: keyID, in: header)
        {
        case .valid: break
        case .unknownKey: return .refused(.keyUnknown)
        case .invalid: return .refused(.signatureInvalid)
        case .failed: return .refused(.notCheckable)
        }
        return readClaims(
            bytes.extracting(headerBytes..<payloadEnd), nowMilliseconds: nowMilliseconds, claim: claim, read: read)
    }

    private enum Header {
        case read(Algorithm, keyID: JSONString?)
        case refused(Refusal)
    }

    private func readHeader(_ text: Span<UInt8>) -> Header {
        guard isUTF8(text) else { return .refused(.headerNotJSON) }
        var name: JSONValue?
        var keyID: JSONValue?
        var isCritical = false
        var reader = JSONObjectReader()
        members: while true {
            switch reader.next(in: text) {
            case .member(let member, let value):
                if member.equals(MemberName.alg, in: text) {
                    guard name == nil else { return .refused(.duplicateMember) }
                    name = value
                } else if member.equals(MemberName.kid, in: text) {
                    guard keyID == nil else { return .refused(.duplicateMember) }
                    keyID = value
                } else if member.equals(MemberName.crit, in: text) || member.equals(MemberName.b64, in: text) {
                    isCritical = true
                }
            case .end: break members
            case .malformed: return .refused(.headerNotJSON)
            }
        }
        guard !isCritical else { return .refused(.criticalExtension) }
        guard case .string(let name)? = name else { return .refused(.algorithmMissing) }
        var listed: Algorithm?
        for candidate in algorithmNames where name.equals(candidate.name, in: text) { listed = candidate.algorithm }
        guard let algorithm = listed else { return .refused(.algorithmNotAllowed) }
        switch keyID {
        case nil: return .read(algorithm, keyID: nil)
        case .string(let id): return .read(algorithm, keyID: id)
        case .number, .object, .array, .literal: return .refused(.keyIDNotString)
        }
    }

    private func readClaims<Value>(
        _ text: Span<UInt8>, nowMilliseconds: Int64, claim: [UInt8], read: (JSONValue?, Span<UInt8>) -> Value
    ) -> Check<Value> {
        guard isUTF8(text) else { return .refused(.payloadNotJSON) }
        var expiry: JSONValue?
        var notBefore: JSONValue?
        var wanted: JSONValue?
        var isAmbiguous = false
        var reader = JSONObjectReader()
        members: while true {
            switch reader.next(in: text) {
            case .member(let member, let value):
                // Not `else if`: the configured claim may be one of the other two.
                if member.equals(MemberName.exp, in: text) {
                    isAmbiguous = isAmbiguous || expiry != nil
                    expiry = value
                }
                if member.equals(MemberName.nbf, in: text) {
                    isAmbiguous = isAmbiguous || notBefore != nil
                    notBefore = value
                }
                if member.equals(claim, in: text) {
                    isAmbiguous = isAmbiguous || wanted != nil
                    wanted = value
                }
            case .end: break members
            case .malformed: return .refused(.payloadNotJSON)
            }
        }
        guard !isAmbiguous else { return .refused(.duplicateMember) }

        var expiresAt: Int64?
        if let expiry {
            guard case .number(let number) = expiry else { return .refused(.expiryNotNumeric) }
            let date = NumericDate.milliseconds(of: number, in: text)
            guard nowMilliseconds < date + leewayMilliseconds else { return .refused(.expired) }
            expiresAt = date
        }
        if let notBefore {
            guard case .number(let number) = notBefore else { return .refused(.notBeforeNotNumeric) }
            let date = NumericDate.milliseconds(of: number, in: text)
            guard nowMilliseconds >= date - leewayMilliseconds else { return .refused(.notYetValid) }
        }

        return .good(read(wanted, text), expiresAtMilliseconds: expiresAt)
    }

    private enum ChannelClaim {
        case name([UInt8])
        case refused(Refusal)
    }

    private static func channel(_ claim: JSONValue?, in text: Span<UInt8>) -> ChannelClaim {
        guard let claim else { return .refused(.channelMissing) }
        guard case .string(let string) = claim else { return .refused(.channelNotString) }
        guard let name = string.decoded(in: text) else { return .refused(.channelNotText) }
        if let refusal = ChannelName.refusal(of: name) { return .refused(refusal) }
        return .name(name)
    }

    /// Nil for what is not an array of strings.
    private static func names(_ claim: JSONValue?, in text: Span<UInt8>) -> [[UInt8]]? {
        guard case .array(let range)? = claim, let elements = JSONObjectReader.elements(of: range, in: text) else {
            return nil
        }
        var names: [[UInt8]] = []
        for element in elements {
            guard case .string(let string) = element, let name = string.decoded(in: text) else { return nil }
            names.append(name)
        }
        return names
    }

    /// JSON between systems is UTF-8 (RFC 8259 section 8.1), and both header and claims must be (RFC 7515 section 5.2).
    private func isUTF8(_ text: Span<UInt8>) -> Bool {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text)
            return true
        } catch {
            return false
        }
    }
}

/// The members that are looked for, besides the configured channel claim.
private enum MemberName {
    static let alg = Array("alg".utf8)
    static let b64 = Array("b64".utf8)
    static let crit = Array("crit".utf8)
    static let kid = Array("kid".utf8)
    static let exp = Array("exp".utf8)
    static let nbf = Array("nbf".utf8)
}
