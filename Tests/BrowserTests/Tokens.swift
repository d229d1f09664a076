import JSONWebToken
import TestSupport

/// A token that opens a channel and may publish to it.
func publisherToken(_ channel: String) throws -> String {
    let signer = try Signer(algorithm: .HS256, secret: Array(WebSocketClient.secret.utf8))
    let claims = #"{"channel":"\#(channel)","publish":["\#(channel)"]}"#
    return String(decoding: try signer.sign(claims: Array(claims.utf8)), as: UTF8.self)
}
