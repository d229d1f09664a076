import EventLog
import EventLoop
import Logging
import Metrics
import RedisStreams

/// Tells Redis which channels somebody of this loop listens to, so that workers can look whether anyone still waits.
///
/// A key with a time to live for each channel, set when the first one comes and again three times in that time, for as long
/// as somebody is there; nobody deletes it, since another gateway may have set it too. So a gateway that is killed takes its
/// channels with it, and a page that comes back soon was never away. Confined to its loop's thread.
final class Presence {
    private unowned let loop: GatewayLoop
    private let milliseconds: Int
    /// A channel is written again whenever the wheel comes to its step: a round takes a third of the time to live.
    private var wheel: [[ChannelMembers]]
    private let stepMilliseconds: Int64
    private var position = 0
    /// Steps that are taken quickly, since Redis was away and may have lost the keys.
    private var hurriedSteps = 0
    private var isTurning = false
    /// Told for the first time at the end of the loop's turn.
    private var new: [ChannelMembers] = []
    /// Channels on the wheel.
    private(set) var count = 0
    private var complaints = RateLimit(perSecond: 1)

    /// A finer division would only wake the loop more often.
    private static let stepsPerRound: Int64 = 100
    private static let shortestStep: Int64 = 20
    private static let hurriedStepMilliseconds: Int64 = 10

    init(loop: GatewayLoop, milliseconds: Int) {
        self.loop = loop
        self.milliseconds = milliseconds
        let round = Int64(milliseconds) / 3
        stepMilliseconds = max(round / Self.stepsPerRound, Self.shortestStep)
        wheel = [[ChannelMembers]](repeating: [], count: max(Int(round / stepMilliseconds), 1))
    }

    /// Somebody has come to the channel.
    /// - Parameter isPoll: who is gone at once and will be back: counts until the wheel has come round.
    func arrived(_ members: ChannelMembers, isPoll: Bool) {
        if isPoll { members.wasPolled = true }
        guard !members.isPresent else { return }
        members.isPresent = true
        count += 1
        if new.isEmpty { loop.events.atEndOfTurn { [weak self] in self?.tellNew() } }
        new.append(members)
    }

    private func tellNew() {
        let told = new
        new = []
        write(told)
        // Spread at random: those that have come at once are not written again at once.
        for members in told { wheel[Int.random(in: 0..<wheel.count, using: &loop.jitter)].append(members) }
        if !isTurning {
            isTurning = true
            scheduleStep()
        }
    }

    private func scheduleStep() {
        let pause = hurriedSteps > 0 ? min(Self.hurriedStepMilliseconds, stepMilliseconds) : stepMilliseconds
        _ = loop.events.schedule(at: loop.now.advanced(byMilliseconds: pause)) { [weak self] in self?.step() }
    }

    private func step() {
        hurriedSteps = max(hurriedSteps - 1, 0)
        position = (position + 1) % wheel.count
        var kept: [ChannelMembers] = []
        for members in wheel[position] {
            if members.subscribers.isEmpty, !members.wasPolled {
                members.isPresent = false
                count -= 1
            } else {
                members.wasPolled = false
                kept.append(members)
            }
        }
        wheel[position] = kept
        write(kept)
        if count > 0 { scheduleStep() } else { isTurning = false }
    }

    /// Redis was away, and keys may have expired meanwhile, or are gone.
    func redisIsBack() { hurriedSteps = wheel.count }

    private func write(_ channels: [ChannelMembers]) {
        guard !channels.isEmpty else { return }
        let commands = channels.map {
            Command.setPresence(loop.context.presenceKey(of: $0.channel.name), milliseconds: milliseconds)
        }
        loop.writer.write(each: commands) { [weak self] outcome in
            guard let self, case .answered(let replies) = outcome else { return nil }
            guard let text = replies.first?.errorText else {
                loop.counters.presenceWrites += 1
                return nil
            }
            let error = ServerError(text)
            complain(error)
            return error.isAboutServer ? error.description : nil
        }
    }

    private func complain(_ error: ServerError) {
        guard let suppressed = complaints.admit(now: loop.now) else { return }
        loop.logger.warning(
            "Redis could not be told who is there",
            metadata: ["problem": "\(error)", "unreportedBefore": "\(suppressed)"])
    }
}
