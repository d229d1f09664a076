import Configuration
import EventLoop
import Logging
import RedisStreams

/// Asks a sentinel once a second which server is the primary, and tells all loops when it is another: the old one may go
/// on as a primary for ten seconds, and nobody would be at its connections to say that it is none. Lives on one loop.
final class SentinelWatch: RedisLinkUser {
    private unowned let loop: GatewayLoop
    private let mailboxes: [Mailbox<LoopMessage>]
    private lazy var link = RedisLink(loop: loop, purpose: "asking for the primary", isWatch: true, user: self)
    /// What a sentinel said last. Only a change counts: one that lags behind the others moves nobody again and again.
    private var primary: NodeAddress?
    private var timer: TimerToken?

    private static let intervalMilliseconds: Int64 = 1000
    private static let silenceMilliseconds: Int64 = 2000

    init(loop: GatewayLoop, mailboxes: [Mailbox<LoopMessage>]) {
        self.loop = loop
        self.mailboxes = mailboxes
    }

    func start() { link.connect() }

    private func ask() {
        link.send(
            [.primaryAddress(name: loop.context.settings.redis.sentinelName)], silence: Self.silenceMilliseconds)
    }

    private func note(_ address: NodeAddress) {
        defer { primary = address }
        guard let old = primary, old != address else { return }
        loop.logger.info(
            "the sentinels name another primary", metadata: ["address": "\(address)", "before": "\(old)"])
        for mailbox in mailboxes { mailbox.post(.primaryMoved(from: old, to: address)) }
    }

    // MARK: Link

    func linkIsReady() { ask() }

    func linkReceived() {
        while link.isReady {
            switch link.replies.nextReply() {
            case .needMore:
                return
            case .protocolError(let text):
                return link.fail(text)
            case .reply(let reply):
                guard let address = reply.primaryAddress else {
                    return link.fail("the sentinel's answer is no address of a primary")
                }
                link.answered()
                link.expectNothing()
                note(address)
                timer = loop.events.schedule(at: loop.now.advanced(byMilliseconds: Self.intervalMilliseconds)) {
                    [weak self] in self?.ask()
                }
            }
        }
    }

    func linkWasLost() {
        if let timer { loop.events.cancel(timer) }
        timer = nil
    }
}
