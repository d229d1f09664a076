import Configuration
import EventLoop
import HTTP1
import JSONWebToken
import RedisStreams

/// `GET /api/presence`: whether anybody is there for the caller's own channel, at whichever gateway.
extension Connection {
    private static let methods = "GET, HEAD, OPTIONS"
    /// Longer than a single silence of Redis may be; then the connection ends.
    private static let patience: Int64 = 20_000

    func answerPresence(_ head: RequestHead) {
        let crossOrigin = CrossOrigin(head, policy: loop.context.origins)
        switch head.method {
        case .options: answerPreflight(head, crossOrigin, methods: Self.methods)
        case .get, .head: lookForPresence(head, crossOrigin)
        case .post, .put, .delete, .patch, .trace, .connect, .other:
            refuseMethod(head, crossOrigin, allowed: Self.methods)
        }
    }

    private func lookForPresence(_ head: RequestHead, _ crossOrigin: CrossOrigin) {
        let toHead = head.method == .head
        let noStore = Response.Field("Cache-Control", "no-store")
        if let refusal = refusalAtTheDoor(head) {
            return refuse(refusal, toHead: toHead, fields: crossOrigin.fields + [noStore])
        }
        let channel: [UInt8]
        switch identify(head) {
        case .identified(let identity): channel = identity.channel
        case .refused(let refusal): return refuse(refusal, toHead: toHead, fields: crossOrigin.fields + [noStore])
        }
        let keep = staysOpen(after: head)
        let requestID = requestIDField
        isAwaitingAnswer = true
        pauseReading()
        setDeadline(loop.now.advanced(byMilliseconds: Self.patience))
        loop.writer.write([.exists(loop.context.presenceKey(of: channel))]) { [weak self] outcome in
            guard let self, phase != .closed else { return nil }
            isAwaitingAnswer = false
            defer { goOnReceiving() }
            if case .answered(let replies) = outcome, case .integer(let number)? = replies.first {
                let fields = [Response.Field("Content-Type", "application/json"), noStore] + crossOrigin.fields
                let body = Array("{\"present\":\(number > 0)}".utf8)
                reply(Response(.ok, fields: fields, body: .bytes(body)), keep: keep, toHead: toHead)
                return nil
            }
            loop.logRefusal(.presenceUnavailable, self)
            var response = RequestRefusal.presenceUnavailable.response
            response.fields += crossOrigin.fields + [requestID]
            reply(response, keep: keep, toHead: toHead)
            guard case .answered(let replies) = outcome else { return nil }
            let error = replies.first?.errorText.map { ServerError($0) }
            if let error { return error.isAboutServer ? error.description : nil }
            return "EXISTS was answered with something that is no number"
        }
    }
}
