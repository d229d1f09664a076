import EventLoop
import Logging
import RedisStreams

/// Writes events to Redis as any producer does: to the channel's stream and to the global one.
///
/// Both at once wherever Redis can do that: a single Redis, or a cluster that has both streams in one slot. In another
/// cluster one after the other, in the producers' order, between a claim and a record if there is an `Idempotency-Key`.
/// Confined to its loop's thread.
final class Publisher {
    struct Event {
        var channel: [UInt8]
        var data: [UInt8]
        /// Nil without an `Idempotency-Key`.
        var record: Command.PublicationRecord?
    }

    enum Outcome {
        /// Under this ID of the global stream.
        /// - Parameter isRepeat: it was written by an earlier request with the same key.
        case published(id: [UInt8], isRepeat: Bool)
        case refused(PublishRefusal)
    }

    typealias Completion = (Outcome) -> Void

    private unowned let loop: GatewayLoop
    private var complaints = RateLimit(perSecond: 1)
    /// Keys in different slots were refused: it is a cluster.
    private var isCluster = false

    /// How long a claim lasts whose outcome nobody could record: longer than any gateway waits for Redis.
    private static let claimMilliseconds = 60_000

    init(loop: GatewayLoop) { self.loop = loop }

    /// Writes the event. The completion is called once, perhaps before this returns.
    func publish(_ event: Event, _ done: @escaping Completion) {
        let own = loop.context.stream(of: event.channel)
        let global = loop.context.globalStream
        if isCluster, ClusterSlot.of(own) != ClusterSlot.of(global) { return publishInSteps(event, done) }
        write(.publish(channelStream: own, globalStream: global, data: event.data, record: event.record), done) {
            [unowned self] reply in
            switch reply {
            case .failed(let error) where error.text.hasPrefix("CROSSSLOT"):
                isCluster = true
                publishInSteps(event, done)
                return nil
            default:
                return finish(reply, done)
            }
        }
    }

    // MARK: In a cluster

    private func publishInSteps(_ event: Event, _ done: @escaping Completion) {
        guard let record = event.record else { return writeToChannel(event, done) }
        write(.claim(record, data: event.data, milliseconds: Self.claimMilliseconds), done) { [unowned self] reply in
            guard case .free = reply else { return finish(reply, done) }
            writeToChannel(event) { [weak self] outcome in
                switch outcome {
                case .refused(.redisIsAway), .refused(.redisRefused):
                    self?.loop.writer.write([.release(record)]) { _ in nil }
                case .published, .refused:
                    break
                }
                done(outcome)
            }
            return nil
        }
    }

    private func writeToChannel(_ event: Event, _ done: @escaping Completion) {
        let own = loop.context.stream(of: event.channel)
        loop.writer.write([.publishToChannel(stream: own, data: event.data)]) { [unowned self] outcome in
            switch outcome {
            case .notSent:
                done(.refused(.redisIsAway))
            case .unknown:
                done(.refused(.unknownOutcome))
            case .answered(let replies):
                if let text = replies.first?.errorText { return finish(.failed(ServerError(text)), done) }
                guard case .string? = replies.first else { return finish(.notUnderstood, done) }
                writeGlobally(event, done)
            }
            return nil
        }
    }

    private func writeGlobally(_ event: Event, _ done: @escaping Completion) {
        let command = Command.publishGlobally(
            globalStream: loop.context.globalStream, data: event.data, record: event.record)
        // One of the two entries is there: whatever happens now, that nothing was written is no longer true.
        let done: Completion = { outcome in
            switch outcome {
            case .published: done(outcome)
            case .refused: done(.refused(.unknownOutcome))
            }
        }
        write(command, done) { [unowned self] reply in finish(reply, done) }
    }

    // MARK: Answers

    private func write(
        _ command: Command, _ done: @escaping Completion, _ take: @escaping (PublicationReply) -> String?
    ) {
        loop.writer.write([command]) { outcome in
            switch outcome {
            case .notSent:
                done(.refused(.redisIsAway))
                return nil
            case .unknown:
                done(.refused(.unknownOutcome))
                return nil
            case .answered(let replies):
                return take(replies.first.map { PublicationReply($0) } ?? .notUnderstood)
            }
        }
    }

    /// Ends with what Redis has said. Returns why that cannot be used, if so.
    private func finish(_ reply: PublicationReply, _ done: Completion) -> String? {
        switch reply {
        case .added(let id): done(.published(id: id, isRepeat: false))
        case .known(let id): done(.published(id: id, isRepeat: true))
        case .other: done(.refused(.keyIsUsed))
        case .claimed: done(.refused(.underWay))
        case .failed(let error):
            if let suppressed = complaints.admit(now: loop.now) {
                loop.logger.warning(
                    "an event could not be published",
                    metadata: ["problem": "\(error)", "unreportedBefore": "\(suppressed)"])
            }
            done(.refused(.redisRefused))
            return error.isAboutServer ? error.description : nil
        case .free, .notUnderstood:
            done(.refused(.unknownOutcome))
            return "an event was answered with something that no script says"
        }
        return nil
    }
}

extension ServerError {
    /// Another server, or the same one later, may take what this one has refused.
    var isAboutServer: Bool {
        switch kind {
        case .authentication, .readOnly, .moved: true
        // Keys of a slot that is on its way between two nodes: these know it, and will be done with it.
        case .loading: !text.hasPrefix("TRYAGAIN")
        case .outOfMemory, .wrongType, .noSuchKey, .noPermission, .unknownCommand, .other: false
        }
    }
}
