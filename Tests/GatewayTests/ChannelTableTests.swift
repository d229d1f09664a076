import EventLog
import Testing

@testable import Gateway

@Suite("The table of channels")
struct ChannelTableTests {
    @Test("thousands of channels are found, and none that nobody has joined")
    func lookUp() {
        var table = ChannelTable()
        var known: [String: ChannelMembers] = [:]
        for number in 0..<5000 {
            let name = "channel \(number % 3500)"
            let members = table.join(Channel(Array(name.utf8)))
            if let before = known[name] { #expect(before === members) }
            known[name] = members
        }
        #expect(table.count == 3500)
        var index = BucketIndex(historyBytes: 1 << 20)
        var builder = BatchBuilder()
        let names = (0..<7000).map { "channel \($0)" }
        for (number, name) in names.enumerated() {
            let data = Array("{\"channel_id\":\"\(name)\"}".utf8)
            data.withUnsafeBytes {
                builder.append(
                    id: StreamID(milliseconds: 1, sequence: UInt64(number)), data: $0,
                    channel: .data(15..<15 + name.utf8.count))
            }
        }
        let batch = builder.seal(index: &index)
        for (place, name) in names.enumerated() {
            #expect(table.listeners(of: batch, at: place, batch.entries[place].channelHash) === known[name])
        }
        // Nobody is on any of them.
        let removed = table.collectGarbage()
        #expect(removed == 3500)
        #expect(table.count == 0)
        for place in names.indices {
            #expect(table.listeners(of: batch, at: place, batch.entries[place].channelHash) == nil)
        }
        let anew = table.join(Channel(Array("channel 1".utf8)))
        #expect(anew !== known["channel 1"])
    }
}
