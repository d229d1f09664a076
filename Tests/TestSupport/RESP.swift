/// A reply of Redis (RESP2), for tests: written anew rather than taken from `RedisStreams`, which it helps to test.
public indirect enum RESPValue: Equatable {
    case status(String)
    case error(String)
    case integer(Int)
    case bulk([UInt8])
    case array([RESPValue])
    case null

    public var text: String {
        switch self {
        case .status(let text), .error(let text): text
        case .integer(let number): String(number)
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .array(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .null: "(nil)"
        }
    }
}

/// A blocking connection to Redis.
public final class RESPConnection {
    private let socket: TestSocket

    public init(path: String) throws { socket = try TestSocket.connect(path: path) }
    public init(port: UInt16) throws { socket = try TestSocket.connect(port: port) }

    public func command(_ arguments: [String]) throws -> RESPValue {
        try command(arguments.map { Array($0.utf8) })
    }

    public func command(_ arguments: [[UInt8]]) throws -> RESPValue {
        var bytes = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments { bytes += Array("$\(argument.count)\r\n".utf8) + argument + [13, 10] }
        try socket.send(bytes)
        return try reply()
    }

    private func reply() throws -> RESPValue {
        let line = String(try socket.read(through: "\r\n").dropLast())
        let rest = String(line.dropFirst()).trimmingSuffix("\r")
        switch line.first {
        case "+": return .status(rest)
        case "-": return .error(rest)
        case ":": return .integer(Int(rest) ?? 0)
        case "$":
            guard let count = Int(rest), count >= 0 else { return .null }
            let bytes = try socket.read(count + 2)
            return .bulk(Array(bytes.dropLast(2)))
        case "*":
            guard let count = Int(rest), count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try reply() })
        default: throw Failure("Redis sent \(line)")
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
