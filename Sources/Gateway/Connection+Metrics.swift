import Configuration
import EventLoop
import HTTP1
import Metrics

/// What monitors ask for: `/health`, `/ready` and `/metrics`.
extension Connection {
    /// Which port a connection came in by, and so what is served on it.
    enum Port {
        /// Sessions, `/health` and `/ready`, and `/metrics` unless that has a port of its own.
        case main
        /// `/metrics`, `/health` and `/ready`.
        case metrics
    }

    private static let methods = "GET, HEAD"

    /// Answers whatever is not a session.
    func answerMonitor(_ head: RequestHead) {
        let isMetrics = head.hasPath("/metrics") && (port == .metrics || loop.context.settings.metricsPort == 0)
        let isHealth = head.hasPath("/health")
        guard isMetrics || isHealth || head.hasPath("/ready") else { return decline(.notFound, head) }
        guard head.method == .get || head.method == .head else {
            return decline(.wrongMethod(allowed: Self.methods), head)
        }
        if isMetrics { return answerMetrics(head) }
        let noStore = Response.Field("Cache-Control", "no-store")
        if isHealth {
            let fields = [Response.Field("Content-Type", "text/plain; charset=utf-8"), noStore]
            return reply(Response(.ok, fields: fields, body: .bytes(Array("OK".utf8))), to: head)
        }
        if let reason = loop.unreadiness {
            return reply(
                Response(.serviceUnavailable, text: reason, fields: [noStore, .init("Retry-After", "2")]), to: head)
        }
        reply(Response(.ok, text: "ready", fields: [noStore]), to: head)
    }

    /// Refuses a plain request, whose connection goes on.
    func decline(_ refusal: RequestRefusal, _ head: RequestHead) {
        var response = refusal.response
        response.fields.append(requestIDField)
        reply(response, to: head)
    }

    /// Asks all loops; until they have answered, nothing further is read from the connection.
    private func answerMetrics(_ head: RequestHead) {
        let format = PrometheusText.Format(preferredBy: head)
        let keep = staysOpen(after: head)
        let toHead = head.method == .head
        isAwaitingAnswer = true
        pauseReading()
        // Its own deadline comes later than the collector's.
        setDeadline(loop.now.advanced(byMilliseconds: FiguresCollector.deadlineMilliseconds * 2))
        loop.figures.collect { [weak self] snapshot in
            guard let self, phase != .closed else { return }
            isAwaitingAnswer = false
            reply(Self.response(snapshot, format), keep: keep, toHead: toHead)
            goOnReceiving()
        }
    }

    private static func response(_ snapshot: Snapshot?, _ format: PrometheusText.Format) -> Response {
        let fields = [Response.Field("Cache-Control", "no-store"), .init("Vary", "Accept")]
        guard let snapshot else {
            return Response(.serviceUnavailable, text: "an event loop has not answered in time", fields: fields)
        }
        return Response(
            .ok, fields: [.init("Content-Type", format.contentType)] + fields,
            body: .bytes(PrometheusText.render(snapshot, as: format)))
    }
}

extension PrometheusText.Format {
    /// OpenMetrics for who names it and does not like the text format better, text for all others.
    init(preferredBy head: RequestHead) {
        let named = head.quality(type: "application", subtype: "openmetrics-text", version: "1.0.0")
        let text = head.quality(type: "text", subtype: "plain", version: "0.0.4")
        self = named.isExplicit && named.thousandths > 0 && named.thousandths >= text.thousandths ? .openMetrics : .text
    }
}
