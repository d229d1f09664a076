/// Every way in which a token can be wrong. What a claim says is looked at only after the signature was found right.
public enum Refusal: String, Sendable, CaseIterable {
    /// The cookie is there, and empty.
    case empty
    /// Over `Verifier.maxTokenBytes`; not looked at any further.
    case tooLong
    /// Not three parts with a dot between them (RFC 7515 section 7.1).
    case notThreeParts
    /// A part is not base64url without padding (RFC 7515 section 2), or its last character has bits that say nothing.
    case notBase64URL
    /// The first part is not a JSON object in UTF-8.
    case headerNotJSON
    /// The second part is not a JSON object in UTF-8.
    case payloadNotJSON
    /// `alg`, `kid`, `exp`, `nbf` or the channel claim stands there twice. RFC 7515 section 4 and RFC 7519 section 4 allow to
    /// refuse this or to take the last; refused, so that no two readers of one token can see two different tokens.
    case duplicateMember
    /// No `alg`, or one that is not a string.
    case algorithmMissing
    /// `alg` is not one of the configured names (`none`, in any spelling, never is).
    case algorithmNotAllowed
    /// The header has `crit`: extensions that must be understood, and none is (RFC 7515 section 4.1.11); or `b64`, which
    /// changes what the payload is and must not be there without `crit` (RFC 7797 section 6).
    case criticalExtension
    /// `kid` is not a string (RFC 7515 section 4.1.4).
    case keyIDNotString
    /// `kid` names a key that is not there, and none that has no name could have made the signature.
    case keyUnknown
    /// The signature fits none of the keys.
    case signatureInvalid
    /// libcrypto failed (no memory): the token may be good, but nobody gets in unchecked.
    case notCheckable
    /// `exp` is not a number (RFC 7519 section 4.1.4).
    case expiryNotNumeric
    /// `nbf` is not a number (RFC 7519 section 4.1.5).
    case notBeforeNotNumeric
    /// Now is not before `exp` plus leeway.
    case expired
    /// Now is before `nbf` less leeway.
    case notYetValid
    /// There is no channel claim.
    case channelMissing
    /// The channel claim is not a string.
    case channelNotString
    /// The channel claim is the empty string.
    case channelEmpty
    /// The channel claim is `full`, the global stream's name, or begins as the gateway's own keys do (`presence:`,
    /// `idempotency:`).
    case channelReserved
    /// The channel claim has a control character (U+0000–U+001F, U+007F: it becomes part of a Redis key and of log
    /// lines) or half a surrogate pair (which has no UTF-8 form).
    case channelNotText

    /// A short sentence for the body of the 401. Says nothing of keys, of claims' values or of what was expected.
    public var reason: String {
        switch self {
        case .empty: "The token is empty."
        case .tooLong: "The token is too long."
        case .notThreeParts: "The token does not have three parts."
        case .notBase64URL: "The token is not base64url."
        case .headerNotJSON: "The token's header is not a JSON object."
        case .payloadNotJSON: "The token's payload is not a JSON object."
        case .duplicateMember: "The token has a member twice."
        case .algorithmMissing: "The token names no algorithm."
        case .algorithmNotAllowed: "The token's algorithm is not allowed."
        case .criticalExtension: "The token has a critical extension that is not known."
        case .keyIDNotString: "The token's kid is not a string."
        case .keyUnknown: "The token's key is not known."
        case .signatureInvalid: "The token's signature is not valid."
        case .notCheckable: "The token could not be checked."
        case .expiryNotNumeric: "The token's exp is not a number."
        case .notBeforeNotNumeric: "The token's nbf is not a number."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not yet valid."
        case .channelMissing: "The token names no channel."
        case .channelNotString: "The token's channel is not a string."
        case .channelEmpty: "The token's channel is empty."
        case .channelReserved: "The token's channel is reserved."
        case .channelNotText: "The token's channel has characters that are not allowed."
        }
    }

    /// The value of the metrics' `reason` label: lower-case words with underscores.
    public var tag: String {
        switch self {
        case .empty: "token_empty"
        case .tooLong: "token_too_long"
        case .notThreeParts, .notBase64URL, .headerNotJSON, .payloadNotJSON, .duplicateMember,
            .keyIDNotString:
            "token_malformed"
        case .algorithmMissing, .algorithmNotAllowed: "token_algorithm"
        case .criticalExtension: "token_critical_extension"
        case .keyUnknown: "token_key"
        case .signatureInvalid: "token_signature"
        case .notCheckable: "token_not_checkable"
        case .expiryNotNumeric, .notBeforeNotNumeric: "token_date"
        case .expired: "token_expired"
        case .notYetValid: "token_not_yet_valid"
        case .channelMissing, .channelNotString, .channelEmpty, .channelReserved, .channelNotText: "token_channel"
        }
    }
}
