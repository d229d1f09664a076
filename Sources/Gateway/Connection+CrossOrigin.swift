import HTTP1

/// What endpoints for pages of other origins have in common.
extension Connection {
    /// Says what pages may do, whether or not it could be done now: a page whose preflight fails is told no reason.
    func answerPreflight(_ head: RequestHead, _ crossOrigin: CrossOrigin, methods: String) {
        guard crossOrigin.isAllowed else {
            return refuse(.origin(printable(crossOrigin.origins)), fields: crossOrigin.fields)
        }
        let fields = crossOrigin.preflightFields(methods: methods) + [.init("Allow", methods)]
        reply(Response(.noContent, fields: fields), to: head)
    }

    func refuseMethod(_ head: RequestHead, _ crossOrigin: CrossOrigin, allowed: String) {
        var response = RequestRefusal.wrongMethod(allowed: allowed).response
        response.fields += crossOrigin.fields
        reply(response, to: head)
    }
}
