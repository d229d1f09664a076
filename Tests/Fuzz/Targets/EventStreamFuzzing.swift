import ServerSentEvents

/// An event stream as a client reads it: the same events whatever pieces it comes in.
enum EventStreamFuzzing {
    static func finding(in input: [UInt8]) -> String? {
        findingOfCuts(input) { pieces in
            var parser = EventStreamParser(maxEventBytes: 256)
            var seen = ""
            for piece in pieces {
                do throws(EventStreamParser.TooLong) {
                    for event in try parser.receive(piece) {
                        seen += "\(event.name.debugDescription) \(event.data) \(event.lastEventID.debugDescription)\n"
                    }
                } catch {
                    // Of the piece in which it becomes too long, no event is given: that does depend on the cuts.
                    return "too long"
                }
            }
            return seen + "\(parser.lastEventID) \(parser.retryMilliseconds ?? -1)"
        }
    }
}
