/// Finds where commands end in what a Redis client sends: arrays of bulk strings.
public struct CommandCounter: Sendable {
    private var buffer: [UInt8] = []

    public init() {}

    /// Takes bytes and returns the names of the commands that are complete now.
    public mutating func feed(_ bytes: ArraySlice<UInt8>) -> [String] {
        buffer += bytes
        var names: [String] = []
        var start = 0
        while let command = command(from: start) {
            names.append(command.name)
            start = command.end
        }
        buffer.removeFirst(start)
        return names
    }

    private func command(from start: Int) -> (name: String, end: Int)? {
        guard let count = number(at: start) else { return nil }
        var at = count.end
        var name = ""
        for index in 0..<count.value {
            guard let length = number(at: at), length.end + length.value + 2 <= buffer.count else { return nil }
            if index == 0 { name = String(decoding: buffer[length.end..<length.end + length.value], as: UTF8.self) }
            at = length.end + length.value + 2
        }
        return (name.uppercased(), at)
    }

    /// The number behind the type's byte, up to the line's end.
    private func number(at start: Int) -> (value: Int, end: Int)? {
        guard start < buffer.count, let end = buffer[start...].firstIndex(of: 10) else { return nil }
        let digits = String(decoding: buffer[(start + 1)..<(end - 1)], as: UTF8.self)
        return Int(digits).map { ($0, end + 1) }
    }
}
