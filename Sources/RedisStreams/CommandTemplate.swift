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
        var bytes: [UInt8] = []
        append(id, to: &bytes)
        return Command(formatted: bytes, key: key)
    }

    /// Appends the command for this ID, as it is sent.
    public func append(_ id: StreamID, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: Self.maximumArgument, alignment: 1) { text in
            let argument = Self.write(id, into: text)
            bytes.append(contentsOf: pieces[0])
            for piece in pieces.dropFirst() {
                bytes.append(contentsOf: argument)
                bytes.append(contentsOf: piece)
            }
        }
    }

    /// `$<length>`, the ID and two line ends.
    private static let maximumArgument = 1 + 2 + 2 + StreamID.maximumTextLength + 2

    private static func write(_ id: StreamID, into bytes: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = 5
        let length = id.write(into: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
        // An ID has 3 to 41 bytes: a digit or two before it.
        var begin = start - 3
        bytes[begin] = UInt8(ascii: "0") + UInt8(length % 10)
        if length >= 10 {
            begin -= 1
            bytes[begin] = UInt8(ascii: "0") + UInt8(length / 10)
        }
        begin -= 1
        bytes[begin] = UInt8(ascii: "$")
        let end = start + length
        (bytes[start - 2], bytes[start - 1], bytes[end], bytes[end + 1]) = (0x0D, 0x0A, 0x0D, 0x0A)
        return UnsafeRawBufferPointer(rebasing: bytes[begin..<end + 2])
    }
}
