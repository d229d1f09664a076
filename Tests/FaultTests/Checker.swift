/// Judges what a client was given against what was written. A value without I/O, so that tests of its own can show that it
/// catches what it is there to catch.
///
/// What a client is owed: each event of its channel that the channel's stream still holds and whose entry in the global
/// stream was written for sure (a producer got its ID, or the stream still holds it), once, in the order of the global
/// stream. Whatever else the producers tried may come, but not twice. The promises of DESIGN part 2, with its exceptions
/// named where they are made.
struct Checker {
    struct Event: Sendable {
        var number: Int
        var channel: Int
        /// The IDs its producer got, or that the streams show.
        var channelID: EntryID?
        var globalID: EntryID?
        /// Which lives of the global stream the second write may belong to.
        var epochs = 0...0
        /// When the second write was answered, or the event given up.
        var writtenAt = 0
        /// Whether the channel's stream holds it at the end.
        var isInChannel = false
        /// Its place in the global stream at the end.
        var rank: Int?
    }

    struct Delivery: Sendable {
        var number: Int
        var id: String
        /// Index into the client's ``Client/resumes``.
        var connection: Int
    }

    struct Resume: Sendable {
        /// Nil for a first connection.
        var lastID: String?
        /// The event that the ID came with.
        var lastNumber: Int?
        var gateway: Int
        /// When the server accepted it.
        var openedAt = 0
    }

    struct Client: Sendable {
        var name: String
        var channel: Int
        var deliveries: [Delivery] = []
        var resumes: [Resume] = []
        /// What it had had when these deliveries began.
        var hadBefore: Set<Int> = []
    }

    enum Fault: Equatable, Sendable {
        case gap, double, disorder, stranger, wrongID
    }

    struct Finding: Sendable, CustomStringConvertible {
        var fault: Fault
        var number: Int
        var description: String
        /// Its first line.
        var summary: Substring { description.prefix { $0 != "\n" } }
    }

    /// `producerSkewMs`.
    var skew: Int
    var events: [Int: Event]
    /// For each time the global stream lost entries by force: the first ID that it kept or, when it was emptied, the first
    /// that it could give out afterwards and the first that it did.
    var trims: [EntryID] = []
    /// When a primary's last writes were lost with it: before it was cut off from its replica (which is never quite up to
    /// date) until nobody wrote to it any more.
    var losses: [ClosedRange<Int>] = []
    /// The last life of the global stream that ended with its deletion. What was removed so, of earlier lives too, is not
    /// owed, though its channel's stream may still hold it: nothing tells it from what was never to be written to the global
    /// stream.
    var deletedLife: Int?
    /// The life of the global stream in which all clients stood at the beginning. What was trimmed from a later one is not
    /// owed: who has not seen a life begin does not know what it held.
    var knownLife = Int.max
    /// Whether an event that was forced out of its channel's stream may be missing.
    var channelTrimsExcuse = true

    init(skew: Int, events: [Event]) {
        self.skew = skew
        self.events = Dictionary(uniqueKeysWithValues: events.map { ($0.number, $0) })
    }

    // MARK: What is owed

    /// A producer whose two writes lay further apart than it may was promised nothing.
    func isWithinContract(_ event: Event) -> Bool {
        guard let channelID = event.channelID, let globalID = event.globalID else { return true }
        return abs(channelID.milliseconds - globalID.milliseconds) <= skew
    }

    /// Its second write went with its primary or with the whole stream, though its first may still be there.
    private func isLost(_ event: Event) -> Bool {
        guard event.rank == nil else { return false }
        return event.epochs.upperBound > knownLife || losses.contains { $0.contains(event.writtenAt) }
            || deletedLife.map { event.epochs.lowerBound <= $0 } ?? false
    }

    func isOwed(_ event: Event) -> Bool {
        guard isWithinContract(event), event.globalID != nil || event.rank != nil else { return false }
        return !isLost(event) && (event.isInChannel || (!channelTrimsExcuse && event.rank != nil))
    }

    /// A client that brings an ID of an earlier life of the stream is in a place that the new one counts from: what stood
    /// there below it when the client came, and its gateway asked Redis, is not owed.
    private func isBelowOldPosition(_ event: Event, _ resume: Resume) -> Bool {
        guard let id = resume.lastID.flatMap({ EntryID($0) }), let globalID = event.globalID, globalID <= id,
            let last = resume.lastNumber.flatMap({ events[$0] })
        else { return false }
        return last.epochs.lowerBound < event.epochs.upperBound && event.writtenAt <= resume.openedAt + 200
    }

    /// A client that brings the global ID of an event that was lost, where its channel has another event's entry with the same
    /// ID: it counts as one who has had the channel up to there, since that may be what it says.
    private func isBelowChannelID(_ event: Event, _ resume: Resume) -> Bool {
        guard let id = resume.lastID.flatMap({ EntryID($0) }), let own = event.channelID, own <= id,
            let last = resume.lastNumber.flatMap({ events[$0] }), isLost(last), last.globalID == id,
            last.epochs.lowerBound < event.epochs.upperBound
        else { return false }
        return events.values.contains { $0.channel == event.channel && $0.isInChannel && $0.channelID == id }
    }

    /// A client that has gone on to a later life comes to a gateway that cannot reach Redis and lives in the one before: by
    /// its memory what lies above the ID is what follows. IDs do not say which life they are of.
    private func isMemoryOfOldLife(_ event: Event, _ resume: Resume) -> Bool {
        guard event.rank == nil, let id = resume.lastID.flatMap({ EntryID($0) }), let globalID = event.globalID,
            globalID > id, let last = resume.lastNumber.flatMap({ events[$0] })
        else { return false }
        return event.epochs.lowerBound < last.epochs.upperBound
    }

    /// DESIGN 3.1: where the global stream was trimmed to within the skew of the place that a client has come to, events
    /// within the skew of that place may be repeated. The place is the ID that it brought, or on an open connection whose
    /// gateway found that entries were removed unread, the highest ID it was given.
    private func mayRepeat(_ event: Event, at places: [EntryID?]) -> Bool {
        guard isWithinContract(event) else { return true }
        return places.contains { place in
            guard let place, trims.contains(where: { $0.milliseconds >= place.milliseconds - skew }) else {
                return false
            }
            // A place before an ID ends in the millisecond before it. Up to a skew behind what the stream now begins with an
            // event's entry may have been removed, or be still to come.
            let beginnings = trims.filter { abs($0.milliseconds - place.milliseconds) <= skew }
            return [event.channelID, event.globalID].contains { own in
                guard let own else { return false }
                return ([place] + beginnings).contains { abs(own.milliseconds - $0.milliseconds) <= skew + 1 }
            }
        }
    }

    /// Near a trim nothing tells an event whose entry in the global stream was removed from one whose entry is yet to come,
    /// or to be read: it is given early, in its channel's order and under an ID that is not its own.
    private func isEarly(_ delivery: Delivery, _ event: Event) -> Bool {
        guard EntryID(delivery.id) != event.globalID, let own = event.channelID else { return false }
        return trims.contains { own.milliseconds <= $0.milliseconds + skew }
    }

    /// What was given early comes again in its own place to a client that resumes from before that place: its ID does not
    /// say what it was given beyond it.
    private func comesAfterEarly(_ event: Event, _ client: Client, at index: Int) -> Bool {
        let resume = client.resumes[client.deliveries[index].connection]
        guard let place = resume.lastID.flatMap({ EntryID($0) }), let own = event.globalID, own > place else {
            return false
        }
        return client.deliveries[..<index].contains { $0.number == event.number && isEarly($0, event) }
    }

    /// Whether it is certain that the one stands before the other.
    func precedes(_ a: Event, _ b: Event) -> Bool {
        if let first = a.rank, let second = b.rank { return first < second }
        guard !isLost(a), !isLost(b), isWithinContract(a), isWithinContract(b), let aChannel = a.channelID,
            let bChannel = b.channelID
        else {
            return false
        }
        switch (a.globalID, b.globalID) {
        case (nil, nil):
            return a.epochs.upperBound <= b.epochs.lowerBound && aChannel < bChannel
        case (let aGlobal?, let bGlobal?):
            if a.epochs.upperBound < b.epochs.lowerBound { return true }
            guard a.epochs == b.epochs, a.epochs.count == 1 else { return false }
            // What was removed before it was read has only the channel's order left.
            return aGlobal < bGlobal && aChannel < bChannel
        case (nil, _?), (_?, nil):
            return false
        }
    }

    /// A client that has been in a life of the stream, and was then taken back to the one before by a gateway that did not
    /// know better, holds IDs that stand above what it has had: below them nothing tells what it is owed.
    private func takenBack(_ client: Client) -> (index: Int, through: EntryID)? {
        var latest = (epoch: Int.min, connection: -1)
        var found: (index: Int, through: EntryID)?
        for (index, delivery) in client.deliveries.enumerated() {
            guard let event = events[delivery.number], let id = EntryID(delivery.id) else { continue }
            if event.epochs.upperBound < latest.epoch, delivery.connection != latest.connection {
                let through = [found?.through, id, event.globalID].compactMap { $0 }.max() ?? id
                found = (found?.index ?? index, through)
            }
            if event.epochs.lowerBound > latest.epoch { latest = (event.epochs.lowerBound, delivery.connection) }
        }
        return found
    }

    // MARK: Judgement

    /// The first thing that is wrong; nil when nothing is.
    func judge(_ client: Client) -> Finding? {
        var had = client.hadBefore
        var highestRank: (rank: Int, index: Int)?
        var recent: [Event] = []
        var early: (connection: Int, event: Event)?
        var place: (connection: Int, id: EntryID?, epoch: Int) = (-1, nil, .min)
        let back = takenBack(client)
        for (index, delivery) in client.deliveries.enumerated() {
            guard let event = events[delivery.number], event.channel == client.channel else {
                return finding(
                    .stranger, delivery.number, client, index, "was given an event that is not its channel's")
            }
            if let back, index >= back.index, let globalID = event.globalID, globalID <= back.through {
                had.insert(event.number)
                continue
            }
            let resume = client.resumes[delivery.connection]
            let brought = resume.lastID.flatMap { EntryID($0) }
            if place.connection != delivery.connection {
                let last = resume.lastNumber.flatMap { events[$0] }
                place = (delivery.connection, brought, last?.epochs.upperBound ?? .min)
            }
            defer {
                // In a new life places are counted anew: an ID of an earlier one may have been far above them.
                let isNew = event.epochs.lowerBound > place.epoch && place.epoch != .min
                place.id = [isNew ? nil : place.id, EntryID(delivery.id)].compactMap { $0 }.max()
                place.epoch = max(place.epoch, event.epochs.lowerBound)
            }
            if !had.insert(event.number).inserted {
                guard
                    mayRepeat(event, at: [brought, place.id]) || isMemoryOfOldLife(event, resume)
                        || comesAfterEarly(event, client, at: index)
                else {
                    return finding(.double, event.number, client, index, "was given the event again")
                }
                continue
            }
            if let wrong = wrongID(delivery, event) {
                return finding(.wrongID, event.number, client, index, wrong)
            }
            guard isWithinContract(event), !isMemoryOfOldLife(event, client.resumes[delivery.connection]) else {
                continue
            }
            if isEarly(delivery, event) {
                defer { early = (delivery.connection, event) }
                guard let before = early, before.connection == delivery.connection, precedes(event, before.event),
                    let own = event.channelID, let other = before.event.channelID, own < other
                else { continue }
                return finding(
                    .disorder, event.number, client, index, "was given the event after event \(before.event.number)")
            }
            early = nil
            if let rank = event.rank {
                if let highest = highestRank, highest.rank > rank {
                    let other = client.deliveries[highest.index].number
                    return finding(.disorder, event.number, client, index, "was given the event after event \(other)")
                }
                highestRank = (rank, index)
            }
            // Far apart in the wrong order means that some neighbours are, too.
            if let other = recent.first(where: { precedes(event, $0) }) {
                return finding(
                    .disorder, event.number, client, index, "was given the event after event \(other.number)")
            }
            recent.append(event)
            if recent.count > 100 { recent.removeFirst(50) }
        }
        return missing(client, had)
    }

    private func missing(_ client: Client, _ had: Set<Int>) -> Finding? {
        let back = takenBack(client)
        let lost = events.values.filter { event in
            event.channel == client.channel && !had.contains(event.number) && isOwed(event)
                && !(back.map { back in event.globalID.map { $0 <= back.through } ?? false } ?? false)
                && !client.resumes.contains { isBelowOldPosition(event, $0) || isBelowChannelID(event, $0) }
        }
        guard let first = lost.min(by: { ($0.rank ?? 0, $0.number) < ($1.rank ?? 0, $1.number) }) else { return nil }
        // Where it should have come: before the first event that certainly follows it.
        let index = client.deliveries.firstIndex { delivery in
            events[delivery.number].map { precedes(first, $0) } ?? false
        }
        return finding(
            .gap, first.number, client, index ?? client.deliveries.count,
            "was never given the event (\(lost.count) missing in all)")
    }

    /// Under the global stream's ID, unless that may have been gone when the event was sent: trimmed, or lost with a primary
    /// that had passed on the first of the two writes alone.
    private func wrongID(_ delivery: Delivery, _ event: Event) -> String? {
        guard let id = EntryID(delivery.id) else { return "was given the event under “\(delivery.id)”" }
        guard trims.isEmpty, isWithinContract(event), !isLost(event), let globalID = event.globalID else { return nil }
        return id == globalID ? nil : "was given the event under \(id)"
    }

    // MARK: Saying it

    private func finding(_ fault: Fault, _ number: Int, _ client: Client, _ index: Int, _ what: String) -> Finding {
        var lines = ["\(client.name) (channel c\(client.channel)) \(what): \(describe(number))"]
        if index < client.deliveries.count {
            let resume = client.resumes[client.deliveries[index].connection]
            lines.append(
                "  on connection \(client.deliveries[index].connection) to gateway \(resume.gateway), which it opened with last_id "
                    + "\(resume.lastID ?? "none") (event \(resume.lastNumber.map { "\($0)" } ?? "-"))")
        }
        lines.append("  what it was given around it:")
        for at in max(0, index - 12)..<min(client.deliveries.count, index + 4) {
            let delivery = client.deliveries[at]
            lines.append(
                "  \(at == index ? "→" : " ") connection \(delivery.connection) as \(delivery.id): \(describe(delivery.number))"
            )
        }
        let earlier = client.deliveries.indices.filter { client.deliveries[$0].number == number && $0 != index }
        if index == client.deliveries.count, let last = client.resumes.last {
            lines.append(
                "  its last connection was to gateway \(last.gateway), opened with last_id \(last.lastID ?? "none")")
        }
        if let at = earlier.first {
            lines.append(
                "  the other time: connection \(client.deliveries[at].connection) as \(client.deliveries[at].id)")
        }
        return Finding(fault: fault, number: number, description: lines.joined(separator: "\n"))
    }

    private func describe(_ number: Int) -> String {
        guard let event = events[number] else { return "event \(number), of which nothing is known" }
        let place = event.rank == nil ? "not in the global stream now" : "in the global stream"
        return "event \(number) channel c\(event.channel) c=\(event.channelID.map { "\($0)" } ?? "?") "
            + "g=\(event.globalID.map { "\($0)" } ?? "?") epochs \(event.epochs), \(place), "
            + (event.isInChannel ? "in its channel's" : "not in its channel's")
    }
}
