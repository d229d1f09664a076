import HTTP1

/// What a page of another origin has to be told so that its browser lets it read an answer (Fetch, section 3.2).
///
/// The origin itself is named and never `*`, which browsers do not take where cookies are sent. A page of the gateway's
/// own origin is told the same: which scheme it reached the gateway by, behind a proxy, is not known here.
struct CrossOrigin {
    /// For every answer, refusals too: so that the page can read the reason.
    let fields: [Response.Field]
    /// Whether a page of this origin may connect; true without an `Origin`, which is no browser's.
    let isAllowed: Bool
    /// The origins as they came, for the log.
    let origins: [String]

    /// How long a browser may remember a preflight's answer: two hours, the most that Chromium does.
    private static let maximumAgeSeconds = 7200

    init(_ head: RequestHead, policy: OriginPolicy) {
        origins = head.values("origin").map { String(decoding: $0, as: UTF8.self) }
        isAllowed = policy.allows(origins: origins, host: head.host)
        // Whatever lies between must not give one page's answer to another page.
        let vary = Response.Field("Vary", "Origin")
        guard isAllowed, let origin = origins.first else {
            fields = [vary]
            return
        }
        fields = [
            vary, .init("Access-Control-Allow-Origin", origin), .init("Access-Control-Allow-Credentials", "true"),
        ]
    }

    /// For the answer to a preflight that is allowed (Fetch, section 3.2.3). `EventSource` needs none; a client written
    /// over `fetch` does, for the headers that it sets by itself.
    func preflightFields(methods: String) -> [Response.Field] {
        fields + [
            .init("Access-Control-Allow-Methods", methods),
            .init(
                "Access-Control-Allow-Headers",
                "Authorization, Last-Event-ID, Cache-Control, Content-Type, Idempotency-Key"),
            .init("Access-Control-Max-Age", "\(Self.maximumAgeSeconds)"),
        ]
    }
}
