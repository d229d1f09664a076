import EventLog
import EventLoop
import JSONWebToken
import Metrics
import RedisStreams

/// What loops tell each other: immutable values through mailboxes, nothing else is shared.
enum LoopMessage: Sendable {
    /// The reader knows where in the global stream it begins: the log starts above the one ID, and what lies between it
    /// and the other follows at once.
    case logOpened(floor: StreamID, lastID: StreamID)
    /// The log holds what could be had from before the start: upgrades may be accepted.
    case logReady
    /// Read one after the other, to be delivered together. Never empty. What was handed over is settled when it is delivered.
    case batches([Batch], LoopDebt)
    /// The reader waited for a loop that was far behind, and need not any more.
    case loopHasCaughtUp
    /// The stream does not go on where it was read to.
    case logBroken(Break)
    /// A loop has come upon a stream that may be another one than the log was read from: whether it is, the reader finds out
    /// with its next look at the stream.
    case continuityDoubted(by: Mailbox<LoopMessage>)
    /// It is not.
    case continuityConfirmed
    /// Whether the reader is connected to Redis.
    case redis(connected: Bool)
    /// For the connections that come from now on.
    case certificates(TLSServerContext)
    /// The sentinels name another primary: nobody is to stay with the old one.
    case primaryMoved(from: NodeAddress, to: NodeAddress)
    /// Tokens are checked with this from now on.
    case verifier(Verifier)
    case drain
    /// End at once, whatever is open.
    case stop
    /// Give the figures to whoever asks.
    case figures(@Sendable (Snapshot) -> Void)
    /// Another loop's figures, for the loop that asked for them.
    case collected(Snapshot, round: UInt64)
}
