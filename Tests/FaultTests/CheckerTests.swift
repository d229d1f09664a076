import Testing

@Suite("The faults' checker")
struct CheckerTests {
    /// Events 0 to 9 of channel 0, ten milliseconds apart, the second write a millisecond after the first.
    private static func events(_ change: (inout Checker.Event) -> Void = { _ in }) -> [Checker.Event] {
        (0..<10).map { number in
            var event = Checker.Event(
                number: number, channel: 0, channelID: EntryID(1000 + number * 10),
                globalID: EntryID(1001 + number * 10),
                isInChannel: true, rank: number)
            change(&event)
            return event
        }
    }

    /// - Parameter cutBefore: the position in the list at which the client comes back with the last ID it had.
    private static func client(_ numbers: [Int], cutBefore: Int? = nil) -> Checker.Client {
        var client = Checker.Client(name: "client", channel: 0, resumes: [Checker.Resume(gateway: 0)])
        for (index, number) in numbers.enumerated() {
            if index == cutBefore, index > 0 {
                let last = numbers[index - 1]
                client.resumes.append(
                    Checker.Resume(lastID: "\(1001 + last * 10)-0", lastNumber: last, gateway: 1, openedAt: 5000))
            }
            client.deliveries.append(
                Checker.Delivery(number: number, id: "\(1001 + number * 10)-0", connection: client.resumes.count - 1))
        }
        return client
    }

    private static func fault(
        _ numbers: [Int], cutBefore: Int? = nil, events: [Checker.Event] = events(), trims: [EntryID] = []
    ) -> Checker.Fault? {
        var checker = Checker(skew: 15, events: events)
        checker.trims = trims
        return checker.judge(client(numbers, cutBefore: cutBefore))?.fault
    }

    @Test("each event once and in order is right, with or without a cut")
    func right() {
        #expect(Self.fault(Array(0..<10)) == nil)
        #expect(Self.fault(Array(0..<10), cutBefore: 4) == nil)
    }

    @Test("a gap is found wherever it is, and named", arguments: 0..<10)
    func gap(missing: Int) {
        let numbers = (0..<10).filter { $0 != missing }
        let finding = Checker(skew: 15, events: Self.events()).judge(Self.client(numbers, cutBefore: missing))
        #expect(finding?.fault == .gap)
        #expect(finding?.number == missing)
        #expect(finding?.description.contains("event \(missing) ") == true)
    }

    @Test("a double is found on one connection and across a cut", arguments: [1, 5, 9])
    func double(again: Int) {
        var numbers = Array(0..<10)
        numbers.insert(again, at: again + 1)
        #expect(Self.fault(numbers) == .double)
        #expect(Self.fault(numbers, cutBefore: again + 1) == .double)
        #expect(Self.fault(Array(0..<10) + [again]) == .double)
    }

    @Test("what was had before counts as had")
    func hadBefore() {
        var client = Self.client(Array(4..<10))
        client.hadBefore = [0, 1, 2, 3]
        let checker = Checker(skew: 15, events: Self.events())
        #expect(checker.judge(client) == nil)
        client.hadBefore.insert(4)
        #expect(checker.judge(client)?.fault == .double)
    }

    @Test("two events in the wrong order are found", arguments: 0..<9)
    func disorder(at index: Int) {
        var numbers = Array(0..<10)
        numbers.swapAt(index, index + 1)
        #expect(Self.fault(numbers) == .disorder)
        // Neither stands in the global stream any more: the two IDs agree on the order all the same.
        let removed = Self.events { if $0.number < 10 { $0.rank = nil } }
        #expect(Self.fault(numbers, events: removed) == .disorder)
    }

    @Test("an event that comes much too late is found")
    func late() {
        #expect(Self.fault([1, 2, 3, 4, 5, 6, 7, 8, 9, 0]) == .disorder)
    }

    @Test("another channel's event, and one that nobody wrote, are found")
    func stranger() {
        #expect(Self.fault(Array(0..<10), events: Self.events { if $0.number == 3 { $0.channel = 1 } }) == .stranger)
        #expect(Self.fault(Array(0..<11)) == .stranger)
    }

    @Test("an event under another ID than the global stream's is found")
    func wrongID() {
        let events = Self.events { if $0.number == 3 { $0.globalID = EntryID(1032) } }
        #expect(Self.fault(Array(0..<10), events: events) == .wrongID)
        #expect(Self.fault(Array(0..<10), events: events, trims: [EntryID(1)]) == nil)
        let lost = events.map { event in
            var event = event
            if event.number == 3 { event.rank = nil }
            return event
        }
        var checker = Checker(skew: 15, events: lost)
        #expect(checker.judge(Self.client(Array(0..<10)))?.fault == .wrongID)
        checker.losses = [0...0]
        #expect(checker.judge(Self.client(Array(0..<10))) == nil)
    }

    @Test("an event without a sure entry in the global stream may be missing, may come once, and not twice")
    func optional() {
        let events = Self.events {
            guard $0.number == 3 else { return }
            $0.globalID = nil
            $0.rank = nil
        }
        #expect(Self.fault(Array(0..<10), events: events) == nil)
        #expect(Self.fault((0..<10).filter { $0 != 3 }, events: events) == nil)
        #expect(Self.fault([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9], events: events) == .double)
    }

    @Test("an event that only the global stream lost is owed, one that both lost is not")
    func removed() {
        let without = (0..<10).filter { $0 != 3 }
        #expect(Self.fault(without, events: Self.events { if $0.number <= 3 { $0.rank = nil } }) == .gap)
        let both = Self.events {
            if $0.number <= 3 { $0.rank = nil }
            if $0.number == 3 { $0.isInChannel = false }
        }
        #expect(Self.fault(without, events: both) == nil)
    }

    @Test("what replication had not carried over is not owed")
    func lostWithItsPrimary() {
        let events = Self.events {
            $0.writtenAt = $0.number * 100
            if $0.number == 3 || $0.number == 6 { $0.rank = nil }
        }
        var checker = Checker(skew: 15, events: events)
        checker.losses = [250...350]
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 3 })) == nil)
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 6 }))?.number == 6)
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 4 }))?.number == 4)
    }

    @Test("a repeat is forgiven within the skew of an ID that the global stream was trimmed to, and nowhere else")
    func repeats() {
        let numbers = [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]
        let far = [0, 1, 2, 3, 4, 1, 5, 6, 7, 8, 9]
        let trims = [EntryID(1041)]
        #expect(Self.fault(numbers, cutBefore: 5, trims: trims) == nil)
        #expect(Self.fault(numbers, cutBefore: 5) == .double)
        #expect(Self.fault(numbers, cutBefore: 5, trims: [EntryID(1025)]) == .double)
        #expect(Self.fault(numbers, trims: [EntryID(1020)]) == .double)
        #expect(Self.fault(far, cutBefore: 5, trims: trims) == .double)
    }

    @Test("what went with the whole stream is not owed, and does not come twice")
    func deleted() {
        let events = Self.events {
            let life = $0.number < 2 ? 0 : $0.number < 5 ? 1 : 2
            $0.epochs = life...life
            if $0.number == 3 { $0.rank = nil }
        }
        var checker = Checker(skew: 15, events: events)
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 3 }))?.fault == .gap)
        checker.deletedLife = 0
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 3 }))?.fault == .gap)
        // A life that a promoted replica began has what was there before it, too.
        checker.deletedLife = 2
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 3 })) == nil)
        checker.deletedLife = 1
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 3 })) == nil)
        #expect(checker.judge(Self.client(Array(0..<10))) == nil)
        #expect(checker.judge(Self.client([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]))?.fault == .double)
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 2 }))?.fault == .gap)
    }

    @Test("what came early may come again in its place where a client resumes from before it, and only there")
    func earlyAndAgain() {
        // Its second write came behind another event's, more than a skew after the trim.
        let events = Self.events {
            if $0.number == 5 { ($0.globalID, $0.rank) = (EntryID(1065), 6) }
            if $0.number == 6 { $0.rank = 5 }
        }
        func fault(cutBefore: Int, early: String = "1011-0", trim: Int = 1035) -> Checker.Fault? {
            var client = Self.client([0, 1, 5, 2, 3, 4, 6, 5, 7, 8, 9], cutBefore: cutBefore)
            client.deliveries[2].id = early
            client.deliveries[7].id = "1065-0"
            var checker = Checker(skew: 15, events: events)
            checker.trims = [EntryID(trim)]
            return checker.judge(client)?.fault
        }
        #expect(fault(cutBefore: 7) == nil)
        #expect(fault(cutBefore: 8) == .double)
        #expect(fault(cutBefore: 7, trim: 1030) == .disorder)
        #expect(fault(cutBefore: 7, early: "1065-0") == .disorder)
    }

    @Test("near a trim an event may come early under another ID, in its channel's order; elsewhere not")
    func early() {
        var client = Self.client([0, 1, 5, 6, 2, 3, 4, 7, 8, 9])
        for index in 2...3 { client.deliveries[index].id = "1011-0" }
        var checker = Checker(skew: 15, events: Self.events())
        checker.trims = [EntryID(1050)]
        #expect(checker.judge(client) == nil)
        checker.trims = [EntryID(1030)]
        #expect(checker.judge(client)?.fault == .disorder)
        checker.trims = [EntryID(1050)]
        client.deliveries.swapAt(2, 3)
        #expect(checker.judge(client)?.fault == .disorder)
        #expect(checker.judge(Self.client([0, 1, 5, 6, 2, 3, 4, 7, 8, 9]))?.fault == .disorder)
    }

    @Test("what was trimmed from a life that nobody saw begin is not owed; from one that was known it is")
    func youngLife() {
        let events = Self.events {
            $0.epochs = $0.number < 5 ? 0...0 : 1...1
            if $0.number == 7 { $0.rank = nil }
        }
        var checker = Checker(skew: 15, events: events)
        checker.knownLife = 0
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 7 })) == nil)
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 8 }))?.fault == .gap)
        checker.knownLife = 1
        #expect(checker.judge(Self.client((0..<10).filter { $0 != 7 }))?.fault == .gap)
    }

    @Test("a gateway that has not seen the new life may give again what followed in the old one, and nothing else")
    func oldLife() {
        let events = Self.events {
            // Number 5 is of the old life, whose clock was ahead.
            $0.epochs = $0.number <= 5 ? 0...0 : 1...1
            guard $0.number == 5 else { return }
            $0.channelID = EntryID(1085)
            $0.globalID = EntryID(1085)
            $0.rank = nil
        }
        var client = Self.client([0, 1, 2, 3, 4, 5, 6, 7, 5, 8, 9], cutBefore: 8)
        let checker = Checker(skew: 15, events: events)
        func judged(_ client: Checker.Client) -> Checker.Fault? {
            var client = client
            for index in client.deliveries.indices where client.deliveries[index].number == 5 {
                client.deliveries[index].id = "1085-0"
            }
            return checker.judge(client)?.fault
        }
        #expect(judged(client) == nil)
        client = Self.client([0, 1, 2, 3, 4, 5, 6, 7, 5, 8, 9])
        #expect(judged(client) == .double)
        client = Self.client([0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9], cutBefore: 8)
        #expect(judged(client) == .double)
    }

    @Test("a client that was taken back to an earlier life is judged above the IDs of that one only")
    func takenBack() {
        let events = Self.events {
            // Number 5 is of the old life, whose clock was ahead: its ID stands between those of 7 and 8.
            $0.epochs = $0.number == 5 ? 0...0 : 1...1
            guard $0.number == 5 else { return }
            $0.channelID = EntryID(1075)
            $0.globalID = EntryID(1075)
            $0.rank = nil
        }
        func fault(_ numbers: [Int], as id: String = "1075-0") -> Checker.Fault? {
            var client = Self.client(numbers, cutBefore: numbers.firstIndex(of: 5))
            for index in client.deliveries.indices where client.deliveries[index].number == 5 {
                client.deliveries[index].id = id
            }
            return Checker(skew: 15, events: events).judge(client)?.fault
        }
        #expect(fault([0, 1, 2, 5, 3, 2, 4, 7, 8, 9]) == nil)
        // Given under an ID that is not its own.
        #expect(fault([0, 1, 2, 7, 5, 3, 4, 6, 7, 8, 9], as: "1065-0") == nil)
        #expect(fault([0, 1, 2, 5, 3, 4, 6, 7, 9]) == .gap)
        #expect(fault([0, 1, 2, 5, 3, 4, 6, 7, 9, 8]) == .disorder)
        #expect(fault([0, 1, 2, 5, 3, 4, 6, 7, 8, 8, 9]) == .double)
    }

    @Test("a producer that broke the skew is promised nothing, its neighbours are")
    func outOfContract() {
        let events = Self.events { if $0.number == 3 { $0.channelID = EntryID(1010, 1) } }
        #expect(Self.fault([0, 1, 2, 4, 5, 6, 7, 8, 9], events: events) == nil)
        #expect(Self.fault([0, 1, 2, 4, 3, 3, 5, 6, 7, 8, 9], events: events) == nil)
        #expect(Self.fault([0, 1, 2, 3, 5, 6, 7, 8, 9], events: events) == .gap)
    }

    @Test("a lost event's ID that is another's in the channel's stream excuses what stands there up to it")
    func lostIDInTheChannel() {
        // Number 3 went with its primary. The next one took number 5 under its ID, behind 4.
        func fault(_ without: Int, id: EntryID = EntryID(1031), isLost: Bool = true) -> Checker.Fault? {
            let events = Self.events {
                $0.epochs = $0.number <= 3 ? 0...0 : 1...1
                if $0.number == 3, isLost { ($0.rank, $0.isInChannel) = (nil, false) }
                if $0.number == 4 { $0.channelID = EntryID(1030, 5) }
                if $0.number == 5 { $0.channelID = id }
            }
            var checker = Checker(skew: 30, events: events)
            checker.losses = [0...0]
            return checker.judge(Self.client((0..<10).filter { $0 != without }, cutBefore: 4))?.fault
        }
        #expect(fault(4) == nil)
        #expect(fault(5) == nil)
        #expect(fault(6) == .gap)
        #expect(fault(5, id: EntryID(1032)) == .gap)
        #expect(fault(4, isLost: false) == .gap)
    }

    @Test("an ID of the stream's earlier life excuses what the new one had below it when the client came")
    func earlierLife() {
        func events(writtenAt: Int) -> [Checker.Event] {
            Self.events {
                guard $0.number >= 5 else { return }
                $0.epochs = 1...1
                if $0.number == 5 {
                    $0.channelID = EntryID(1029)
                    $0.globalID = EntryID(1030)
                    $0.writtenAt = writtenAt
                }
            }
        }
        let without = (0..<10).filter { $0 != 5 }
        #expect(Self.fault(without, cutBefore: 5, events: events(writtenAt: 4000)) == nil)
        #expect(Self.fault(without, cutBefore: 5, events: events(writtenAt: 6000)) == .gap)
        #expect(Self.fault(without, events: events(writtenAt: 4000)) == .gap)
    }

    @Test(
        "an ID of an earlier life is no place in this one, however high: near a trim what it was given since may come twice"
    )
    func placeInANewLife() {
        func fault(lifeOfID: Int) -> Checker.Fault? {
            var events = Self.events { $0.epochs = 5...5 }
            events.append(
                Checker.Event(
                    number: 100, channel: 0, channelID: EntryID(5000), globalID: EntryID(5000),
                    epochs: lifeOfID...lifeOfID))
            var checker = Checker(skew: 15, events: events)
            checker.trims = [EntryID(1055)]
            var client = Self.client([0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9])
            client.resumes = [Checker.Resume(lastID: "5000-0", lastNumber: 100, gateway: 0)]
            client.hadBefore = [100]
            return checker.judge(client)?.fault
        }
        #expect(fault(lifeOfID: 4) == nil)
        #expect(fault(lifeOfID: 5) == .double)
    }
}
