import Configuration
import EventLog
import EventLoop
import Logging
import RedisStreams

/// First contact: the stream's last ID, and what lies before it.
extension StreamReader {
    /// Returns whether nothing more can be done for now; so do the others.
    func receivePin() -> Bool {
        guard let (info, time) = nextStanding() else { return true }
        link.answered()
        continuity = StreamContinuity(info)
        // What was in a stream that is gone is not known: the log can speak only for what comes from now on, and
        // the clock was read before the stream was looked for.
        let known = info.flatMap { $0.lastGeneratedID == .zero ? nil : $0.lastGeneratedID }
        let through = known ?? StreamID(milliseconds: time, sequence: 0).predecessor
        let fill = LogFill(
            through: through, capacity: loop.context.settings.historyBytes,
            deadline: loop.now.advanced(byMilliseconds: LogFill.maximumMilliseconds))
        phase = .filling(fill)
        if info == nil { finishFilling(fill) } else { askPage(fill) }
        return false
    }

    private func askPage(_ fill: LogFill) {
        link.send(
            [.xrevrange(stream: loop.context.globalStream, from: fill.next, to: .zero, count: fill.pageCount)],
            silence: Self.silenceAllowance + LogFill.maximumMilliseconds)
    }

    func receivePage(_ fill: LogFill) -> Bool {
        switch fill.take(link.replies, assembler: &assembler) {
        case .needMore:
            return true
        case .refused(let error):
            link.fail(error)
            return true
        case .failed(let text):
            link.fail(text)
            return true
        case .taken:
            if fill.isDone(now: loop.now) { finishFilling(fill) } else { askPage(fill) }
            return false
        }
    }

    /// Asks how the stream stands, apart from any reading.
    func askStanding() {
        standing = StandingReader()
        link.send(StandingReader.questions(loop.context.globalStream), silence: Self.silenceAllowance)
    }

    private func finishFilling(_ fill: LogFill) {
        feed.open(fill)
        loop.logger.info(
            "reading events",
            metadata: [
                "stream": "\(String(decoding: loop.context.globalStream, as: UTF8.self))",
                "after": "\(continuity.lastID)", "eventsInMemory": "\(loop.log.eventCount)",
            ])
        readOn()
        announce()
        feed.broadcast(.logReady)
    }
}
