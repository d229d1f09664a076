public import EventLog

/// A command that is sent again and again with another ID each time: what stays the same is formatted once.
public struct CommandTemplate: Sendable {
    /// The bytes before, between and behind the IDs.
    private let pieces: [[UInt8]]
    private let key: [UInt8]

    /// - Parameter arguments: nil stands for the ID.
    init(_ arguments: [[UInt8]?], key: [UInt8]) {
        self.key = key
        var pieces: [[UInt8]] = [Array("*\(arguments.count)\r\n".utf8)]
        for argument in arguments {
            if let argument {
                pieces[pieces.count - 1] += Array("$\(argument.count)\r\n".utf8) + argument + Array("\r\n".utf8)
            } else {
                pieces.append([])
            }
        }
        self.pieces = pieces
    }

    /// `XREAD` of one stream: entries above the ID, at most `count`, waiting for the first at most so long.
    public static func xread(count: Int, blockMilliseconds: Int, stream: [UInt8]) -> CommandTemplate {
        let words = ["XREAD", "COUNT", "\(count)", "BLOCK", "\(blockMilliseconds)", "STREAMS"]
        return CommandTemplate(words.map { Array($0.utf8) } + [stream, nil], key: stream)
    }

    /// `XRANGE` of the one entry with the ID.
    public static func xrange(stream: [UInt8]) -> CommandTemplate {
        CommandTemplate(
            [Array("XRANGE".utf8), stream, nil, nil, Array("COUNT".utf8), Array("1".utf8)], key: stream)
    }

    /// The command for this ID.
    public func command(_ id: StreamID) -> Command {
        withUnsafeTemporaryAllocation(byteCount: StreamID.maximumTextLength, alignment: 1) { text in
            let length = id.write(into: text)
            var bytes = pieces[0]
            bytes.reserveCapacity(pieces.reduce(0) { $0 + $1.count + length + 8 })
            for piece in pieces.dropFirst() {
                bytes.append(UInt8(ascii: "$"))
                // An ID has 3 to 41 bytes.
                if length >= 10 { bytes.append(UInt8(ascii: "0") + UInt8(length / 10)) }
                bytes.append(UInt8(ascii: "0") + UInt8(length % 10))
                bytes.append(contentsOf: [0x0D, 0x0A])
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[..<length]))
                bytes.append(contentsOf: [0x0D, 0x0A])
                bytes.append(contentsOf: piece)
            }
            return Command(formatted: bytes, key: key)
        }
    }
}
