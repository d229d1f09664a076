/// What a round of reading came to: what to send now, and how to go on.
public struct ReplayPlan: Equatable, Sendable {
    public struct Send: Equatable, Sendable {
        /// The ID the client is given: the global stream's where it still holds the event, else the channel stream's.
        public var id: StreamID
        public var body: [UInt8]
        /// Its place in the order in which the round dealt with events.
        var key: StreamID

        init(id: StreamID, body: [UInt8], key: StreamID? = nil) {
            self.id = id
            self.body = body
            self.key = key ?? id
        }
    }

    public enum Next: Equatable, Sendable {
        /// The rest is in the log: the cursor stands on this event, or at this ID where the log lets go of the event
        /// before the cursor gets there. Exceptions lie beyond it.
        case log(EventNumber, at: StreamID, Exceptions)
        /// More has to be read from Redis, by a round that is given these exceptions.
        case again(ResumePoint, Exceptions)
    }

    public var sends: [Send]
    public var next: Next
    /// Something may be missing behind the resume point.
    public var gap: Gap?

    /// Events that may be gone for good. Sometimes a false alarm, never a missed one.
    public struct Gap: Equatable, Sendable {
        /// Where what may be missing stood.
        public enum Extent: Equatable, Sendable {
            /// In the channel's stream before this ID.
            case before(StreamID)
            /// In a stream of the channel that is gone as a whole, or never was.
            case wholeStream
        }

        /// Why something may be missing.
        public enum Cause: Equatable, Sendable {
            /// The channel's stream says that entries were removed.
            case trimmed
            /// It is another one than the resume point is a place in, and does not know.
            case replaced
            /// Entries were removed from the global stream alone, as it looks; but a stream that was begun anew may look so.
            case hole
        }

        public var extent: Extent
        public var cause: Cause

        /// Whether something may be missing that was not missing when it was this; nil: when nothing was.
        public func isMore(than before: Extent?) -> Bool {
            switch (extent, before) {
            case (.before(let end), .before(let known)): end > known
            case (.wholeStream, .wholeStream): false
            case (.before, .wholeStream), (.wholeStream, .before), (_, nil): true
            }
        }
    }
    /// Set if the round may also end before any of ``sends``: what a client that takes no more for now is owed can then be
    /// read again. Nil if only the whole plan can be carried out.
    var divisible: Divisible?

    struct Divisible: Equatable, Sendable {
        /// Where the round began.
        var resume: ResumePoint
        var frontier: StreamID?
    }

    /// From where to go on if the event at `index` of ``sends``, and what is behind it, is not sent; nil if that cannot be
    /// said.
    public func resumePoint(before index: Int) -> ResumePoint? {
        guard let divisible else { return nil }
        guard index > 0 else { return divisible.resume }
        // What was sent from behind the resume point, because it may not have been had, is told by no place; nor is what
        // comes between events that share one.
        let key = sends[index - 1].key
        guard key >= divisible.resume.id, sends[index].key > key else { return nil }
        return .settled(key, frontier: divisible.frontier)
    }
}

extension ReplayRound {
    private var gap: ReplayPlan.Gap? {
        guard resume.id < floor else { return nil }
        let isTrimmed = channelFacts.trimmed && resume.id < channelFacts.first ?? channelFacts.lastGenerated
        let isBeforeFirst = channelFacts.first.map { resume.id < $0 } ?? false
        let cause: ReplayPlan.Gap.Cause
        if isTrimmed {
            cause = .trimmed
        } else if channelFacts.hasLost(behind: resume.id) || isBeforeReplacement && isBeforeFirst {
            cause = .replaced
        } else if isBeforeBreak, isBeforeFirst {
            cause = .hole
        } else {
            return nil
        }
        let isGone = channelFacts.lastGenerated == .zero
        return ReplayPlan.Gap(
            extent: isGone ? .wholeStream : .before(channelFacts.first ?? channelFacts.lastGenerated.successor),
            cause: cause)
    }

    /// How the resume point is to be read, in the light of what the streams hold.
    private enum Reading {
        /// A place in the order in which the rounds before this one dealt with events, the frontier being where it was.
        case place
        /// A place in the order of the global stream: had is what stands at or before it.
        case position
        /// The ID of an entry of the channel's stream: had are the channel's entries up to it (rule 2).
        case channelEntry
        /// The global stream was trimmed past it. It may have been any of these, or an event's that was sent under its
        /// channel ID: had is only what it would have been by each of them.
        case doubtful
    }

    /// The place the client is in, as events of the log and what Redis told decide it.
    func resolve(log: borrowing EventLog) -> ReplayPlan {
        if case .claimed(let id) = resume,
            case .event(let number) = log.place(id, of: channel, onlyBehindBreak: common != nil)
        {
            return ReplayPlan(sends: [], next: .log(number, at: id, Exceptions()))
        }
        guard !lacksTwins(log: log) else {
            return ReplayPlan(sends: [], next: .again(resume, exceptionsBefore))
        }
        let events = events(log: log)
        let reading = read(events)
        if let common, isOfStreamBefore(events, reading) {
            var exceptions = exceptionsBefore
            let now = StreamID(milliseconds: globalFacts.serverMilliseconds, sequence: 0).endShifted(by: skew)
            exceptions.hadOfStreamBefore(through: min(resume.id, now))
            return ReplayPlan(sends: [], next: .again(.settled(common, frontier: nil), exceptions))
        }
        // What the page holds is of the time around an ID that says nothing.
        if isFromNowhere(events, reading) { return ReplayPlan(sends: [], next: goOnFromArrival(log: log)) }
        let divisible = isDivisible(events, reading) ? ReplayPlan.Divisible(resume: resume, frontier: frontier) : nil
        let gap = gap

        let end = end(of: events, reading: reading, log: log)
        var sends: [ReplayPlan.Send] = []
        var exceptions = Exceptions()
        var given = self.exceptions
        var unseen = given.awaited
        for event in events where event.key <= end ?? .max {
            var had = wasHad(event, by: reading)
            if !had, event.twin == .known { had = event.item.body.withUnsafeBytes { given.skips(event.key, body: $0) } }
            // As for a place that the stream was trimmed past: in doubt no.
            if !had, let through = [given.skipThrough, given.doubtfulThrough].compactMap({ $0 }).max() {
                had = event.key < through.shifted(by: -skew)
            }
            if !had, event.twin != .known, let twin = Self.take(event, from: &unseen, skew: skew) {
                // Given under its channel ID by a round before, in wait of a twin.
                had = true
                if event.twin == .trimmed { given.awaited.removeAll { $0 == twin } }
            }
            if event.isInLog(above: floor) {
                if had { exceptions.ids.append(event.key) }
                continue
            }
            switch event.twin {
            case .known:
                if !had { sends.append(.init(id: event.key, body: event.item.body)) }
            case .pending:
                // It will come through the log, in its place of the global order: given now under the channel's ID it
                // would stand in a place that no later resume could tell.
                if had, reading == .channelEntry { awaitTwin(of: event, log: log, in: &exceptions) }
            case .trimmed:
                if !had { sends.append(sendWithoutTwin(event, after: sends.last)) }
            case .ambiguous:
                if !had { sends.append(sendWithoutTwin(event, after: sends.last)) }
                if !had || reading == .channelEntry { awaitTwin(of: event, log: log, in: &exceptions) }
            case .none:
                let isOrphan = given.orphansThrough.map { event.channelID <= $0 } ?? false
                if !had, !isOrphan, event.key <= floor { sends.append(.init(id: event.key, body: event.item.body)) }
            }
        }

        if let end {
            // What a client had beyond the place would be forgotten there, and what was sent beyond it would be repeated.
            guard end >= covered(by: reading) else {
                return ReplayPlan(sends: [], next: .again(resume, exceptionsBefore), gap: gap)
            }
            return ReplayPlan(
                sends: sends, next: .again(.settled(end, frontier: frontier), given), gap: gap, divisible: divisible)
        }
        exceptions.awaited += given.awaited
        exceptions.skipThrough = given.skipThrough
        exceptions.doubtfulThrough = given.doubtfulThrough
        if let through = given.orphansThrough { exceptions.hadOfStreamBefore(through: through) }
        return ReplayPlan(
            sends: sends, next: goOn(by: reading, exceptions, log: log), gap: gap, divisible: divisible)
    }

    /// What a page of the global stream itself comes to.
    func scanned(_ entries: [HistoryEntry], after place: StreamID, last: StreamID?, log: borrowing EventLog)
        -> ReplayPlan
    {
        var given = exceptions
        let isDivisible = given.concernsNoEntry
        var sends: [ReplayPlan.Send] = []
        for entry in entries where !entry.body.withUnsafeBytes({ given.skips(entry.id, body: $0) }) {
            sends.append(.init(id: entry.id, body: entry.body))
        }
        let end = max(last ?? floor, place)
        given.prune(through: end)
        let next: ReplayPlan.Next =
            end < log.floor
            ? .again(.settled(end, frontier: frontier), given)
            : .log(log.number(atOrBefore: end), at: end, given)
        return ReplayPlan(
            sends: sends, next: next,
            divisible: isDivisible ? .init(resume: resume, frontier: frontier) : nil)
    }

    /// For a place in the global stream that the log reaches: nothing has to be sent first.
    func planFromLog(log: borrowing EventLog) -> ReplayPlan {
        let next: ReplayPlan.Next =
            resume.id < log.floor
            ? .again(.settled(resume.id, frontier: frontier), exceptions)
            : goOn(by: .position, exceptions, log: log)
        return ReplayPlan(sends: [], next: next)
    }

    /// Whether what is left of this round can be told by a place alone.
    private func isDivisible(_ events: [ReplayEvent], _ reading: Reading) -> Bool {
        guard exceptions.concernsNoEntry, !events.contains(where: { $0.twin == .ambiguous }) else { return false }
        return switch reading {
        case .place, .position: true
        case .channelEntry, .doubtful: false
        }
    }

    // MARK: Reading

    private func read(_ events: [ReplayEvent]) -> Reading {
        switch resume {
        case .settled(let id, let then):
            if then == frontier { return .place }
            // What was removed since then does not matter where all had been removed before.
            if let then, let frontier, id.endShifted(by: skew) < min(then, frontier) { return .place }
            return .position
        case .claimed(let id):
            if isGlobalTrimmed, id < globalFacts.first ?? writtenThrough.successor { return .doubtful }
            if events.contains(where: { $0.item.globalID == id }) { return .position }
            guard let event = events.first(where: { $0.item.channelID == id }) else { return .position }
            // Only the channel's stream has it: a replay gave it out under this ID, in an order of its own.
            return event.twin == .none || hasBegunAnew(events, since: id) ? .doubtful : .channelEntry
        }
    }

    /// Whether the global stream was deleted and begins behind the ID: before it stand events of the channel that have no
    /// twin. Then the ID may have been that of one which went with it, and only by chance be an event's in the channel.
    private func hasBegunAnew(_ events: [ReplayEvent], since id: StreamID) -> Bool {
        guard let first = globalFacts.first, id < first else { return false }
        return events.contains { $0.twin == .none && $0.channelID.endShifted(by: skew) < first }
    }

    /// Whether the client has had the event. In doubt no: better twice than never.
    private func wasHad(_ event: ReplayEvent, by reading: Reading) -> Bool {
        let id = resume.id
        let within = id.shifted(by: -skew)
        switch (reading, event.twin) {
        case (.place, _), (.position, .known), (.position, .pending), (.position, .none):
            return event.key <= id
        case (.position, .trimmed), (.position, .ambiguous):
            // Such an event stood before all that is known, or, if it is still to come, stands behind it.
            return (frontier.map { id >= $0.predecessor } ?? false) || event.channelID < within
        case (.channelEntry, _):
            if let channelID = event.item.channelID { return channelID <= id }
            // Removed from the channel's stream, which still has the ID: so it stood before it.
            return event.key <= id.endShifted(by: skew) && event.key <= writtenAtStart
        case (.doubtful, .known):
            return event.key <= id && event.item.channelID.map { $0 <= id } ?? (event.key <= writtenAtStart)
        case (.doubtful, .pending), (.doubtful, .none):
            return event.channelID <= id
        case (.doubtful, .trimmed), (.doubtful, .ambiguous):
            return event.channelID < within
        }
    }

    // MARK: Sending

    /// An event that stood before all that the global stream still holds goes out under its channel's ID, as far as that
    /// says what it should to whoever reads it later. It must not be above the first ID that is held, or it would speak
    /// for events that are sent after it. Nor may it take the client back behind where it was, or with each cut it would
    /// be given more again. Then the event has an ID that says no more than the one before it did.
    private func sendWithoutTwin(_ event: ReplayEvent, after last: ReplayPlan.Send?) -> ReplayPlan.Send {
        var id = event.channelID
        if let frontier, id >= frontier { id = frontier.shifted(by: -skew).predecessor }
        return .init(id: max(id, last?.id ?? resume.id), body: event.item.body, key: event.key)
    }

    /// The twin that is awaited of this very event, if one is: each counts once.
    private static func take(
        _ event: ReplayEvent, from awaited: inout [Exceptions.AwaitedTwin], skew: Int64
    ) -> Exceptions.AwaitedTwin? {
        let until = event.channelID.endShifted(by: skew)
        guard let index = awaited.firstIndex(where: { $0.until == until && $0.body == event.item.body }) else {
            return nil
        }
        return awaited.remove(at: index)
    }

    private func awaitTwin(of event: ReplayEvent, log: borrowing EventLog, in exceptions: inout Exceptions) {
        guard mayStillCome(event.channelID, log: log) else { return }
        exceptions.awaited.append(
            .init(body: event.item.body, after: log.lastID, until: event.channelID.endShifted(by: skew)))
    }

    // MARK: Going on

    /// Where this round ends if it does not reach the log.
    private func end(of events: [ReplayEvent], reading: Reading, log: borrowing EventLog) -> StreamID? {
        // At the most the floor: what lies beyond it is left to the log.
        var end = cut.map { isTrimmed($0) ? $0 : min($0.shifted(by: -skew - 1).predecessor, floor) }
        if log.floor > floor, cursorID(by: reading) < log.floor {
            // The log let go of events meanwhile that this round leaves to it.
            end = min(end ?? .max, floor)
        }
        guard let latest = end else { return nil }
        // The next round could not know whether this one sent them, nor await their twins.
        let first = events.first { $0.twin == .ambiguous && !wasHad($0, by: reading) }
        return first.map { min(latest, $0.key.predecessor) } ?? latest
    }

    /// The last place up to which it takes the resume point to say what was had.
    private func covered(by reading: Reading) -> StreamID {
        switch reading {
        case .place, .position: resume.id
        case .channelEntry, .doubtful: resume.id.endShifted(by: skew)
        }
    }

    /// Where the cursor stands: at or before everything that was not had.
    private func cursorID(by reading: Reading) -> StreamID {
        switch reading {
        case .place, .position: resume.id
        case .channelEntry, .doubtful: resume.id.shifted(by: -skew).predecessor
        }
    }

    private func goOn(by reading: Reading, _ exceptions: Exceptions, log: borrowing EventLog) -> ReplayPlan.Next {
        var exceptions = exceptions
        var place = cursorID(by: reading)
        if place < resume.id, resume.id > log.lastID {
            // Should entries turn out to have been removed before the log came so far, the ID still counts.
            exceptions.doubtfulThrough = max(resume.id, exceptions.doubtfulThrough ?? .zero)
        }
        if place > log.lastID {
            exceptions.skipThrough = max(place, exceptions.skipThrough ?? .zero)
            place = log.lastID
        }
        // This round has dealt with everything below the log.
        place = max(place, floor)
        exceptions.prune(through: place)
        return .log(log.number(atOrBefore: place), at: place, exceptions)
    }

    /// Whether the ID that the client brought, when the log was still of the stream before, was that one's: the channel has no
    /// such entry in the streams that are there now. Then the client has had nothing of them but what both have. Of what was
    /// removed from the global stream that is assumed: better twice than never.
    private func isOfStreamBefore(_ events: [ReplayEvent], _ reading: Reading) -> Bool {
        guard case .claimed(let id) = resume else { return false }
        return switch reading {
        case .place, .channelEntry: false
        case .position, .doubtful: !events.contains { $0.item.globalID == id || $0.item.channelID == id }
        }
    }

    /// Whether nobody can have been given the ID that the client brought: it lies beyond all that was written, or lay in
    /// the future when the client came, and is no entry's. It may be another life's of the stream, whose clock was ahead.
    private func isFromNowhere(_ events: [ReplayEvent], _ reading: Reading) -> Bool {
        guard case .claimed(let id) = resume, id > arrival else { return false }
        let wasInFuture = !isClaimKnown && id.milliseconds > serverTimeAtArrival
        return switch reading {
        case .place, .channelEntry: false
        case .position: id > writtenThrough || wasInFuture
        // The stream was trimmed past it, and may itself be ahead of the clock.
        case .doubtful: wasInFuture && !runsAhead && !events.contains { $0.item.channelID == id }
        }
    }

    /// The client is owed what has come since it arrived, however long it was until Redis answered; that it stands below the
    /// ID says nothing. A log that was cut off from Redis had not read all that was written until then.
    private func goOnFromArrival(log: borrowing EventLog) -> ReplayPlan.Next {
        let then = StreamID(milliseconds: serverTimeAtArrival, sequence: 0).predecessor
        let place = max(arrival, min(then, writtenAtStart))
        guard place >= log.floor else { return .again(.settled(place, frontier: frontier), Exceptions()) }
        var exceptions = Exceptions()
        if place > log.lastID { exceptions.skipThrough = place }
        if place >= writtenThrough, resume.id.milliseconds < globalFacts.serverMilliseconds {
            // By its clock this server gives out no such ID any more. If the log comes to one, it is another primary's, which
            // another gateway found sooner and gave the client the ID of.
            exceptions.skipThrough = max(place, resume.id)
        }
        return .log(log.number(atOrBefore: place), at: min(place, log.lastID), exceptions)
    }
}
