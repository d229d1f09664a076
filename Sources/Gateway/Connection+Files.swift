import BrowserFiles
import HTTP1

/// What browsers load: `/sluice.js`, `/sluice.mjs` and the page of the console.
extension Connection {
    private static let methods = "GET, HEAD"
    /// How long a copy may be used without asking (s): a new version of the gateway is taken up within minutes.
    private static let maximumAge = 600

    /// Answers a request for one of the clients' files; false: it is for something else.
    func answerClientFile(_ head: RequestHead) -> Bool {
        let file: BrowserFile
        if head.hasPath("/sluice.js") {
            file = .client
        } else if head.hasPath("/sluice.mjs") {
            file = .clientModule
        } else {
            return false
        }
        // Pages of all origins load it: there is nothing in it that is not public.
        answer(
            with: file, head,
            fields: [
                .init("Cache-Control", "public, max-age=\(Self.maximumAge)"),
                .init("Access-Control-Allow-Origin", "*"), .init("Cross-Origin-Resource-Policy", "cross-origin"),
            ])
        return true
    }

    /// Sends a file, or that the browser's copy is still good (RFC 9110 section 13.1.2).
    func answer(with file: BrowserFile, _ head: RequestHead, fields: [Response.Field]) {
        guard head.method == .get || head.method == .head else {
            return decline(.wrongMethod(allowed: Self.methods), head)
        }
        var fields = fields + [.init("ETag", file.entityTag), .init("X-Content-Type-Options", "nosniff")]
        if head.hasCopy(entityTag: file.entityTag) {
            return reply(Response(.notModified, fields: fields), to: head)
        }
        fields.append(.init("Content-Type", file.contentType))
        if let policy = file.securityPolicy { fields.append(.init("Content-Security-Policy", policy)) }
        reply(Response(.ok, fields: fields, body: .bytes(file.bytes)), to: head)
    }
}
