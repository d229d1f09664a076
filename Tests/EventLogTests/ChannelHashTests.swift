import EventLog
import Testing

@Suite("Channel hashes")
struct ChannelHashTests {
    @Test("names that differ in one byte, or in their length, have different hashes, and those spread over all buckets")
    func spread() {
        var names: [[UInt8]] = (0..<64).map { [UInt8](repeating: 0, count: $0) }
        for number in 0..<20_000 { names.append(Array("4ba1c9fe-6f6c-4bbd-8f37-\(number)".utf8)) }
        for place in 0..<40 {
            for bit in 0..<8 {
                var name = [UInt8](repeating: UInt8(ascii: "x"), count: 40)
                name[place] ^= 1 << UInt8(bit)
                names.append(name)
            }
        }
        let hashes = names.map { Channel($0).hash.value }
        #expect(Set(hashes).count == names.count)
        for shift: UInt64 in [0, 20, 50] {
            var buckets = [Int](repeating: 0, count: 256)
            for hash in hashes { buckets[Int(hash >> shift & 255)] += 1 }
            // About 80 in each; a hash that spreads badly has hundreds in some.
            #expect(buckets.max() ?? 0 < 200)
            #expect(buckets.min() ?? 0 > 20)
        }
    }

    @Test("a name has the same hash wherever it stands in memory")
    func place() {
        let name = Array("a channel's name of some length".utf8)
        for offset in 0..<16 {
            let bytes = [UInt8](repeating: 7, count: offset) + name + [9]
            bytes.withUnsafeBytes { bytes in
                let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + name.count])
                #expect(ChannelHash(part) == Channel(name).hash)
            }
        }
    }
}
