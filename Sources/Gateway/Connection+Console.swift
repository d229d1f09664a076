import BrowserFiles
import Configuration
import EventLog
import EventLoop
import HTTP1
import JSONWebToken
import Metrics
import ServerSentEvents

/// `/console`: the page to try and watch the gateway by, and below it all that the page speaks to.
///
/// Everything that is served elsewhere is served below `/console` too, to who brings the console's own cookie: that one has its path
/// there, so what the page's user may do, and which channel is his, changes nothing for other pages of this host.
extension Connection {
    static let consolePath: StaticString = "/console"
    static let consoleCookie = "sluice-console"
    private static let methods = "GET, HEAD"

    /// - Parameter head: without `/console`.
    func answerConsole(_ head: RequestHead) {
        if head.listContains("upgrade", "websocket") { return route(head) }
        if head.path.isEmpty || head.hasPath("/") { return answerConsolePage(head) }
        if head.hasPath("/figures") { return answerFigures(head) }
        route(head)
    }

    /// The page is no secret; but who may not use it had better be told here than by a page that does not work.
    private func answerConsolePage(_ head: RequestHead) {
        guard head.method == .get || head.method == .head else {
            return decline(.wrongMethod(allowed: Self.methods), head)
        }
        let fields: [Response.Field] = [.init("Cache-Control", "no-store"), .init("Referrer-Policy", "no-referrer")]
        if let refusal = refusalAtTheDoor(head) { return declineConsole(refusal, head, fields) }
        if let token = head.queryParameter("token") { return takeConsoleToken(token, head, fields) }
        switch identify(head) {
        case .identified: answer(with: .console, head, fields: fields)
        case .refused(let refusal): declineConsole(refusal, head, fields)
        }
    }

    /// Makes a cookie of a token that came in the page's address, and takes it out of there.
    private func takeConsoleToken(_ token: [UInt8], _ head: RequestHead, _ fields: [Response.Field]) {
        switch verify(token[...]) {
        case .refused(let refusal): declineConsole(refusal, head, fields)
        case .identified:
            // What has been verified consists of letters, digits and `-_.`.
            var cookie = "\(Self.consoleCookie)=\(String(decoding: token, as: UTF8.self))"
            cookie += "; Path=\(Self.consolePath); HttpOnly; SameSite=Strict"
            if stream.isSecure { cookie += "; Secure" }
            let own: [Response.Field] = [.init("Location", "\(Self.consolePath)"), .init("Set-Cookie", cookie)]
            reply(Response(.seeOther, fields: fields + own), to: head)
        }
    }

    private func declineConsole(_ refusal: RequestRefusal, _ head: RequestHead, _ fields: [Response.Field]) {
        if let tag = refusal.tag { loop.counters.handshakesRefused.add(tag) }
        var response = refusal.response
        let text =
            "The console wants a token: open \(Self.consolePath)?token=<token>, as `sluice token` makes it. Now: "
            + "\(refusal.explanation).\n"
        response.body = .bytes(Array(text.utf8))
        response.fields += fields + [requestIDField]
        loop.logRefusal(refusal, self)
        reply(response, to: head)
    }

    // MARK: Figures

    private func answerFigures(_ head: RequestHead) {
        let toHead = head.method == .head
        guard head.method == .get || toHead else { return decline(.wrongMethod(allowed: Self.methods), head) }
        guard head.accepts(type: "text", subtype: "event-stream") else { return refuse(.notAcceptable, toHead: toHead) }
        let admitted: Admitted
        switch admit(head) {
        case .admitted(let value): admitted = value
        case .refused(let refusal): return refuse(refusal, toHead: toHead)
        }
        guard !loop.figureStreams.isFull else { return refuse(.tooManyConnections, toHead: toHead) }
        var bytes = eventStreamHead(fields: [], toHead: toHead)
        guard !toHead else {
            send(bytes)
            return finishAfterFlush()
        }
        let channel = JSONText.string(admitted.channel.name)
        let mayPublish =
            if case .success(let names) = identifyPublisher(head) { names.contains(admitted.channel.name) } else {
                false
            }
        let session =
            "{\"channel\":\(channel),\"publish\":\(mayPublish),\"version\":\(JSONText.string(Array(Gateway.version.utf8)))}"
        bytes += EventStreamText.event(name: "session", data: session)
        phase = .open
        stream.setUserTimeout(milliseconds: loop.context.settings.socketResponseTimeoutMs)
        setDeadline(admitted.lifetime.end)
        send(bytes)
        if phase == .open { loop.figureStreams.add(self) }
    }
}
