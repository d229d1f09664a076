import EventLog
import Logging
import RedisStreams

/// When the anchor is gone: whether another stream has taken the place of the one that was read, and where to go on.
extension StreamReader {
    func examine() {
        handOn()
        phase = .following(.examination)
        askStanding()
    }

    func receiveExamination() -> Bool {
        guard let (info, time) = nextStanding() else { return true }
        let verdict = continuity.judge(info, serverMilliseconds: time)
        if case .differs(let from) = verdict, let info {
            discard()
            search(
                StreamSearch(info, from: min(from, continuity.lastID), trail: feed.trail, log: loop.log))
        } else {
            goOn(with: verdict, info)
        }
        return false
    }

    private func search(_ search: StreamSearch) {
        phase = .following(.search(search))
        link.send([search.question(loop.context.globalStream)], silence: Self.silenceAllowance)
    }

    func receive(_ search: StreamSearch) -> Bool {
        switch search.take(link.replies, continuity: continuity, trail: feed.trail, log: loop.log) {
        case .needMore:
            return true
        case .refused(let error):
            link.fail(error)
            return true
        case .failed(let text):
            link.fail(text)
            return true
        case .goOn:
            self.search(search)
        case .emptied:
            examine()
        case .ended(let verdict):
            goOn(with: verdict, search.info, isAfterSearch: true, found: search.found)
        }
        return false
    }

    private func goOn(
        with verdict: StreamContinuity.Verdict, _ info: StreamInfo?, isAfterSearch: Bool = false,
        found: StreamContinuity.Anchor? = nil
    ) {
        let before = continuity.lastID
        var place = continuity
        switch verdict {
        case .continues, .differs:
            place.accept(verdict, info, isAfterSearch: isAfterSearch, found: found)
            commit(behind: place)
        case .hole(let end):
            // What was read of it is what comes next: so reading gets on however fast the stream is trimmed.
            let floor = beginOfUnsure ?? end
            place.accept(.hole(floor: floor), info)
            // One from which nothing was removed was begun anew.
            let isHole = info.map { ($0.entriesAdded ?? 0) > $0.length } ?? false
            feed.breakLog(common: loop.log.lastID, floor: floor, isHole: isHole)
            commit(behind: place)
            loop.logger.warning(
                "entries were removed from the global stream before they were read; what their channels' streams hold of them is sent from there",
                metadata: ["after": "\(before)", "goingOnAfter": "\(floor)"])
        case .replaced(let common, let floor):
            discard()
            place.accept(verdict, info, isAfterSearch: isAfterSearch, found: found)
            commit(behind: place)
            feed.breakLog(common: common, floor: floor, isHole: false)
            loop.logger.warning(
                "the global stream is not the one that was read (deleted, flushed, or another primary's); reading on as far back as the two agree",
                metadata: ["readThrough": "\(before)", "goingOnAfter": "\(continuity.lastID)"])
        }
        link.answered()
        readOn()
    }
}
