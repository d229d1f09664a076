import Configuration
import EventLog
import Metrics

/// The one operation of the gateway: send this connection what its channel has after its cursor.
extension GatewayLoop {
    /// Takes batches into the log and gives them to those who are up to date. Who is not, finds them in the log later.
    func deliver(_ batches: [Batch]) {
        var start = 0
        var bytes = 0
        for index in batches.indices {
            // What is delivered together must be in the log together.
            if index > start, bytes + batches[index].footprint > context.settings.historyBytes / 2 {
                deliverTogether(Array(batches[start..<index]))
                start = index
                bytes = 0
            }
            bytes += batches[index].footprint
        }
        deliverTogether(start == 0 ? batches : Array(batches[start...]))
    }

    private func deliverTogether(_ batches: [Batch]) {
        for batch in batches { log.append(batch) }
        var arrivals = Arrivals()
        swap(&arrivals, &self.arrivals)
        sort(batches, into: &arrivals)
        if !arrivals.channels.isEmpty { latencyClock.read() }
        for members in arrivals.channels { deliver(batches, arrivals, to: members) }
        arrivals.removeAll()
        swap(&arrivals, &self.arrivals)
    }

    private func sort(_ batches: [Batch], into arrivals: inout Arrivals) {
        let channels = channels
        let held = log.heldNumber
        for (place, batch) in batches.enumerated() {
            let entries = batch.entries
            for index in entries.indices {
                guard let members = channels.listeners(of: batch, at: index, entries[index].channelHash) else {
                    continue
                }
                members.extendBacklog(batch.firstNumber + EventNumber(index), floor: held)
                if members.subscribers.isEmpty { continue }
                arrivals.add(members, batch: place, index: index)
            }
        }
    }

    private func deliver(_ batches: [Batch], _ arrivals: Arrivals, to members: ChannelMembers) {
        for encoding in Encoding.allCases where members.has(encoding) {
            deliver(batches, arrivals, to: members, as: encoding)
        }
        // Exceptions are checked event by event, on the way that goes by the cursor. Last of all: whose last exception
        // these batches use up would be taken for one of those above.
        for subscriber in members.subscribers where subscriber.hasExceptions {
            guard case .live = subscriber.position else { continue }
            subscriber.position = .log(batches[0].firstNumber - 1, batches[0].entries[0].id.predecessor)
            advance(subscriber)
        }
    }

    /// Gives events to those of their channel's subscribers that are up to date and of this encoding.
    private func deliver(_ batches: [Batch], _ arrivals: Arrivals, to members: ChannelMembers, as encoding: Encoding) {
        var gather = Gather()
        swap(&gather, &self.gather)
        var next = members.firstArrival
        while next >= 0 {
            gather.removeAll(for: encoding)
            while next >= 0, !gather.isFull {
                let event = arrivals.events[Int(next)]
                gather.add(batches[Int(event.batch)], Int(event.index))
                next = event.next
            }
            var written = 0
            for subscriber in members.subscribers {
                guard case .live = subscriber.position, subscriber.encoding == encoding, !subscriber.hasExceptions
                else { continue }
                let before = counters.deliveries
                if send(gather, to: subscriber) {
                    written += 1
                } else {
                    noteLive(gather, counters.deliveries - before, sockets: 1)
                }
                if written == LatencyClock.writesPerReading {
                    noteLive(gather, gather.events.count, sockets: written)
                    written = 0
                }
            }
            if written > 0 { noteLive(gather, gather.events.count, sockets: written) }
        }
        swap(&gather, &self.gather)
    }

    /// Writes the gather to a subscriber that has had everything before it. Returns whether all of it went.
    ///
    /// Otherwise the subscriber's cursor stands on the last event of which the socket has taken any byte, and the
    /// connection waits until it is writable. A subscriber whose socket failed is closed.
    private func send(_ gather: Gather, to subscriber: Subscriber) -> Bool {
        let connection = subscriber.connection
        switch connection.write(gather) {
        case .sent:
            counters.deliveries += gather.events.count
            counters.bytesSent += gather.byteCount
            noteGiven(gather, subscriber, gather.events.count)
            return true
        case .blocked(let started, let bytes):
            counters.deliveries += started
            counters.bytesSent += bytes
            noteGiven(gather, subscriber, started)
            let cursor = started > 0 ? gather.events[started - 1].number : gather.events[0].number - 1
            let place = started > 0 ? gather.events[started - 1].id : gather.events[0].id.predecessor
            subscriber.position = .log(cursor, place)
            return false
        case .closed:
            return false
        }
    }

    /// Counts events that were missed and have now been handed over.
    /// - Parameter source: where the first of them came from.
    private func countReplayed(
        _ count: Int, to subscriber: Subscriber, _ source: WritableKeyPath<LoopCounters, Int>
    ) {
        guard count > 0 else { return }
        counters.eventsReplayed += count
        guard !subscriber.isReplayCounted else { return }
        subscriber.isReplayCounted = true
        counters[keyPath: source] += 1
    }

    /// Who wants to be told of gaps is told the ID of the last event it was given.
    private func noteGiven(_ gather: Gather, _ subscriber: Subscriber, _ count: Int) {
        guard subscriber.gaps.isWanted, count > 0 else { return }
        subscriber.gaps.stand(at: gather.events[count - 1].id)
    }

    /// Sends a subscriber what it is owed, as far as its socket takes it and the log or Redis have it.
    func advance(_ subscriber: Subscriber) {
        let connection = subscriber.connection
        while connection.canSend {
            switch subscriber.position {
            case .live:
                return

            case .log(let cursor, let place):
                let end: EventNumber
                switch log.outlook(after: cursor, at: place) {
                case .held(let through):
                    end = through
                case .elsewhere(let place, let hadBefore):
                    // What comes next is in memory still for who has had everything before a break.
                    if cursor < log.heldNumber { subscriber.hasFallenBehind = true }
                    // Only Redis tells of what lies below the log.
                    if place < log.floor, let hadBefore {
                        subscriber.exceptions.hadOfStreamBefore(through: hadBefore)
                    }
                    subscriber.position = .history(.settled(place, frontier: nil))
                    continue
                case .gone:
                    return connection.end(.slow)
                }
                let last = gatherFromLog(for: subscriber, after: cursor, through: end)
                if gather.isEmpty {
                    if last < log.lastNumber {
                        subscriber.position = .log(last, log.id(at: last))
                        continue
                    }
                    subscriber.position = .live
                    subscriber.hasFallenBehind = false
                    subscriber.missedThrough = 0
                    subscriber.isReplayCounted = false
                    subscriber.isCrossingBreak = false
                    subscriber.knownGap = nil
                    subscriber.exceptions.prune(through: log.lastID)
                    if subscriber.encoding == .poll { connection.pollIsUpToDate() }
                    return
                }
                let before = counters.deliveries
                let missed = subscriber.missedThrough
                let isAllSent = send(gather, to: subscriber)
                if missed > 0 {
                    let count = gather.events.prefix(counters.deliveries - before).count { $0.number <= missed }
                    countReplayed(count, to: subscriber, \.replaysFromMemory)
                }
                if isAllSent { subscriber.position = .log(last, log.id(at: last)) }

            case .history(let point):
                if let claim = subscriber.lookUp(from: point) {
                    subscriber.position = .history(claim)
                    continue
                }
                if case .settled(let id, _) = point, id >= log.floor {
                    place(subscriber, at: log.number(atOrBefore: id))
                    continue
                }
                replayer.enqueue(subscriber)
                return

            case .replaying(var replay):
                gather.removeAll(for: subscriber.encoding)
                while replay.next < replay.batch.count, !gather.isFull {
                    gather.add(replay.batch, replay.next, isReplay: true)
                    replay.next += 1
                }
                if gather.isEmpty {
                    go(on: subscriber, with: replay.then)
                    continue
                }
                let from = replay.next - gather.events.count
                switch connection.write(gather) {
                case .sent:
                    counters.deliveries += gather.events.count
                    counters.bytesSent += gather.byteCount
                    noteGiven(gather, subscriber, gather.events.count)
                    countReplayed(gather.events.count, to: subscriber, \.replaysFromChannelStream)
                    subscriber.position = .replaying(replay)
                case .blocked(let started, let bytes):
                    counters.deliveries += started
                    counters.bytesSent += bytes
                    noteGiven(gather, subscriber, started)
                    countReplayed(started, to: subscriber, \.replaysFromChannelStream)
                    subscriber.hasFallenBehind = true
                    replay.next = from + started
                    if let restart = replay.wait(within: replayBudget) {
                        subscriber.position = .history(restart)
                        return
                    }
                    subscriber.position = .replaying(replay)
                case .closed:
                    return
                }
            }
        }
    }

    /// Puts the cursor on an event of the log, or just before its first.
    func place(_ subscriber: Subscriber, at number: EventNumber) {
        subscriber.position = .log(number, log.id(at: number))
    }

    func go(on subscriber: Subscriber, with next: ReplayPlan.Next) {
        switch next {
        case .log(let number, let place, let exceptions):
            subscriber.exceptions = exceptions
            subscriber.position = .log(number, place)
        case .again(let point, let exceptions):
            subscriber.exceptions = exceptions
            subscriber.position = .history(point)
        }
    }

    /// How many links of a channel's chain are followed before its events are listed once for all who lag.
    private static let shortWalk = 4096

    /// Fills the gather with the subscriber's events behind the cursor, without its exceptions. Returns the number up to
    /// which the log was looked through: the last event considered, or `end` when there were no more up to there.
    private func gatherFromLog(
        for subscriber: Subscriber, after cursor: EventNumber, through end: EventNumber
    ) -> EventNumber {
        gather.removeAll(for: subscriber.encoding)
        let members = subscriber.members
        if members.backlog == nil {
            numbers.removeAll(keepingCapacity: true)
            switch log.collect(members.channel, after: cursor, limit: Self.shortWalk, into: &numbers) {
            case .complete:
                return fill(from: numbers[...], through: end, for: subscriber)
            case .limitReached:
                var all: [EventNumber] = []
                _ = log.collect(members.channel, after: log.heldNumber, into: &all)
                members.backlog = all
            }
        }
        guard let backlog = members.backlog else { return end }
        var low = 0
        var high = backlog.count
        while low < high {
            let middle = (low + high) / 2
            if backlog[middle] <= cursor { low = middle + 1 } else { high = middle }
        }
        return fill(from: backlog[low...], through: end, for: subscriber)
    }

    private func fill(
        from numbers: ArraySlice<EventNumber>, through end: EventNumber, for subscriber: Subscriber
    ) -> EventNumber {
        for number in numbers {
            guard number <= end else { break }
            guard let (batch, index) = log.locate(number) else { continue }
            if subscriber.hasExceptions, subscriber.exceptions.skips(in: batch, at: index) { continue }
            gather.add(batch, index)
            // One at a time while there are exceptions: each is used up when it is met, so what is looked through and
            // what is sent must not part when the socket blocks.
            if gather.isFull || subscriber.hasExceptions { return number }
        }
        return end
    }

    // MARK: Breaks

    /// The stream does not go on where the log has read to: those who have had everything up to there go on by the rules
    /// for a place that is known, as do those who are still to be given what the log holds from before.
    func breakLog(_ next: Break) {
        let end = log.lastNumber
        let place = log.lastID
        log.begin(after: next)
        replayer.voidRounds()
        forEachConnection { connection in
            guard let subscriber = connection.subscriber, !subscriber.hasLeft else { return }
            let owedFrom = subscriber.settledPlace
            subscriber.logHasBroken(next, log)
            switch subscriber.position {
            case .live:
                subscriber.isCrossingBreak = true
                subscriber.position = .log(end, place)
                advance(subscriber)
            case .log, .replaying:
                subscriber.isCrossingBreak = true
            case .history:
                move(subscriber, from: owedFrom, across: next)
            }
        }
        // Only now: an old place could be taken for one of the new stretch.
        replayer.startDoubtfulOver()
    }

    /// Someone who waits for what only Redis has, or had.
    /// - Parameter place: where it was owed what follows; nil where nothing but the ID that it brought says so.
    private func move(_ subscriber: Subscriber, from place: StreamID?, across next: Break) {
        guard next.renewsIDs, let place else { return advance(subscriber) }
        guard !subscriber.hasFallenBehind else { return subscriber.connection.end(.slow) }
        guard place > next.common else { return advance(subscriber) }
        counters.gaps += 1
        tellGap(subscriber)
        subscriber.exceptions.hadOfStreamBefore(through: place)
        subscriber.position = .history(.settled(next.common, frontier: nil))
        goOnSending(subscriber)
    }
}

extension Subscriber {
    /// Where it is owed what follows, if it waits for that: also where its claim is being looked up and comes to nothing.
    fileprivate var settledPlace: StreamID? {
        switch position {
        case .history(.settled(let place, _)): place
        case .history(.claimed(let id)): claim?.common ?? (hasFallenBehind ? id : nil)
        case .live, .log, .replaying: nil
        }
    }

    /// Drops what it remembers of IDs that mean something else now.
    fileprivate func logHasBroken(_ next: Break, _ log: borrowing EventLog) {
        guard next.renewsIDs else { return }
        arrival = min(arrival, next.common)
        exceptions.keep(through: next.common)
        if let claim, next.mayRenew(claim.id) {
            // What was read since it came may tell that it is of the stream before. Who still asks cannot rely on that: the log may
            // let go of it.
            let isAsking = if case .history(.claimed) = position { true } else { false }
            if !isAsking, case .event = log.place(claim.id, of: channel) { self.claim = nil }
            self.claim?.isToBeLookedUp(orElse: next.common)
        }
        guard case .replaying(var replay) = position else { return }
        replay.logHasBroken(next)
        position = .replaying(replay)
    }
}

extension GatewayLoop {
    /// Sends what is queued, and then what the subscriber is owed.
    func goOnSending(_ subscriber: Subscriber) {
        if subscriber.connection.output.isEmpty { advance(subscriber) } else { subscriber.connection.flush() }
    }

    /// Queues the notice of a gap for a subscriber that asked for it. Not sent yet: sending goes on with what the subscriber
    /// is owed, and its place may not be set.
    func tellGap(_ subscriber: Subscriber) {
        guard let id = subscriber.gaps.tell() else { return }
        let notice = GapNotices.notice(id, subscriber.encoding)
        if let poll = subscriber.poll { poll.appendNotice(notice) } else { subscriber.connection.queue(notice) }
    }
}

extension EventLog {
    /// The ID that a cursor on this number stands for.
    func id(at number: EventNumber) -> StreamID {
        guard let (batch, index) = locate(number) else { return number >= lastNumber ? lastID : floor }
        return batch.entries[index].id
    }
}
